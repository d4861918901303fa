"""Expressions as graphs: their gradients are autograd's, and nothing else is let in."""

import json
import subprocess
import sys
from collections.abc import Callable

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from core.__main__ import main
from core.foundations import expressions
from core.foundations.expressions import ExpressionError, backward, differences, forward, parse

NAMES = ("x", "y", "z")
CALLED = ("relu", "sigmoid", "tanh", "sin", "cos", "sum", "mean", "abs", "detach")


def of_tensors(name: str) -> Callable[[Tensor | float], Tensor]:
    """PyTorch's function of a name, for numbers too."""
    function = getattr(torch, name)
    return lambda value: function(torch.as_tensor(value, dtype=torch.float64))


NAMESPACE = {name: of_tensors(name) for name in expressions.FUNCTIONS}


def autograd(text: str, leaves: dict[str, Tensor]) -> tuple[Tensor, dict[str, Tensor]]:
    """The value of a harmless expression, run as code, and its gradients."""
    own = {name: value.clone().requires_grad_() for name, value in leaves.items()}
    with torch.enable_grad():
        result = eval(text, {"__builtins__": {}}, {**NAMESPACE, **own})
    result.sum().backward()
    return result.detach(), {
        n: torch.zeros_like(v) if v.grad is None else v.grad for n, v in own.items()
    }


numbers = st.floats(0.3, 2.0).map(lambda v: round(v, 3))
texts = st.recursive(
    st.sampled_from(NAMES) | numbers.map(str),
    lambda inner: st.one_of(
        st.tuples(inner, st.sampled_from("+-*/"), inner).map(lambda p: f"({p[0]} {p[1]} {p[2]})"),
        st.tuples(st.sampled_from(CALLED), inner).map(lambda p: f"{p[0]}({p[1]} * y)"),
        inner.map(lambda p: f"exp(-tanh({p} - z))"),
        inner.map(lambda p: f"sqrt(1 + ({p})**2)"),
        inner.map(lambda p: f"log(2 + sin({p} + x))"),
    ),
    max_leaves=12,
)  # fmt: skip


@settings(max_examples=120, deadline=None)
@given(texts, st.integers(0, 2**31))
def test_gradients_of_any_expression_are_those_of_autograd(text: str, seed: int) -> None:
    generator = torch.Generator().manual_seed(seed)
    text = f"{text} + 0 * (x * y * z)"  # every name is in it, and the shapes are broadcast
    shapes: dict[str, tuple[int, ...]] = {"x": (), "y": (3,), "z": (2, 1)}
    leaves = {
        name: torch.rand(shape, generator=generator, dtype=torch.float64) + 0.3
        for name, shape in shapes.items()
    }
    try:
        trace = forward(parse(text), leaves)
    except ExpressionError as error:
        assert "no finite number" in str(error) or "characters at most" in str(error)
        return
    backward(trace, torch.ones_like(trace.result))
    result, gradients = autograd(text, leaves)
    torch.testing.assert_close(trace.result, result, rtol=1e-9, atol=1e-9)
    for name in NAMES:
        torch.testing.assert_close(trace.gradient(name), gradients[name], rtol=1e-7, atol=1e-9)


@pytest.mark.parametrize(
    ("text", "shapes"),
    [
        ("a @ b", {"a": (3,), "b": (3,)}),
        ("sum(a @ b)", {"a": (2, 3), "b": (3, 4)}),
        ("sum((a @ b + c)**2)", {"a": (2, 3), "b": (3,), "c": (2,)}),
        ("sum(relu(b @ a) * [1, -2])", {"a": (3, 2), "b": (3,)}),
        ("mean((w*x + b - [1, 2, 3])**2)", {"w": (), "x": (3,), "b": ()}),
        ("sum(x**n)", {"x": (3,), "n": ()}),
    ],
)
def test_products_of_matrices_and_powers(text: str, shapes: dict[str, tuple[int, ...]]) -> None:
    generator = torch.Generator().manual_seed(1)
    leaves = {
        name: torch.rand(shape, generator=generator, dtype=torch.float64) + 0.2
        for name, shape in shapes.items()
    }
    trace = backward(forward(parse(text), leaves))
    for name in leaves:
        slopes = differences(parse(text), leaves, name)
        torch.testing.assert_close(trace.gradient(name), slopes, rtol=1e-6, atol=1e-7)


def test_what_flows_along_the_edges_adds_up_to_the_gradient() -> None:
    leaves = {"x": torch.tensor(3.0)}
    trace = backward(forward(parse("x*x + detach(x)*x"), leaves))
    x = next(i for i, node in enumerate(trace.graph.nodes) if node.operation == "leaf")
    parts = [float(edge.gradient) for edge in trace.edges if edge.source == x]
    assert sorted(parts) == [3.0, 3.0, 3.0]
    assert float(trace.gradient("x")) == 9.0, "nothing comes through detach"


