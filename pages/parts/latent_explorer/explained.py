"""The equations behind the maps, their sources, and the command that makes the same."""

import shlex

import streamlit as st

from core.projection.maps import LatentMap
from core.projection.methods import PROJECTING
from pages.parts.latent_explorer.detail import source_line
from pages.ui.text_comparison import as_in_the_text

EQUATIONS = r"""
A network puts each image into a **code** $x_i$ of $d$ numbers. A map lays the codes out in two or
three, so that they can be looked at. No map can keep everything; each method chooses.

**PCA** (Pearson 1901) turns the codes until most of their variance lies in the first directions
and forgets the rest. It is a shadow of the codes: a distance can only shrink. What is far apart on
the map is far apart among the codes, but what is near on the map need not be near there.

**t-SNE** (van der Maaten and Hinton 2008) keeps neighbours. Each code gives its neighbours
probabilities, with a width chosen so that about *perplexity* of them count:

$$p_{j|i} \propto e^{-\lVert x_i - x_j\rVert^2 / 2\sigma_i^2},$$

$$p_{ij} = \frac{p_{j|i} + p_{i|j}}{2n}.$$

The map has its own, with a heavier tail, so that strangers may stand far apart. Its points move
until the Kullback-Leibler divergence KL, by which the two distributions differ, is small:

$$q_{ij} \propto \left(1 + \lVert y_i - y_j\rVert^2\right)^{-1},$$

$$\min_y \; \mathrm{KL}(P\,\Vert\,Q) = \sum_{ij} p_{ij}\log\frac{p_{ij}}{q_{ij}}.$$

In the first half all $p_{ij}$ are multiplied by the *exaggeration*: clusters form, then unfold. The
start is the PCA (Kobak and Berens 2019), the learning rate $n$ / exaggeration (Belkina et al.
2019), repulsion is summed over a Barnes-Hut tree by openTSNE (Poličar, Stražar and Zupan 2024).
New images are placed by their neighbours and a few steps in which nothing else moves.

**UMAP** (McInnes, Healy and Melville 2018) lays out a graph of neighbours by attraction and
sampled repulsion. It needs the extra package `umap-learn`.
"""


def explanation(latent_map: LatentMap | None) -> None:
    """The equations, and how the map on the stage was made."""
    st.markdown(EQUATIONS)
    as_in_the_text(PROJECTING)
    if latent_map is None:
        return
    spec = latent_map.run.spec()
    variant = PROJECTING.variant(spec.variant)
    st.markdown(f"**{variant.title}.** {variant.summary} {variant.source}.")
    st.caption(source_line(latent_map))
    st.markdown("The same from the command line:")
    st.code(command(latent_map), language="bash", wrap_lines=True)


def command(latent_map: LatentMap) -> str:
    """What makes this map again, as one would type it."""
    spec = latent_map.run.spec()
    changed = PROJECTING.changed(spec.variant, latent_map.config)
    flags = [f"--{name.replace('_', '-')} {shlex.quote(str(v))}" for name, v in changed.items()]
    return " ".join(
        [f"python -m core project {spec.variant} --dataset {shlex.quote(spec.dataset)}", *flags]
    )
