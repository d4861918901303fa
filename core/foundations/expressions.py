"""Expressions as graphs: values forwards, gradients backwards, one rule an operation.

An expression is written in a small part of Python. It is parsed and never run as code: what is not
an operation, a function or a number that stands below is refused, with the place where it stands.
Numbers are in double precision, so that gradients can be compared with differences.
"""

import ast
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import torch
from torch import Tensor

from core.errors import LabError

MAX_CHARACTERS, MAX_NODES, MAX_DEPTH = 400, 150, 120
MAX_CONSTANT = 1e9
MAX_ELEMENTS = 10_000
"""Numbers of one value in a graph."""
STEP = 1e-6
"""Of a numeric derivative, relative to the size of the number."""


class ExpressionError(LabError):
    """An expression that cannot be computed, with the place of the fault."""

    def __init__(self, sentence: str, start: int = 0, end: int = 0) -> None:
        """
        Args:
            start, end: of the faulty part, characters from 0, `end` not included.
        """
        super().__init__(sentence)
        self.start, self.end = start, end


@dataclass(frozen=True)
class Node:
    """One operation of a graph, or a leaf: a name or a number."""

    operation: str
    """A key of `OPERATIONS`, "leaf" or "constant"."""
    inputs: tuple[int, ...]
    """The places of its inputs in the graph, all before it."""
    text: str
    """What of the expression it computes."""
    start: int
    end: int
    """Where that stands."""
    constant: tuple[float, ...] = ()
    shape: tuple[int, ...] = ()
    """Of a constant."""


@dataclass(frozen=True)
class Graph:
    """An expression as its nodes, inputs before what they are used in; the last is the result."""

    text: str
    nodes: tuple[Node, ...]

    @property
    def leaves(self) -> tuple[str, ...]:
        """The names in it, in the order in which they first stand."""
        return tuple(node.text for node in self.nodes if node.operation == "leaf")


class Edge(NamedTuple):
    """What flows back from a node to one of its inputs."""

    node: int
    source: int
    gradient: Tensor
    """The part of the input's gradient that comes this way, in the input's shape."""


@dataclass
class Trace:
    """A graph with the values of one pass forwards and the gradients of one backwards."""

    graph: Graph
    values: list[Tensor]
    gradients: list[Tensor] = field(default_factory=list)
    """Of the result by each value, weighted and added up where it is no single number."""
    edges: list[Edge] = field(default_factory=list)
    """In the order in which they are gone backwards."""

    @property
    def result(self) -> Tensor:
        """The value of the whole expression."""
        return self.values[-1]

    def gradient(self, name: str) -> Tensor:
        """Of the result by a leaf."""
        places = [i for i, node in enumerate(self.graph.nodes) if node.operation == "leaf"]
        return self.gradients[places[self.graph.leaves.index(name)]]


# ---- operations: what they compute, and what flows back through them


class Operation(NamedTuple):
    """How a value is computed from its inputs, and the gradient by each input from its own."""

    forward: Callable[..., Tensor]
    backward: Callable[..., tuple[Tensor | None, ...]]
    """From the gradient of the output, the output and the inputs; None where nothing flows."""
    derivative: str
    """The local derivative, as a textbook writes it."""


def _power(g: Tensor, out: Tensor, x: Tensor, n: Tensor) -> tuple[Tensor, Tensor]:
    by_exponent = torch.where(out == 0, torch.zeros_like(out), out * x.log())  # nan below 0
    # 0⁰ is constant in x, where n · x^(n - 1) would be 0 · ∞
    slope = torch.where(n == 0, torch.zeros_like(out), n * x ** (n - 1))
    return g * slope, g * by_exponent


