"""What core says of random expressions, and PyTorch of shapes, for the browser to compare with."""

import random
from typing import Any

import torch
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from torch import Tensor

from core.foundations import expressions
from core.foundations.expressions import ExpressionError, backward, differences, forward, parse
from pages.components.expression import as_data, code

SHAPES: dict[str, tuple[int, ...]] = {"x": (), "y": (3,), "z": (2, 1), "A": (2, 3), "B": (3, 2)}
literals = st.sampled_from(["2", "-1.5", "0.3", "[1, -2, 3]", "[[1, 2, 3], [0.5, 0, -1]]", "0"])
texts = st.recursive(
    st.sampled_from([*SHAPES]) | literals,
    lambda inner: st.one_of(
        st.tuples(inner, st.sampled_from(["+", "-", "*", "/", "**", "@", "*", "+"]), inner).map(
            lambda p: f"({p[0]} {p[1]} {p[2]})"
        ),
        st.tuples(st.sampled_from(expressions.FUNCTIONS), inner).map(lambda p: f"{p[0]}({p[1]})"),
        inner.map(lambda p: f"-{p}"),
    ),
    max_leaves=10,
)


def expression_cases() -> list[dict[str, Any]]:
    """Expressions with what they give, forwards and backwards, or with their fault."""
    found: list[dict[str, Any]] = []

    @settings(
        max_examples=120, derandomize=True, database=None, deadline=None,
        phases=[Phase.generate], suppress_health_check=list(HealthCheck),
    )  # fmt: skip
    @given(texts, texts, st.integers(0, 2**31))
    def collect(one: str, other: str, seed: int) -> None:
        found.append(_case(f"{one} * x + {other}", seed))

    collect()
    found.append(_case("sqrt(x - x) + y", 0))  # a slope without end
    assert sum("gradients" in case for case in found) > 50  # not all of them faults
    return found


def _case(text: str, seed: int) -> dict[str, Any]:
    generator, graph = torch.Generator().manual_seed(seed), parse(text)
    leaves = {
        name: (torch.rand(SHAPES[name], generator=generator, dtype=torch.float64) * 4 - 1).round(
            decimals=3
        )
        for name in graph.leaves
    }
    case = {"graph": as_data(graph), "leaves": {name: _plain(v) for name, v in leaves.items()}}
    try:
        trace = forward(graph, leaves)
        case |= {"values": [_plain(value) for value in trace.values]}
        case |= {"code": code(graph), "script": expressions.as_pytorch(graph, leaves)}
        backward(trace, torch.ones_like(trace.result))
        case["edges"] = [
            {"node": e.node, "source": e.source, "gradient": _plain(e.gradient)}
            for e in trace.edges
        ]
        case["gradients"] = [_plain(gradient) for gradient in trace.gradients]
        case["slopes"] = {name: _plain(differences(graph, leaves, name)) for name in graph.leaves}
    except ExpressionError as error:
        case["fault"] = {"sentence": str(error), "start": error.start, "end": error.end}
    return case


def _plain(value: Tensor) -> dict[str, Any]:
    return {"shape": list(value.shape), "data": value.flatten().tolist()}


def broadcast_cases() -> list[dict[str, Any]]:
    """Pairs of shapes, with what PyTorch makes of them."""
    draw = random.Random(0)
    shapes = [[draw.choice((1, 2, 3)) for _ in range(draw.randrange(4))] for _ in range(60)]
    found = []
    for a, b in zip(shapes[::2], shapes[1::2], strict=True):
        case: dict[str, Any] = {"a": a, "b": b, "shape": None, "error": None}
        try:
            case["shape"] = list((torch.zeros(a) + torch.zeros(b)).shape)
        except RuntimeError as error:
            case["error"] = str(error)
        found.append(case)
    return found


def view_cases() -> list[dict[str, Any]]:
    """Operations on a tensor one after the other, with where PyTorch has the numbers."""
    draw, found = random.Random(1), []
    names = [".mT", "[1:]", "[::2]", "[:, 1:]", "[:, ::2]", "[0]", "[:, 0]", ".contiguous()"]
    names += [".mT", ".mT"]
    shapes = [
        "12",
        "6",
        "2, 6",
        "3, 4",
        "6, 2",
        "3, 2",
        "2, 3, 2",
        "1, 6",
        "8",
        "4, 2",
        "2, 2",
        "1",
    ]
    names += [f".reshape({shape})" for shape in [*shapes, "3", "1, 1", "4", "9", "3, 3", "2, 3"]]
    for _ in range(400):
        base = draw.choice([[12], [3, 4], [2, 2, 3], [6], [1, 6], [4, 3]])
        count, chain = torch.Size(base).numel(), draw.choices(names, k=draw.choice([1, 2, 2, 3]))
        x = torch.arange(count).reshape(base)
        case: dict[str, Any] = {"base": base, "chain": chain, "view": None}
        try:
            y = eval("x" + "".join(chain), {"x": x})
        except (RuntimeError, IndexError):
            y = torch.zeros(0)
        if y.numel():
            same = y.untyped_storage().data_ptr() == x.untyped_storage().data_ptr()
            case["view"] = {
                "shape": list(y.shape), "strides": list(y.stride()), "offset": y.storage_offset(),
                "values": y.flatten().tolist(), "copied": not same,
                "contiguous": y.is_contiguous(),
            }  # fmt: skip
        found.append(case)
    assert sum(case["view"] is not None for case in found) > 60
    return found
