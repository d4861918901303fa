"""What is happening in a translation without pairs."""

import streamlit as st

LOSSES = r"""
There are pictures $a$ of a set $A$ and pictures $b$ of a set $B$, and nobody says which belongs to
which. Two generators are learnt, $G: A \to B$ and $F: B \to A$, and two discriminators, $D_B$ and
$D_A$, that tell real pictures of a set from translations into it (Zhu et al. 2017, CycleGAN).

**To look like the set.** The discriminator is to give 1 to real pictures and 0 to translations, and
the generator is to have its translations taken for 1. Both errors are squared (least squares, Mao
et al. 2017), which still has a slope where a discriminator is sure:

$$
\begin{aligned}
\mathcal L_{D_B} &= \mathbb E_b\,\big(D_B(b) - 1\big)^2 + \mathbb E_a\,D_B\big(G(a)\big)^2,\\
\mathcal L_G &= \mathbb E_a\,\big(D_B(G(a)) - 1\big)^2,
\end{aligned}
$$

and the same for $F$ and $D_A$. This asks that translations look like $B$ *as a set*. It does not
ask that the translation of a three is a three: any map that spreads $A$ over $B$ satisfies it, and
so does one that turns every three into a seven.

**Cycle.** So the way there and back is to end where it began,

$$
\mathcal L_{\text{cycle}} = \mathbb E_a\,\lVert F(G(a)) - a \rVert_1
  + \mathbb E_b\,\lVert G(F(b)) - b \rVert_1 ,
$$

with the mean absolute difference, which blurs less than the squared one. A translation may then
lose nothing of its picture. It still may *permute*: threes to sevens and sevens to threes come
back as well. Which of all these maps is learnt, the loss leaves open; a network of few layers, held
near the identity by the next term, tends to the one that changes least. The shares under “Class
kept” say how often that kept the class.

**Identity.** A picture that is of the target set already is to stay as it is,

$$
\mathcal L_{\text{identity}} = \mathbb E_b\,\lVert G(b) - b \rVert_1
  + \mathbb E_a\,\lVert F(a) - a \rVert_1 ,
$$

which keeps colours from being swapped where nothing asks for it. Here it counts only in the first
part of the training (a fifth, where nothing else is set): a beginning near the picture is all that
it is to give. The generators descend on
$\mathcal L_G + \mathcal L_F + \lambda\,\mathcal L_{\text{cycle}} + \mu\,\mathcal
L_{\text{identity}}$; $\lambda$ and $\mu$ are the weights on the tab “Compare”.
"""

PARTS = r"""
**Patches.** A discriminator here gives no single score but one for each patch of the picture, and
their squared errors are averaged (Isola et al. 2017). It judges texture, with few weights; what
the picture is as a whole is left to the cycle.

**A pool of fakes.** A discriminator that only sees the newest translations forgets what it has
already refuted, and both go round in circles. So it is shown translations of the past fifty as
well, each new one with even chance in the place of an old one (Shrivastava et al. 2017).

**Instance norm.** Each channel is brought to mean 0 and spread 1 over the picture itself, not over
a batch: how light or contrasty one picture is, says little about what it shows (Ulyanov et al.
2016). So the browser gets the same answer from one picture as the training did from many.

**Generators.** Patches of 2×2 pixels (4×4 from 33 pixels on) become one place each, residual
blocks follow, and the last layer gives the patches back. In the paper convolutions with a stride
stand there, for pictures of 256 pixels.
"""

HIDDEN = r"""
**It can cheat.** Where $B$ says less than $A$ (a sketch has no skin tone), no honest translation
lets $F$ come back exactly. The cycle asks for it nevertheless, and the network obliges: it writes
what is missing into the translation, in differences too small to be seen, and reads them again on
the way back. Chu, Zhmoginov and Sandler (2017) found street maps that held aerial photographs:
*steganography*. A small way-back error is therefore no proof of a good translation.

The tab “Hidden message” looks for it: noise $n \sim \mathcal N(0, \sigma^2)$ on the translation,
too little to be seen, and then the way back. If what is read is in the visible picture, $F(G(a) +
n)$ stays close to $F(G(a))$. How much a network changes with noise at all is measured beside it, on
real pictures: $F(b + n)$ against $F(b)$. Only a change that is much larger than that one speaks
for a hidden message, and it does not say what is in it.
"""

LIMITS = r"""
**Limits.** Nothing here knows what a horse is. Colours and textures are changed where they are, and
shapes hardly: to make a deer of a horse, antlers would have to be put where there was sky, and the
way back, which has to take them away, is easiest when there are none. On photographs of 32 pixels
little but colour changes. Such pairs are shown because they fail, and how.

**Truth.** Most pairs of sets have none, and then nothing here says that a translation is right:
only how near all of them are, as a set, to the target. The class of digits is a truth, coarse but
real. A sketch that is computed from a photograph is one too: its pair is known and was told to
nobody, so the squared error can be measured on pictures that the network never saw. A network that
*is* told the pairs (Isola et al. 2017 without its discriminator) says what can be had with them;
the measure favours it, for it was trained on nearly the same.

Zhu, Park, Isola and Efros 2017, *Unpaired image-to-image translation using cycle-consistent
adversarial networks*. Mao et al. 2017, *Least squares generative adversarial networks*. Isola et
al. 2017, *Image-to-image translation with conditional adversarial networks*. Shrivastava et al.
2017, *Learning from simulated and unsupervised images through adversarial training*. Ulyanov,
Vedaldi and Lempitsky 2016, *Instance normalization*. Chu, Zhmoginov and Sandler 2017, *CycleGAN, a
master of steganography*.
"""


def explained() -> None:
    """Losses, parts, the hidden message and limits, with their equations and sources."""
    for title, text in (
        ("Two sets, no pairs", LOSSES),
        ("What it is made of", PARTS),
        ("The hidden message", HIDDEN),
        ("Where it ends", LIMITS),
    ):
        st.subheader(title, anchor=False)
        st.markdown(text)
