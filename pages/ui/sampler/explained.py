"""The equations behind the VAE sampler, and the source of the chosen network."""

import streamlit as st

from core.runs import Run
from core.tasks.autoencoding import AUTOENCODING

TEXT = r"""
An **autoencoder** squeezes an image $x$ into a few numbers $z$ and draws it again from them. A
plain one learns only to come back: $\min \lVert x - d(e(x)) \rVert^2$. Its codes lie where they
please, with gaps between, so a code chosen at random seldom means anything.

A **variational** autoencoder (Kingma and Welling 2014) answers with a cloud for each image,
$q(z|x) = \mathcal N(\mu(x), \sigma^2(x))$, draws $z = \mu + \sigma\,\varepsilon$ from it, and pays
for leaving the prior $\mathcal N(0, 1)$. It maximises a lower bound on $\log p(x)$:

$$\mathrm{ELBO} = \mathbb E_{q(z|x)}[\log p(x|z)] - \beta\,\mathrm{KL}(q(z|x)\,\Vert\,p(z)),$$

$$\mathrm{KL} = -\tfrac12 \sum_j \left(1 + \log\sigma_j^2 - \mu_j^2 - \sigma_j^2\right).$$

Both terms are sums over the image, in nats. The pressure towards the prior closes the gaps: nearly
every draw can be shown. It also switches off the numbers that are not worth their price: their
posterior is the prior, and moving their slider changes nothing. A **conditional** VAE (Sohn, Lee
and Yan 2015) is told the class in encoder and decoder, so that the code keeps only the handwriting.

The importance-weighted bound (Burda, Grosse and Salakhutdinov 2016) averages $k$ draws inside the
logarithm and comes nearer to $\log p(x)$:
$\mathbb E\left[\log\frac1k\sum_i p(x, z_i)/q(z_i|x)\right]$.

In many dimensions nearly all of a Gaussian lies on a shell of radius $\sqrt d$. The straight line
between two codes cuts through its empty middle; **slerp** (Shoemake 1985) stays on the shell. The
verdict under the picture compares $\lVert z \rVert^2$ with the $\chi^2_d$ distribution.
"""


def explanation(chosen: Run | None) -> None:
    """The equations, and which network is on the stage."""
    st.markdown(TEXT)
    if chosen is not None:
        variant = AUTOENCODING.variant(chosen.config().variant)
        st.markdown(f"**{variant.title}.** {variant.summary} {variant.source}.")
