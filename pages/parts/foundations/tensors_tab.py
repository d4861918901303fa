"""Tensors and gradients: an expression as a graph, programs to predict, shapes and memory."""

import streamlit as st

from core.foundations.predictions import PREDICTIONS, Prediction
from pages.components.cells import cells
from pages.components.expression import Example, expression
from pages.ui.widgets import segmented

EXAMPLES = (
    Example(
        "Least squares",
        "(w*x + b - y)**2",
        "w(0.5)x(2)b(0)y(3)",
        "One point of a regression: the gradient by w is twice the error times x.",
    ),
    Example(
        "Many points",
        "mean((w*x + b - y)**2)",
        "w(0.5)x(1_2_3)b(0)y(1.2_1.9_3.1)",
        "w and b are repeated for each point by broadcasting, so on the way back their gradients "
        "add up over the points.",
    ),
    Example(
        "A neuron",
        "relu(w @ x + b)",
        "w(0.5_-1_2)x(1_0.5_0.4)b(0.2)",
        "Lower b until the sum is below 0: relu lets nothing through, and all gradients are 0.",
    ),
    Example(
        "Logistic loss",
        "log(1 + exp(-y*(w*x + b)))",
        "y(1)w(1.5)x(-0.4)b(0.2)",
        "y is 1 or -1. The surer the model is of the wrong class, the closer the slope in w gets "
        "to -y · x; of the right one, to 0.",
    ),
    Example(
        "Vector @ matrix",
        "sum((x @ W - y)**2)",
        "x(1_-2)W(0.5_1_-1__0.3_-0.2_0.8)y(0_1_-2)",
        "A layer without its activation: the gradient by W is the outer product of x and the "
        "gradient of the output.",
    ),
    Example(
        "Broadcasting",
        "sum(a * b)",
        "a(1__2__3)b(0.5_-1_2)",
        "A column times a row is a table. Each number of a meets all of b, so each gradient by a "
        "is the sum of b.",
    ),
    Example(
        "Three sigmoids",
        "sigmoid(w*sigmoid(w*sigmoid(w*x)))",
        "w(1)x(1)",
        "The slope of a sigmoid is 1/4 at most, so a gradient through three of them shrinks. w is "
        "used three times, and its three ways add up.",
    ),
    Example(
        "detach",
        "x*x + detach(x)*x",
        "x(3)",
        "Nothing flows back through detach: x arrives there as if it were a constant, and the "
        "gradient is not the derivative, 4x.",
    ),
)


def panel() -> None:
    """The bench, one of its three views at a time."""
    view = segmented("View", list(VIEWS), "gradients", label_visibility="collapsed")
    VIEWS[view]()


@st.fragment
def _graph() -> None:
    st.caption(
        "Type a formula, or take one of the examples. Drag a number of a leaf: values go forwards, "
        "gradients come back. Known are `+ - * / ** @`, lists of numbers, and functions such as "
        "`relu`, `sigmoid`, `exp`, `log`, `sum`, `mean` and `detach`."
    )
    expression(key="expression-graph", examples=EXAMPLES)


@st.fragment
def _predictions() -> None:
    titles = {one.title: one for one in PREDICTIONS}
    st.caption("Say what PyTorch does before you see it.")
    one = titles[segmented("Program", list(titles), "program", label_visibility="collapsed")]
    code, answer = st.columns([3, 2], gap="large")
    with code:
        st.code(one.script, language="python")
    with answer:
        _question(one)


def _question(one: Prediction) -> None:
    choice = st.radio(one.question, one.choices, index=None, key=f"predicted {one.title}")
    if choice is None:
        st.caption("Choose one, and see.")
        return
    if choice == one.choices[one.right]:
        st.success("Right.", icon=":material/check:")
    else:
        st.warning(f"No. It is: {one.choices[one.right]}.", icon=":material/close:")
    st.caption("What PyTorch prints:")
    st.code(one.output, language=None)
    st.markdown(one.why)


@st.fragment
def _shapes() -> None:
    cells(key="cells")


VIEWS = {"Graph": _graph, "Predict first": _predictions, "Shapes and memory": _shapes}
