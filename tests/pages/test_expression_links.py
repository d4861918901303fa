"""What links and browsers say of expressions is checked."""

import pytest

from core.errors import LabError
from core.foundations.expressions import backward, forward, parse
from pages.components.expression import Example, read, read_leaves
from pages.parts.foundations.tensors_tab import EXAMPLES


def test_values_of_a_link_are_a_number_a_vector_or_a_matrix() -> None:
    found = read_leaves("w(-0.5)x(1_2_3)v(4_)A(1_2__3_4)row(1_2__)one(5__)c(1__2)z(1e-7)")
    assert {name: value.tolist() for name, value in found.items()} == {
        "w": -0.5, "x": [1, 2, 3], "v": [4], "A": [[1, 2], [3, 4]], "row": [[1, 2]], "one": [[5]],
        "c": [[1], [2]], "z": 1e-7,
    }  # fmt: skip
    assert read_leaves("") == {}


@pytest.mark.parametrize(
    "text",
    [
        "w", "w()", "w(1", "w(a)", "w(1e99)", "w(9999999)", "w(1_2__3)", "w(1)<script>", "w(_)",
        "w(1_2_3_4_5_6_7)", "w(-)", "w(nan)", "w(1__2__3__4__5__6__7)", "(1)", "_w(1)",
    ],
)  # fmt: skip
def test_damaged_values_are_refused(text: str) -> None:
    with pytest.raises(LabError, match="in this link"):
        read_leaves(text)


def test_an_expression_is_answered_with_its_graph_or_its_fault() -> None:
    found = read("w * x")
    assert [node["operation"] for node in found["graph"]["nodes"]] == ["leaf", "leaf", "*"]
    assert "w = torch.tensor(0.0, requires_grad=True)" in found["code"]
    assert read("w * open(x)")["fault"]["start"] == 4


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda one: one.title)
def test_the_examples_can_be_computed(example: Example) -> None:
    graph, leaves = parse(example.text), read_leaves(example.values)
    assert set(graph.leaves) == set(leaves)
    assert backward(forward(graph, leaves)).result.numel() == 1
