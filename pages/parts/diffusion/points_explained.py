"""What is happening on the tab Points."""

import streamlit as st

TEXT = r"""

#### Points: where the right answer is known

**Forwards.** A point $x_0$ becomes noise as $x_t = \alpha(t)\,x_0 + \sigma(t)\,n$ with normal $n$,
from $t = 0$ (the point) to $t = 1$ (noise). On a *straight line* $\alpha = 1 - t$ and $\sigma =
t$; *variance preserving* is $\alpha = \cos\frac{\pi t}{2}$, $\sigma = \sin\frac{\pi t}{2}$, so
that $\alpha^2 + \sigma^2 = 1$. The points are drawn from a mixture of normal distributions, with
shares $\pi_i$, centres $c_i$ and widths $s_i$, so that the density at every time is a mixture too:
$p_t(x) = \sum_i \pi_i\, \mathcal N(x;\ \alpha c_i,\ \alpha^2 s_i^2 + \sigma^2)$.

**Score** is the slope of the logarithm of that density, $\nabla \log p_t(x)$: which way there are
more points. It is what remains to be said once the best guess at the noise is known, $\nabla \log
p_t(x) = -\mathbb E[n \mid x_t = x]\,/\,\sigma$ (Tweedie's formula), and for the mixture it is
known exactly. A test holds it to the slope that automatic differentiation finds.

**Velocity and flow.** The mean slope of all ways that pass a place, $v_t(x) = \mathbb E[\alpha'
x_0 + \sigma' n \mid x_t = x]$, moves the density: points that follow $\frac{dx}{dt} = v_t(x)$ are
spread as $p_t$ at every time. This *probability-flow ODE* draws no noise after the first, and its
ways never cross (Song et al. 2021). *Ancestral* sampling takes some noise away and adds some anew
in each step: other ways, the same densities, as long as the steps are small. Noise anew corrects
earlier errors a little; the ODE needs fewer steps, and its end is a function of its beginning.

**Flow matching.** A network cannot be shown $v_t(x)$ where it is not known. It is shown $\alpha'
x_0 + \sigma' n$ of drawn pairs instead, and the mean that makes the squared error least is
$v_t(x)$ (Lipman et al. 2023). That is why the loss does not go to 0: the dashed line is the loss
of the exact field, that is, how far pairs that pass the same place differ. Both are measured on
the same 256 noisy points, so a network may by chance be a little below it.

**Steps.** Euler's method follows the velocity of each step's beginning in a straight line, which
is DDIM here. Where ways bend, few steps cut across. In one step every noise goes to the mean of
all points.

**Reflow** (Liu et al. 2023). Noise is paired with what the network draws of it, and lines between
*these* pairs are learnt. Since the ways of the ODE do not cross, far fewer of these lines do, and
the guess at each place is more certain: the ways become nearly straight, and one step is about as
good as many. The points that it draws are those of the network before, with its errors.

**Distance.** $2\,\mathbb E|X - Y| - \mathbb E|X - X'| - \mathbb E|Y - Y'|$, the energy distance
(Székely and Rizzo 2013), over as many drawn as real points, in the mean over ten sets of these. It
is above 0 even for two sets of real points, which is the floor it stands beside. A distance within
it says that so few points show no difference, not that there is none. With a width of 0 the exact
field draws, in small steps, the training points themselves.

Ho et al. 2020, *Denoising diffusion probabilistic models*. Song, Meng and Ermon 2021, *Denoising
diffusion implicit models*. Song et al. 2021, *Score-based generative modeling through stochastic
differential equations*. Lipman et al. 2023, *Flow matching for generative modeling*. Liu et al.
2023, *Flow straight and fast: learning to generate and transfer data with rectified flow*. The
same computation stands in PyTorch in `core/foundations/point_flows.py`.
"""


def on_points() -> None:
    """Forwards, score, flow, flow matching, reflow and the distance."""
    st.markdown(TEXT)
