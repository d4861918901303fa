"""What happens in a transfer classifier."""

import streamlit as st

from core.runs.store import Run
from core.tasks.transfer import TRANSFER
from pages.ui.text_comparison import as_in_the_text

EQUATIONS = r"""
A network that was trained on a million photographs (**ImageNet**) has learnt to see: its last layer
gives each photograph a row of features $f(x)$, about a thousand numbers, in which things of one
kind lie together. Telling **your** kinds apart is then a small task, for which a few pictures are
enough.

**New head.** The network stays as it is; only a new last layer learns,
$p = \mathrm{softmax}(W\,\hat f(x) + b)$, on features that were standardised by the training
pictures, $\hat f = (f - \mu) / \sigma$. Each picture is looked at once, so learning takes seconds.

**Networks side by side.** The features of several networks are joined for one head: where one of
them errs, another may not.

**Fine-tuning.** All weights learn: first the head alone, for a third of the time, then the network
too, at a lower rate (Howard and Ruder 2018), on pictures that are cropped and mirrored at random.
Its batch norms keep their statistics, for a few pictures have none of their own.

**When to stop.** A tenth of the training pictures is held back; the weights with the least loss on
it are kept.

**Calibration.** Networks are often too sure of themselves. Their logits are divided by a
calibration temperature $T$, chosen so that the loss on the pictures held back is least (Guo et al.
2017): of what it calls 90&nbsp;% sure, nine in ten should be right. How far it is from that is the
calibration error. The pictures held back are few, so that $T$ is a rough guess, and targets a
little below 1 let it err to the cautious side; fewer than twenty are too few, and $T$
stays 1. It has nothing to do with the temperature at which an autoencoder's codes are drawn.

**None of these.** A head must choose a class, even for a picture of nothing it knows. So the cosine
distance of the picture's features to its tenth nearest training picture is measured (Sun et al.
2022; of fewer than 200 training pictures, to the nearest twentieth of them). It is *unlike* them
where that distance is larger than 99&nbsp;% of the training pictures have to their own.

**Heat maps** (Grad-CAM, Selvaraju et al. 2017). The last maps of the network are added up, each
weighted by how much it speaks for the class: $\mathrm{ReLU}\big(\sum_k \alpha_k A_k\big)$ with
$\alpha_k$ the mean slope of the class's logit over map $k$. A map of zeros means that nothing
speaks for it.
"""


def explanation(chosen: Run | None) -> None:
    """The methods, and which of them was chosen."""
    st.markdown(EQUATIONS)
    if chosen is not None:
        variant = TRANSFER.variant(chosen.spec().variant)
        st.markdown(f"**Chosen above: {variant.title}.** {variant.summary}")
        st.caption(f"In the text: {variant.source}.")
    as_in_the_text(TRANSFER)
