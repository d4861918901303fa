"""What is happening in networks that forecast."""

import pandas as pd
import streamlit as st
from torch import nn

from core.models.recurrent import CELLS
from core.tasks import texts
from core.tasks.forecasting import FORECASTING


def forecast_explained() -> None:
    """The recurrence, the gates, shapes, clipping, and why the truth flatters."""
    st.subheader("A series, step by step", anchor=False)
    st.markdown(
        "A recurrent network reads one step after the other with the same weights each time, and "
        "carries a state $h_t$ on. The plain cell (RNN) is"
    )
    st.latex(
        r"h_t = \tanh(W_{x} x_t + b_x + W_{h} h_{t-1} + b_h), \qquad \hat y_{t+1} = v\,h_t + c"
    )
    st.markdown(
        "Going back through $k$ steps, the gradient is multiplied $k$ times by a matrix of the "
        "kind $W_h^\\top \\mathrm{diag}(1 - h^2)$: it fades, or grows beyond all bounds (Bengio et "
        "al. 1994). The **LSTM** (Hochreiter and Schmidhuber 1997; with the forget gate of Gers et "
        "al. 2000) carries a cell $c_t$ beside, which is added to and not multiplied away as long "
        "as the forget gate $f$ is open:"
    )
    st.latex(
        r"""\begin{aligned}
        i, f, o &= \sigma(W_{x}^{i,f,o} x_t + b_x^{i,f,o} + W_{h}^{i,f,o} h_{t-1} + b_h^{i,f,o}) \\
        g &= \tanh(W_{x}^{g} x_t + b_x^{g} + W_{h}^{g} h_{t-1} + b_h^{g}) \\
        c_t &= f \odot c_{t-1} + i \odot g, \qquad h_t = o \odot \tanh c_t
        \end{aligned}"""
    )
    st.markdown("The **GRU** (Cho et al. 2014) does with two gates, reset and update, and no cell:")
    st.latex(
        r"""\begin{aligned}
        r, z &= \sigma(W_{x}^{r,z} x_t + b_x^{r,z} + W_{h}^{r,z} h_{t-1} + b_h^{r,z}) \\
        n &= \tanh(W_{x}^{n} x_t + b_x^{n} + r \odot (W_{h}^{n} h_{t-1} + b_h^{n})) \\
        h_t &= (1 - z) \odot n + z \odot h_{t-1}
        \end{aligned}"""
    )
    st.markdown(
        "So weights are as 1 : 3 : 4. For $N$ sequences of $T$ steps with $I$ numbers each, and "
        "$L$ layers of $H$ units, as PyTorch has them (`batch_first`):"
    )
    st.dataframe(_shapes(), hide_index=True)
    st.markdown(
        "**Clipping.** Where the loss is rough, one gradient can be a thousand times as long as "
        "the others, and one step undoes what was learnt. Clipping shortens it to a length that is "
        "given, and keeps its direction: $g \\leftarrow g \\cdot \\min(1, \\theta / \\lVert g "
        "\\rVert)$ (Pascanu et al. 2013). Adam divides by the usual size of a gradient anyway, so "
        "that clipping helps it less than plain descent: see both under “Teach a small network”."
    )
    st.markdown(
        "**Why the truth flatters.** In the text the forecast is drawn one step ahead, and each "
        "step is fed with what came. A network that says “as last month” follows such a curve "
        "closely, one month late. Left to itself, it is fed with its own forecasts, and its errors "
        "add up; that is what somebody sees who needs to know next year. So each method here "
        "stands beside three without a network: the last value, that of a year before, and "
        "exponential smoothing of level, trend and season (Holt 1957, Winters 1960)."
    )
    st.markdown(
        "**What leaks.** The text divides the series by its range from first to last, and so tells "
        "the network how far the future goes. Its other trouble is larger: it reads values, and "
        "the last 30 % lie above all that it has learnt, where cells near "
        "saturation cannot follow. Networks that read changes of the logarithm have seen such "
        "changes before."
    )
    st.markdown("**As in the text, and not:**")
    st.markdown(texts.table([FORECASTING]))


def _shapes() -> pd.DataFrame:
    rows = [
        ("Input", "(N, T, I)"),
        ("Output, of the last layer", "(N, T, H)"),
        ("State h", "(L, N, H)"),
        ("Cell c, LSTM only", "(L, N, H)"),
    ]
    for name, cell in CELLS.items():
        made: nn.RNNBase = cell(2, 4, batch_first=True)
        count = sum(weight.numel() for weight in made.parameters())
        times = {"rnn": "", "gru": "3", "lstm": "4"}[name]
        shape = f"({times}H, I), ({times}H, H), ({times}H), ({times}H): {count} for I = 2, H = 4"
        rows.append((f"Weights of a layer, {name.upper()}", shape))
    return pd.DataFrame(rows, columns=["What", "Shape"])
