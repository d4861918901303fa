"""What is happening in networks of words."""

import streamlit as st

TEXT = r"""
**Why order matters.** Asked for the destination, a network that sees each word by itself must say
the same of “Beijing” in “arrive in Beijing on November 2nd” and in “leave Beijing on November 2nd”:
what decides stands before it. Which words there are is not enough either, for “from Rome to
Beijing” and “from Beijing to Rome” have the same. A network has to keep what it has read.

**Words as vectors.** Each word has a row of numbers, its embedding, which is learnt like any other
weight. Words that stand in like places get like rows, for the same answers are right behind them.
How alike two are is told by the cosine of the angle between them,
$\cos\angle(a, b) = \frac{a \cdot b}{\lVert a \rVert \lVert b \rVert}$: 1 for the same direction, 0
for a right angle. With one number a word (one-hot vectors) every angle would be a right angle.

**N-grams and the Markov assumption.** The probability of a text is a product of probabilities, one
for each word behind all that stand before it, $\prod_t p(w_t \mid w_1 \dots w_{t-1})$. An n-gram
model assumes that the last $n - 1$ words are enough (the Markov assumption). Counted, with two
words before: $p(w \mid u, v) = \frac{c(u\,v\,w)}{c(u\,v)}$, which is 0 for whatever was not seen.

**Kneser-Ney** takes a little, $D$, from each count and gives it to the model of one word less,
which asks in how many different contexts a word stood rather than how often: “Francisco” is
frequent, but behind “San” alone.

**The text's network** joins the embeddings of two words ($2 \cdot 10$ numbers), then Lin 20-128,
ReLU and Lin 128-$V$ give a logit for each of the $V$ words (Bengio et al. 2003). Two words that
never stood together still have embeddings, and with them an answer.

**Ours** reads on with an LSTM, which has no fixed number of words before. What it has read becomes
a vector as long as an embedding, $m$, and the logit of each word is $m \cdot e_w + b_w$: one table
of words for input and output. While it learns, the true word is compared with 512 frequent and
1,024 drawn ones instead of with all; when it is measured, with all.

**Perplexity** is $\exp\left(-\frac{1}{N} \sum_t \ln p(w_t \mid w_{<t})\right)$: among how many
equally likely words one would have to guess with as much doubt. It depends on the text and on the
vocabulary, so only models on the same words compare. Every figure in the table is on words that
the model has not learnt, unless it says otherwise.

**Temperature.** To go on, a word is drawn from $\mathrm{softmax}(z / T)$ of the logits $z$: with
$T$ below 1 the probable ones come more often, at 0 always the most probable one; the word that
stands for all rare ones is never drawn.
"""


def words_explained() -> None:
    """Vectors, n-grams, perplexity, and what the two networks do."""
    st.markdown(TEXT)
