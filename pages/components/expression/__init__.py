"""An expression as a graph: the browser computes its values and gradients while leaves are dragged.

Only a new expression is sent, to be parsed; nothing while a value is changed.
"""

import re
from collections.abc import Sequence
from dataclasses import asdict
from math import isfinite
from typing import Any, NamedTuple

import streamlit as st
import torch
from torch import Tensor

from core.errors import LabError
from core.foundations.expressions import ExpressionError, Graph, as_pytorch, parse
from pages.components.component import component, nothing

MAX_SIDE = 6
"""Numbers in a row, or rows, of a leaf."""
MAX_VALUE = 1e6
LEAF = re.compile(r"([A-Za-z]\w{0,19})\(([-+.\de_]{1,900})\)")


class Example(NamedTuple):
    """An expression with values that show something."""

    title: str
    text: str
    values: str
    """Of its leaves, as in an address."""
    reason: str


def expression(*, key: str, examples: Sequence[Example]) -> None:
    """Draw the field, the graph and the leaves of an expression.

    What is typed and the values of its leaves stand in the address as `expression` and `values`;
    the browser writes them there.

    Args:
        examples: to choose from; the first stands there at first.
    """
    _component(
        key=key,
        data={
            "examples": [{**one._asdict(), "leaves": _leaves(one.values)} for one in examples],
            "answer": _answer(key, examples[0]),
        },
        on_typed_change=nothing,
    )


def _answer(key: str, first: Example) -> dict[str, Any]:
    """The graph of what was typed last, or of the link with which the page was opened."""
    typed = (st.session_state.get(key) or {}).get("typed")
    if isinstance(typed, dict) and isinstance(typed.get("text"), str):
        return {"move": typed.get("move"), **read(typed["text"])}
    text = st.query_params.get("expression", first.text)
    values = st.query_params.get("values", first.values if text == first.text else "")
    answer = {"move": 0, **read(text)}
    try:
        return {**answer, "leaves": _leaves(values)}
    except LabError as error:
        return {**answer, "note": str(error)}


def read(text: str) -> dict[str, Any]:
    """An expression as the browser takes it: its graph and its script, or its fault."""
    try:
        graph = parse(text)
    except ExpressionError as error:
        fault = {"sentence": str(error), "start": error.start, "end": error.end}
        return {"text": text, "fault": fault}
    return {"text": text, "graph": as_data(graph), "code": code(graph)}


def as_data(graph: Graph) -> dict[str, Any]:
    """A graph in numbers and lists."""
    return asdict(graph)


def code(graph: Graph) -> str:
    """The script of a graph in PyTorch, with zeros in place of the leaves' values."""
    return as_pytorch(graph, {name: torch.tensor(0.0) for name in graph.leaves})


def read_leaves(text: str) -> dict[str, Tensor]:
    """The values in an address: `w(0.5)x(1_2_3)A(1_2__3_4)` is a number, a vector and a matrix.

    Raises:
        LabError: they are damaged, too large or too many.
    """
    if LEAF.sub("", text):
        raise LabError("The values in this link are damaged. Others are taken.")
    try:
        leaves = {name: _leaf(numbers) for name, numbers in LEAF.findall(text)}
    except (ValueError, TypeError) as error:
        raise LabError("The values in this link are damaged. Others are taken.") from error
    for name, value in leaves.items():
        if not all(1 <= side <= MAX_SIDE for side in value.shape):
            raise LabError(f"{name} in this link has more than {MAX_SIDE} rows or columns.")
    return leaves


def _leaves(text: str) -> dict[str, Any]:
    """The same for the browser."""
    return {
        name: {"shape": list(value.shape), "data": value.flatten().tolist()}
        for name, value in read_leaves(text).items()
    }


def _leaf(text: str) -> Tensor:
    if "__" in text:
        rows = [[_number(v) for v in row.split("_")] for row in text.removesuffix("__").split("__")]
        return torch.tensor(rows, dtype=torch.float64)
    if "_" in text:
        return torch.tensor(
            [_number(v) for v in text.removesuffix("_").split("_")], dtype=torch.float64
        )
    return torch.tensor(_number(text), dtype=torch.float64)


def _number(text: str) -> float:
    value = float(text)
    if not isfinite(value) or abs(value) > MAX_VALUE:
        raise ValueError
    return value


_component = component("expression")
