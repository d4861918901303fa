"""What is happening while one paints."""

import streamlit as st

FILLING = r"""
**Filling holes.** Some pixels $y$ of a picture are known, and wanted are pictures that agree with
them: draws from $p(x \mid y)$, *posterior samples*, one for each noise. The network knows only how
to take noise away; that is enough, for the way to its guess runs along the *score*
$\nabla \log p(x_t)$, the direction in which noisy pictures become likelier (Miyasawa 1961). So a
picture is drawn as usual, and at every step what is known is put back:

$$x_t \leftarrow m \odot (\alpha_t\, y + \sigma_t\, \varepsilon) + (1 - m) \odot x_t$$

with $m = 1$ where a pixel is known and the noise of that step, $\sigma_t$; at the end without
noise, so that the known pixels are kept exactly. This is a *projection* onto the pictures that
agree with $y$ (Kadkhodaie and Simoncelli 2021). One projection alone leaves seams: what was filled
in does not know yet what was put back. So each step is taken several times, with fresh noise
between (RePaint, Lugmayr et al. 2022). Such fillings are approximate draws from
$p(x \mid y)$, not exact ones: how often a class comes is not its exact probability.
"""
MEAN = r"""
**Why one answer is blurred.** Of all answers $a$, the mean squared error
$\mathbb E\left[\lVert x - a\rVert^2 \mid y\right]$ is smallest for the posterior mean
$a = \mathbb E[x \mid y]$. Where a 4 and a 9 are both possible, that is half of each: no digit at
all. A network that learns to restore by the squared error is taught this mean. Several samples show
instead what is possible, and their spread shows where the known pixels do not decide.
"""
SCRIBBLE = r"""
**From a scribble.** Noise of a time $t$ is added to the drawing, $x_t = \alpha_t\, x + \sigma_t\,
\varepsilon$, and taken away again from there (SDEdit, Meng et al. 2022). The *strength* is that
$t$. Noise hides fine strokes before coarse shapes: with a little the drawing comes back with its
faults, with much only its rough place and weight are left, and at 1 next to nothing. In between
lies what one wants, and where depends on the drawing: hence the row over strengths.
"""


def on_painting() -> None:
    """Projection, posterior samples against their mean, and SDEdit."""
    st.subheader("Painting", anchor=False)
    for text in (FILLING, MEAN, SCRIBBLE):
        st.markdown(text)
