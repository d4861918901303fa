"""Points that come with the lab, and tables of people's own."""

import numpy as np
import pytest

from core.errors import LabError
from core.foundations.points import MAX_POINTS, fifteen, read_csv, real_sets


def test_sets_that_come_with_it_are_whole() -> None:
    assert fifteen().points.shape == (15, 2)
    assert {one.id: len(one.points) for one in real_sets()} == {
        "iris": 150, "diabetes": 442, "tips": 244, "countries": 142,
    }  # fmt: skip
    assert all(np.isfinite(one.points).all() for one in real_sets())


@pytest.mark.parametrize(
    "text",
    [
        "x,y\n1,2\n3,4.5",
        "1,2\n3,4.5\n",
        "1;2\n3;4,5",
        "name\ta\tb\nu\t1\t2\nv\t3\t4.5",
        "1 2\n3  4.5",
    ],
)
def test_a_table_is_read_whatever_parts_its_columns(text: str) -> None:
    assert read_csv(text).points.tolist() == [[1, 2], [3, 4.5]]


def test_its_first_row_names_the_axes() -> None:
    result = read_csv("\ufeffheight,weight\n1,2\n".encode())
    assert (result.x, result.y) == ("height", "weight") and "one point" in result.source


def test_gaps_are_left_out_and_counted() -> None:
    result = read_csv("1,2\n,3\n4,NA\n5,6\n7,8")
    assert len(result.points) == 3 and "2 rows with gaps" in result.source


def test_of_ten_thousand_rows_some_are_kept() -> None:
    result = read_csv("\n".join(f"{i},{i}" for i in range(10_000)))
    assert len(result.points) == MAX_POINTS and "10,000" in result.source
    assert result.points[0, 0] == 0 and result.points[-1, 0] == 9_999


def test_equal_points_are_told() -> None:
    assert "All x are equal" in read_csv("1,2\n1,2\n1,2").source


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        ("", "empty"),
        ("x,y\n", "two columns"),
        ("a,b\nc,d", "two columns"),
        ("1\n2", "two columns"),
        ("1,2\n3,4\n5,six", "Row 3 has “six”"),
        ("1,2\n3,1e9", "between"),
        ("1,2\n3,inf", "between"),
        (b"\xff\xfe\x00", "UTF-8"),
        ("1,2\n" * 3_000_000, "MiB"),
        (",\nNA,1", "two columns"),
    ],
)
def test_what_is_no_table_is_told_in_a_sentence(content: str | bytes, sentence: str) -> None:
    with pytest.raises(LabError, match=sentence):
        read_csv(content)
