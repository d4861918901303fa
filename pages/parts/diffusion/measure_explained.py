"""What is happening under “Measure”: the prior in a denoiser, projections, samples, likelihood."""

import streamlit as st

PRIOR = r"""
**Miyasawa's identity.** A noisy picture is $y = x_0 + \sigma n$. Of all answers to “what was
$x_0$?” the mean of the pictures that can have become $y$ has the least squared error, and

$$\mathbb E[x_0 \mid y] = y + \sigma^2\, \nabla \log p_\sigma(y)$$

(Robbins 1956; Miyasawa 1961). So a denoiser trained by the squared error knows where pictures
become likelier, though nobody has ever told it a probability: it is a prior. Once more
differentiated, the identity gives the **posterior covariance**,
$\mathrm{Cov}[x_0 \mid y] = \sigma^2 J$ with $J = \partial\, \mathbb E[x_0 \mid y] / \partial y$: a
row of the Jacobian is the filter that one pixel is made by, and tells with which others it is
still undecided. The network's is close to this as far as its guess is close to the mean. (Where the
picture is scaled by $\alpha$, $\sigma/\alpha$ stands in the place of $\sigma$.)
"""

PROJECTION = r"""
**What is measured** are linear numbers $m = M x_0$: pixels, means of boxes, products with random
patterns; of a blur, those of its singular patterns which it does not shrink below a twentieth. $M$
has orthonormal rows, so $M^\top m$ is the **pseudo-inverse**, and the picture nearest to a guess
$\hat x$ that has these numbers is the **projection** $\hat x - M^\top M \hat x + M^\top m$.

**The blind network** climbs: with $d$ the way from $y$ to its projected guess, each step is
$y + h\, d + \gamma z$ with $z \sim \mathcal N(0, I)$, and $\gamma$ such that the noise falls by
$1 - \beta h$ (Kadkhodaie and Simoncelli 2021). It sees itself how much noise is left.

**A network that is told the time** takes its usual steps, from the projected guess instead of the
guess (Wang et al. 2023). That alone is not enough: a guess at a pixel that is not known hears of
the known ones only through the noise. So it is corrected first. Were the pictures behind $x_t$
normal with covariance $C$, the mean of those with the numbers $m$ would be

$$
\hat x + C M^\top \left(M C M^\top\right)^{-1} (m - M \hat x), \qquad
C = \tfrac{\sigma^2}{\alpha}\, J
$$

(Song et al. 2023 with a fixed $C$; Rozet et al. 2024 with this one). $J$ is never written down:
automatic differentiation gives $J^\top v$, and one step of conjugate gradients is taken. Under “How
it is drawn” it can be switched off, to see what it is worth on a picture, and on for the blind
network, whose ascent as published has none.
"""

SAMPLES = r"""
**Mean and samples.** What is left open by $m$ is a distribution $p(x_0 \mid m)$, the **posterior**,
and every sample is one answer. For the squared error their mean is best, and by how much is an
identity: of any samples $x^{(i)}$ with mean $\bar x$,

$$
\frac1S \sum_i \lVert x^{(i)} - x_0 \rVert^2
= \lVert \bar x - x_0 \rVert^2 + \frac1S \sum_i \lVert x^{(i)} - \bar x \rVert^2 .
$$

If samples were exact, they would have twice the squared error of the true mean on average over
pictures, and still be the better answers to “what may it have looked like?”. These are not exact:
steps are finite, the covariance is taken as if pictures were normal, and the network has learnt
from some pictures for some time. Six samples show some of what is possible, and no probabilities.
The projection at the end makes each agree with what was measured; nothing makes it right.
"""

LIKELIHOOD = r"""
**Likelihood.** A flow moves pictures along $\dot x = v(x, t)$ and so moves their density with them:

$$\log p_0(x_0) = \log \mathcal N(x_1; 0, I) + \int_0^1 \nabla \cdot v(x_t, t)\, \mathrm dt$$

(Chen et al. 2018). The divergence is the mean of $\varepsilon^\top (\partial v / \partial x)\,
\varepsilon$ over random signs $\varepsilon$ (Hutchinson 1990; Grathwohl et al. 2019), and the way
is gone by Heun's steps, short ones near the picture. Greys are whole numbers and have no density:
each becomes $(k + u) / 256$ with $u$ even in $[0, 1)$, and the **bits per dimension** are
$-\log_2 p_0(x_0) / D + 7$ in the units of $[-1, 1]$, a bound from above (Theis et al. 2016). It is
a figure of how well pictures could be packed, and says little of how good samples look.
"""


def how_it_measures() -> None:
    """The equations behind the tab “Measure”, with sources."""
    st.subheader("What could have been measured", anchor=False)
    for part in (PRIOR, PROJECTION, SAMPLES, LIKELIHOOD):
        st.markdown(part)
