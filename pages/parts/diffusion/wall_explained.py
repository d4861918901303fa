"""How a diffusion draws: what noise does, what is learnt, the sampler, guidance, slerp."""

import streamlit as st

from core.models.noise_processes import LEAST_SIGMA, MOST_SIGMA

PROCESSES = r"""
A picture $x_0$ becomes noise as $t$ goes from 0 to 1:

$$x_t = \alpha_t\, x_0 + \sigma_t\, n, \qquad n \sim \mathcal N(0, I).$$

$\sigma_t$ is the **noise level**, $\alpha_t$ how much of the picture is left. Nothing is learnt
here; each of the networks has its own $\alpha$ and $\sigma$, and says something else of $x_t$:

| network | $\alpha_t$ | $\sigma_t$ | what it says |
| --- | --- | --- | --- |
| Flow matching ¹ | $1 - t$ | $t$ | the **velocity** $n - x_0$ of the straight line |
| DDPM ² | $\sqrt{\bar\alpha_t}$ | $\sqrt{1 - \bar\alpha_t}$ | the noise $n$ |
| Denoiser as a prior ³ | $1$ | $LEAST \cdot RATIO^{\,t}$ | $\sigma n$, what is to be taken away |

¹ Liu et al. 2023; Lipman et al. 2023 · ² Ho et al. 2020 · ³ Kadkhodaie and Simoncelli 2021

All three are trained by the squared error. Its minimum is a mean: the mean of all pictures that
could have become this $x_t$. So the **guess** $\hat x_0 = (x_t - \sigma_t \hat n) / \alpha_t$ is a
blur of everything that is still possible: at $t = 1$ near to the mean of the data (of the class,
where it is told), and sharper as less is left open. And $-\hat n / \sigma_t$ is an estimate of the
**score** $\nabla \log p_t(x_t)$, the direction in which noisy pictures become likelier (Miyasawa
1961; Vincent 2011): the orange and blue picture points against it.
""".replace("LEAST", f"{LEAST_SIGMA:g}").replace("RATIO", f"{MOST_SIGMA / LEAST_SIGMA:g}")

SAMPLER = r"""
One look gives a blur, so the way back is gone in steps, from $t$ to a smaller $s$: what is seen is
put together again with less noise,

$$
x_s = \alpha_s\, \hat x_0 + \sqrt{\sigma_s^2 - \nu^2}\; \hat n + \nu\, \varepsilon, \qquad
\nu = \eta\, \sigma_s \sqrt{1 - \Big(\frac{\alpha_t\, \sigma_s}{\alpha_s\, \sigma_t}\Big)^{2}},
\qquad \varepsilon \sim \mathcal N(0, I).
$$

With $\eta = 0$ nothing is drawn anew, and the picture is a function of its first noise: DDIM (Song
et al. 2021), which for the straight lines of flow matching is Euler's method. With $\eta = 1$ it is
the ancestral sampling of DDPM. **Heun's** method takes the mean of what is seen here and where
Euler's step would lead (Karras et al. 2022): two looks a step, and the error falls with the square
of the step's size, not with the size itself. The flow's paths would be straight if each noise led
to one picture alone; they bend where several are possible, which is why few steps are not enough,
and the curve of the guess shows where: it moves while things are still undecided.

**Guidance** (Ho and Salimans 2022). In training the class is left out once in ten times, so that
the network can be asked with it and without. What is said is pushed away from the latter: $(1 + g)$
times what it says with the class, less $g$ times what it says without. Pictures become more typical
of their class, and more alike: with $g > 0$ they are no samples of the data's distribution any
more, also where they look better.
"""

BETWEEN = r"""
**Between two pictures.** Of $d$ independent normal numbers the length is close to $\sqrt d$, and
two such noises are almost at right angles. On the straight line $(1 - u)\, n_1 + u\, n_2$ the size
of the numbers falls to $\sqrt{(1 - u)^2 + u^2}$, 0.71 in the middle: noise as the network has never
met it at $t = 1$, so that what it draws is no sample any more, often smoother than it should be, or
grey. **Slerp** (Shoemake 1985) goes along the great circle,

$$n_u = \frac{\sin((1 - u)\,\theta)}{\sin\theta}\, n_1 + \frac{\sin(u\,\theta)}{\sin\theta}\, n_2,$$

with $\theta$ the angle between them, and keeps it. Every noise on the way is about as likely as its
ends; that the pictures change smoothly is no law, but what the network has learnt: at some places
one digit turns into another within little.
"""


def how_it_draws() -> None:
    """The equations behind the tab “Draw”, with sources."""
    st.subheader("How it draws", anchor=False)
    for part in (PROCESSES, SAMPLER, BETWEEN):
        st.markdown(part)