def _product(g: Tensor, out: Tensor, x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
    if x.dim() == 1 and y.dim() == 1:
        return g * y, g * x
    if x.dim() == 1:
        return g @ y.mT, torch.outer(x, g)
    if y.dim() == 1:
        return torch.outer(g, y), x.mT @ g
    return g @ y.mT, x.mT @ g


def _spread(g: Tensor, x: Tensor, share: float) -> tuple[Tensor]:
    return ((g * share).expand_as(x),)


OPERATIONS: Mapping[str, Operation] = {
    "+": Operation(torch.add, lambda g, out, x, y: (g, g), "∂(x + y)/∂x = 1"),
    "-": Operation(torch.sub, lambda g, out, x, y: (g, -g), "∂(x - y)/∂y = -1"),
    "*": Operation(torch.mul, lambda g, out, x, y: (g * y, g * x), "∂(x · y)/∂x = y"),
    "/": Operation(torch.div, lambda g, out, x, y: (g / y, -g * out / y), "∂(x / y)/∂y = -x / y²"),
    "**": Operation(torch.pow, _power, "∂xⁿ/∂x = n · xⁿ⁻¹"),
    "@": Operation(torch.matmul, _product, "∂L/∂A = ∂L/∂(AB) · Bᵀ"),
    "negative": Operation(torch.neg, lambda g, out, x: (-g,), "∂(-x)/∂x = -1"),
    "relu": Operation(torch.relu, lambda g, out, x: (g * (x > 0),), "1 where x > 0, else 0"),
    "sigmoid": Operation(torch.sigmoid, lambda g, out, x: (g * out * (1 - out),), "σ · (1 - σ)"),
    "tanh": Operation(torch.tanh, lambda g, out, x: (g * (1 - out**2),), "1 - tanh²"),
    "exp": Operation(torch.exp, lambda g, out, x: (g * out,), "exp(x)"),
    "log": Operation(torch.log, lambda g, out, x: (g / x,), "1 / x"),
    "sqrt": Operation(torch.sqrt, lambda g, out, x: (g / (2 * out),), "1 / (2 · √x)"),
    "abs": Operation(torch.abs, lambda g, out, x: (g * x.sign(),), "the sign of x"),
    "sin": Operation(torch.sin, lambda g, out, x: (g * x.cos(),), "cos(x)"),
    "cos": Operation(torch.cos, lambda g, out, x: (-g * x.sin(),), "-sin(x)"),
    "sum": Operation(torch.sum, lambda g, out, x: _spread(g, x, 1), "1 for each"),
    "mean": Operation(torch.mean, lambda g, out, x: _spread(g, x, 1 / x.numel()), "1 / n for each"),
    "detach": Operation(torch.Tensor.detach, lambda g, out, x: (None,), "nothing flows back"),
}
FUNCTIONS = tuple(name for name in OPERATIONS if name.isalpha() and name != "negative")
"""What can be called by name, of one argument each."""
_TAKEN = ("torch", "result", "print")
"""Names that the script in PyTorch has for something else."""
_SIGNS: Mapping[type[ast.operator], str] = {
    ast.Add: "+",
    ast.Sub: "-",
    ast.Mult: "*",
    ast.Div: "/",
    ast.Pow: "**",
    ast.MatMult: "@",
}


# ---- from text to a graph


def parse(text: str) -> Graph:
    """Read an expression.

    Raises:
        ExpressionError: it is too long, no expression, or has in it what this small language has
            not; the error says where.
    """
    if len(text) > MAX_CHARACTERS:
        raise ExpressionError(
            f"An expression has {MAX_CHARACTERS} characters at most; this one has {len(text)}.",
            MAX_CHARACTERS,
            len(text),
        )
    if not text.isascii():
        place = next(i for i, sign in enumerate(text) if not sign.isascii())
        raise ExpressionError(f"{text[place]!r} is no sign of this language.", place, place + 1)
    source = text.replace("\n", " ").replace("\t", " ").replace("\f", " ")
    blanks = len(source) - len(source.lstrip(" "))
    if not source.strip():
        raise ExpressionError("Type an expression, such as (w*x + b - y)**2.")
    try:
        tree = ast.parse(source.lstrip(" "), mode="eval")
    except SyntaxError as error:
        start = blanks + max((error.offset or 1) - 1, 0)
        raise ExpressionError(f"This is no expression: {error.msg}.", start, start + 1) from error
    except (ValueError, RecursionError, MemoryError) as error:
        raise ExpressionError("This is no expression that can be read.", 0, len(text)) from error
    reader = _Reader(text, blanks)
    reader.read(tree.body, 0)
    return Graph(text, tuple(reader.nodes))


class _Reader:
    """Reads a syntax tree into nodes; equal names are one leaf."""

    def __init__(self, text: str, blanks: int) -> None:
        self.text, self.blanks = text, blanks
        self.nodes: list[Node] = []
        self.names: dict[str, int] = {}

    def read(self, tree: ast.expr, depth: int) -> int:
        """Add the nodes of a tree; gives the place of the last one."""
        if depth > MAX_DEPTH:
            raise self._fault(tree, f"It is nested more than {MAX_DEPTH} deep.")
        match tree:
            case ast.Name(id=name):
                return self._leaf(tree, name)
            case ast.Constant() | ast.List() | ast.Tuple():
                return self._constant(tree)
            case ast.UnaryOp(op=ast.USub(), operand=ast.Constant()):
                return self._constant(tree)
            case ast.UnaryOp(op=ast.UAdd(), operand=operand):
                return self.read(operand, depth + 1)
            case ast.UnaryOp(op=ast.USub(), operand=operand):
                return self._add("negative", tree, [operand], depth)
            case ast.BinOp(left=left, op=sign, right=right) if type(sign) in _SIGNS:
                return self._add(_SIGNS[type(sign)], tree, [left, right], depth)
            case ast.Call(func=ast.Name(id=name), args=[argument], keywords=[]) if (
                name in FUNCTIONS and not isinstance(argument, ast.Starred)
            ):
                return self._add(name, tree, [argument], depth)
            case ast.Call(func=ast.Name(id=name)) if name in FUNCTIONS:
                raise self._fault(tree, f"{name} takes one argument.")
            case ast.Call(func=ast.Name(id=name)):
                known = ", ".join(FUNCTIONS)
                raise self._fault(tree, f"There is no function {name[:40]}. Known: {known}.")
        raise self._fault(
            tree, "This language has names, numbers, lists of numbers, + - * / ** @ and functions."
        )

    def _add(self, operation: str, tree: ast.expr, inputs: Sequence[ast.expr], depth: int) -> int:
        places = tuple(self.read(one, depth + 1) for one in inputs)
        return self._append(Node(operation, places, *self._place(tree)), tree)

    def _leaf(self, tree: ast.expr, name: str) -> int:
        if name in FUNCTIONS:
            raise self._fault(tree, f"{name} is a function: give it an argument, {name}(x).")
        if name.startswith("_") or len(name) > 20 or name in _TAKEN:
            raise self._fault(
                tree,
                "A name has at most 20 letters, begins with a letter and is not one of "
                f"{', '.join(_TAKEN)}.",
            )
        if name not in self.names:
            self.names[name] = self._append(Node("leaf", (), *self._place(tree)), tree)
        return self.names[name]

    def _constant(self, tree: ast.expr) -> int:
        values, shape = self._numbers(tree, 0)
        start = Node("constant", (), *self._place(tree), tuple(values), shape)
        return self._append(start, tree)

    def _numbers(self, tree: ast.expr, depth: int) -> tuple[list[float], tuple[int, ...]]:
        match tree:
            case ast.Constant(value=bool()):
                pass
            case ast.Constant(value=int() | float() as value):
                if not abs(value) <= MAX_CONSTANT:
                    raise self._fault(tree, f"A number is {MAX_CONSTANT:,.0f} at most.")
                return [float(value)], ()
            case ast.UnaryOp(op=ast.USub(), operand=operand):
                values, shape = self._numbers(operand, depth)
                return [-value for value in values], shape
            case ast.List(elts=parts) | ast.Tuple(elts=parts) if depth < 2 and parts:
                rows = [self._numbers(part, depth + 1) for part in parts]
                if len({shape for _, shape in rows}) > 1:
                    raise self._fault(tree, "The rows of this list are not of one length.")
                return [v for values, _ in rows for v in values], (len(rows), *rows[0][1])
        raise self._fault(tree, "A list holds numbers, or lists of numbers.")

    def _append(self, node: Node, tree: ast.expr) -> int:
        if len(self.nodes) >= MAX_NODES:
            raise self._fault(tree, f"It has more than {MAX_NODES} operations.")
        self.nodes.append(node)
        return len(self.nodes) - 1

    def _place(self, tree: ast.expr) -> tuple[str, int, int]:
        start = self.blanks + tree.col_offset
        end = self.blanks + (tree.end_col_offset or tree.col_offset)
        return self.text[start:end], start, end

    def _fault(self, tree: ast.expr, sentence: str) -> ExpressionError:
        return ExpressionError(sentence, *self._place(tree)[1:])


# ---- forwards and backwards


def forward(graph: Graph, leaves: Mapping[str, Tensor]) -> Trace:
    """Compute the value of every node.

    Args:
        leaves: a value for each name, of at most two dimensions.

    Raises:
        ExpressionError: a name has no value, shapes do not fit, or a value is no number any more.
    """
    values: list[Tensor] = []
    for node in graph.nodes:
        values.append(_value(node, [values[i] for i in node.inputs], leaves))
    return Trace(graph, values)


def _value(node: Node, inputs: list[Tensor], leaves: Mapping[str, Tensor]) -> Tensor:
    if node.operation == "constant":
        return torch.tensor(node.constant, dtype=torch.float64).reshape(node.shape)
    if node.operation == "leaf":
        if node.text not in leaves:
            raise ExpressionError(f"{node.text} has no value.", node.start, node.end)
        out = leaves[node.text].detach().double()
        if out.dim() > 2:
            raise ExpressionError(
                f"{node.text} has more than two dimensions.", node.start, node.end
            )
    else:
        try:
            out = OPERATIONS[node.operation].forward(*inputs)
        except RuntimeError as error:
            shapes = " and ".join(str(tuple(x.shape)) for x in inputs)
            sentence = f"The shapes {shapes} do not fit for {node.operation}."
            raise ExpressionError(sentence, node.start, node.end) from error
    if out.numel() > MAX_ELEMENTS:
        raise ExpressionError(f"More than {MAX_ELEMENTS:,} numbers.", node.start, node.end)
    if not bool(out.isfinite().all()):
        given = ", ".join(_short(x) for x in inputs)
        why = f" of {given}" if given else ""
        sentence = f"{node.text[:60]} is no finite number: {node.operation}{why}."
        raise ExpressionError(sentence, node.start, node.end)
    return out


def _short(x: Tensor) -> str:
    return f"{x.item():.4g}" if x.dim() == 0 else f"a tensor of shape {tuple(x.shape)}"


def requires_grad(graph: Graph) -> tuple[bool, ...]:
    """Which nodes depend on a leaf by a way that is not detached: only these have gradients."""
    needed: list[bool] = []
    for node in graph.nodes:
        carries = node.operation == "leaf" or any(needed[i] for i in node.inputs)
        needed.append(carries and node.operation != "detach")
    return tuple(needed)


def backward(trace: Trace, weights: Tensor | None = None) -> Trace:
    """Compute the gradients of the result by every node, from the last to the first (chain rule).

    Args:
        weights: of the result's numbers, in its shape; None for a single number, which has 1.

    Raises:
        ExpressionError: the result is not one number and there are no weights, or they do not fit;
            or a derivative is no finite number, as that of √x at 0.
    """
    graph, result = trace.graph, trace.result
    if weights is None and result.numel() != 1:
        raise ExpressionError(
            f"The result has {result.numel()} numbers: take a sum or a mean of them, or give each "
            "a weight.",
            0,
            len(graph.text),
        )
    if weights is not None and weights.shape != result.shape:
        raise ExpressionError(
            f"The weights have the shape {tuple(weights.shape)}, and the result "
            f"{tuple(result.shape)}.",
            0,
            len(graph.text),
        )
    gradients = [torch.zeros_like(value) for value in trace.values]
    gradients[-1] = torch.ones_like(result) if weights is None else weights.double()
    trace.edges = []
    needed = requires_grad(graph)
    for place in range(len(graph.nodes) - 1, -1, -1):
        node = graph.nodes[place]
        if not node.inputs or not needed[place]:
            continue
        inputs = [trace.values[i] for i in node.inputs]
        parts = OPERATIONS[node.operation].backward(gradients[place], trace.values[place], *inputs)
        for source, given in zip(node.inputs, parts, strict=True):
            if given is None or not needed[source]:
                continue
            part = given.sum_to_size(trace.values[source].shape)  # what was broadcast adds up
            if not bool(part.isfinite().all()):
                of, by = node.text[:60], graph.nodes[source].text[:60]
                sentence = f"The derivative of {of} by {by} is no finite number here."
                raise ExpressionError(sentence, node.start, node.end)
            gradients[source] = gradients[source] + part
            trace.edges.append(Edge(place, source, part))
    trace.gradients = gradients
    return trace


def differences(graph: Graph, leaves: Mapping[str, Tensor], name: str) -> Tensor:
    """The derivative of the sum of the result by a leaf, by differences to both sides."""
    value = leaves[name].double()
    slopes = torch.empty(value.numel(), dtype=torch.float64)
    for i in range(value.numel()):
        step = STEP * max(1.0, abs(float(value.flatten()[i])))
        ends = []
        for way in (step, -step):
            moved = value.flatten().clone()
            moved[i] += way
            ends.append(forward(graph, {**leaves, name: moved.view_as(value)}).result.sum())
        slopes[i] = (ends[0] - ends[1]) / (2 * step)
    return slopes.view_as(value)


# ---- the same in PyTorch


def as_pytorch(graph: Graph, leaves: Mapping[str, Tensor]) -> str:
    """A script that computes the same with PyTorch, and prints the same numbers."""
    lines = ["import torch", "", "torch.set_default_dtype(torch.float64)"]
    for name in graph.leaves:
        lines.append(f"{name} = torch.tensor({leaves[name].tolist()}, requires_grad=True)")
    lines.append(f"result = {_written(graph, len(graph.nodes) - 1)}")
    reached = _reached(graph)
    if reached:
        lines.append("result.sum().backward()")
    else:
        lines.append("# result.sum().backward() would fail: no way leads from the result to a leaf")
    lines.append('print("result", result.tolist())')
    for name in graph.leaves:
        end = ".tolist())" if name in reached else ")  # nothing arrives"
        lines.append(f'print("{name}", {name}.grad{end}')
    return "\n".join(lines) + "\n"


def _reached(graph: Graph) -> set[str]:
    """The leaves at which a gradient arrives."""
    needed, way = requires_grad(graph), {len(graph.nodes) - 1}
    for place in range(len(graph.nodes) - 1, -1, -1):
        if place in way:
            way |= {i for i in graph.nodes[place].inputs if needed[place] and needed[i]}
    return {graph.nodes[i].text for i in way if graph.nodes[i].operation == "leaf"}


def _written(graph: Graph, place: int) -> str:
    node = graph.nodes[place]
    inputs = [_written(graph, i) for i in node.inputs]
    if node.operation == "leaf":
        return node.text
    if node.operation == "constant":
        numbers = torch.tensor(node.constant, dtype=torch.float64).reshape(node.shape).tolist()
        return f"torch.tensor({numbers})" if node.shape else f"({numbers!r})"
    if node.operation == "negative":
        return f"(-{inputs[0]})"
    if node.operation == "detach":
        return f"{inputs[0]}.detach()"
    if node.operation in FUNCTIONS:
        return f"torch.{node.operation}({inputs[0]})"
    return f"({inputs[0]} {node.operation} {inputs[1]})"