def test_a_vector_wants_weights() -> None:
    trace = forward(parse("x * 2"), {"x": torch.tensor([1.0, 2.0])})
    with pytest.raises(ExpressionError, match="The result has 2 numbers"):
        backward(trace)
    with pytest.raises(ExpressionError, match=r"weights have the shape \(3,\)"):
        backward(trace, torch.ones(3))
    assert backward(trace, torch.tensor([1.0, 10.0])).gradient("x").tolist() == [2.0, 20.0]


@pytest.mark.parametrize(
    ("text", "sentence", "place"),
    [
        ("", "Type an expression", (0, 0)),
        ("(w*x", "This is no expression", None),
        ("__import__('os')", "There is no function __import__", (0, 16)),
        ("x.grad", "This language has", (0, 6)),
        ("1 + x[0]", "This language has", (4, 8)),
        ("relu", "relu is a function", (0, 4)),
        ("relu(x, y)", "relu takes one argument", (0, 10)),
        ("relu(*x)", "relu takes one argument", (0, 8)),
        ("relu(x=1)", "relu takes one argument", None),
        ("_x + 1", "A name has at most", (0, 2)),
        ("torch * 2", "A name has at most", (0, 5)),
        ("lambda: 1", "This language has", None),
        ("x if y else z", "This language has", None),
        ("'a' + x", "A list holds numbers", (0, 3)),
        ("True + x", "A list holds numbers", (0, 4)),
        ("[1, [2, 3]] * x", "not of one length", (0, 11)),
        ("[] + x", "A list holds numbers", None),
        ("x // 2", "This language has", None),
        ("1e30 * x", "A number is", (0, 4)),
        ("x + 1j", "A list holds numbers", (4, 6)),
        ("x\u0661 + 1", "is no sign of this language", (1, 2)),
        ("+".join(["x*x"] * 90), "has more than 150 operations", None),
        ("x + " * 200 + "x", "characters at most", None),
        ("-" * 130 + "x", "nested more than", None),
        ("(" * 190 + "x" + ")" * 190, None, None),
    ],
)
def test_what_is_no_expression_is_refused_with_its_place(
    text: str, sentence: str | None, place: tuple[int, int] | None
) -> None:
    if sentence is None:
        assert len(parse(text).nodes) == 1
        return
    with pytest.raises(ExpressionError, match=sentence) as caught:
        parse(text)
    if place is not None:
        assert (caught.value.start, caught.value.end) == place


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("x / 0", "no finite number: / of 2, 0"),
        ("x ** 99999 ** 9", "no finite number"),
        ("log(-x)", "no finite number"),
        ("x + [1, 2, 3] @ [1, 2]", r"The shapes \(3,\) and \(2,\) do not fit"),
        ("y + 1", "y has no value"),
    ],
)
def test_what_cannot_be_computed_is_a_sentence(text: str, sentence: str) -> None:
    with pytest.raises(ExpressionError, match=sentence) as caught:
        forward(parse(text), {"x": torch.tensor(2.0)})
    assert caught.value.end > caught.value.start


def test_a_slope_without_end_is_named() -> None:
    trace = forward(parse("sqrt(x) + 1"), {"x": torch.tensor(0.0)})
    with pytest.raises(ExpressionError, match=r"derivative of sqrt\(x\) by x is no finite number"):
        backward(trace)


def test_the_script_in_pytorch_prints_the_same_numbers() -> None:
    text = "mean((w*x + b - [1.1, -2, 3])**2) + detach(w) * sigmoid(-b)"
    leaves = {
        "w": torch.tensor(0.3, dtype=torch.float64),
        "x": torch.tensor([1.0, 2.0, -1.0], dtype=torch.float64),
        "b": torch.tensor(0.1, dtype=torch.float64),
    }
    graph = parse(text)
    trace = backward(forward(graph, leaves))
    script = expressions.as_pytorch(graph, leaves)
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    lines = [f"result {trace.result.tolist()}"]
    lines += [f"{name} {trace.gradient(name).tolist()}" for name in graph.leaves]
    for line, wanted in zip(done.stdout.splitlines(), lines, strict=True):
        assert line.split()[0] == wanted.split()[0]
        for a, b in zip(line.split()[1:], wanted.split()[1:], strict=True):
            assert float(a.strip("[],")) == pytest.approx(float(b.strip("[],")), rel=1e-12)


def test_the_command_shows_each_step(capsys: pytest.CaptureFixture[str]) -> None:
    values = ["w=0.5", "x=2", "b=0", "y=3"]
    assert main(["differentiate", "(w*x + b - y)**2", *values]) == 0
    out = capsys.readouterr().out
    assert "w*x + b - y" in out and "by differences" in out
    assert main(["differentiate", "(w*x + b - y)**2", *values, "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["result"] == 4.0 and found["gradients"] == {"w": -8, "x": -2, "b": -4, "y": 4}
    assert main(["differentiate", "x @ x", "x=[[1,2,3]]"]) == 1
    assert "do not fit" in (err := capsys.readouterr().err) and "^^^^^" in err
    assert main(["differentiate", "x", "x=open"]) == 1
    assert "is no name with a number" in capsys.readouterr().err
    assert main(["differentiate", "sum(x)", "x=[1,2]", "--code"]) == 0
    assert "result.sum().backward()" in capsys.readouterr().out
