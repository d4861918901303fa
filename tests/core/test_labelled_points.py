"""Tables with classes: real sets, and what is uploaded."""

import pytest

from core.errors import LabError
from core.foundations.labelled_points import MAX_CLASSES, from_csv, real_sets
from core.foundations.points import MAX_POINTS


def test_real_sets_are_whole() -> None:
    for name, table in real_sets().items():
        assert {table.first, table.second} <= set(table.columns), name
        assert {*table.labels} == {*range(len(table.classes))}
        assert 2 <= len(table.classes) <= MAX_CLASSES
        assert {len(row) for row in table.numbers} == {len(table.columns)}
        assert len(table.labels) == len(table.numbers) > 100


def test_a_table_of_ones_own() -> None:
    table = from_csv(b"height;height;kind\n1,5;30;cat\n;4;cat\n1.9;80;dog\n")
    assert table.columns == ["height", "height (2)"]
    assert table.numbers == [[1.5, 30], [1.9, 80]] and table.labels == [0, 1]
    assert table.classes == ["cat", "dog"] and "1 of 3" in table.note
    assert from_csv("1,2,a\n3,4,b").columns == ["column 1", "column 2"]
    many = from_csv("\n".join(f"{i},{i},{'ab'[i >= 50_000]}" for i in range(100_000)))
    assert len(many.numbers) == MAX_POINTS and sum(many.labels) == MAX_POINTS // 2


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"", "empty"),
        (b"\xff\xfe\x00", "UTF-8"),
        (b"1,2", "has 2 columns"),
        (b"1,2,3\n1,3,3", "1 different value;"),
        ("\n".join(f"1,2,{i}" for i in range(9)).encode(), "9 different values"),
        (b"1,2,a\n1,z,b", "Row 2 has “z”"),
        (b"1,inf,a\n1,2,b", "Row 1 has inf"),
        (b",2,a\n1,,b", "No row"),
    ],
)
def test_what_is_wrong_with_a_table_is_said(content: bytes, sentence: str) -> None:
    with pytest.raises(LabError, match=sentence):
        from_csv(content)
