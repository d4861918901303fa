"""What is happening in a tagger."""

import streamlit as st


def tags_explained() -> None:
    """Letters as a help, both directions, the shapes of tasks, and what the figures mean."""
    st.subheader("Tags: what part of speech each word is", anchor=False)
    st.markdown(
        "The tag of a word depends on the words around it (*the* **refuse**, *they* **refuse**): "
        "what sees one word at a time can at best give each word its most frequent tag. "
        "A recurrent network reads the sentence and says at every word, from its state there, how "
        "probable each tag is:"
    )
    st.latex(
        r"x_t = [\,E_{w_t};\; \text{letters}(w_t)\,], \qquad "
        r"h_t = \text{LSTM}(x_t, h_{t-1}), \qquad "
        r"p(\text{tag}_t) = \text{softmax}(W h_t + b)"
    )
    st.markdown(
        "**Letters, for words never seen.** A word that is not in the vocabulary has no vector of "
        "its own; its letters are always there, and in English its ending tells much: *-ly*, "
        "*-ing*, *-s*. In the text an LSTM of 50 units reads the letters one by one, and its "
        "last output stands beside the word’s vector. Ours has 96 filters over five neighbouring "
        "letters, each taken where it answers most; in training it is not shown the vectors of "
        "many rare words, so that it learns to do without. Rub letters out under **Tags** to see "
        "which ones matter.\n\n"
        "**Both directions.** *The old man the boats*: what *man* is, comes behind it. One LSTM "
        "reads from the left, another from the right, and both states are joined at each word. "
        "The price: the sentence has to be there to its end, and a word more changes all tags "
        "before it a little.\n\n"
        "**Shapes of tasks.** Many to many of the same length: a tag a word, as here. Many to one: "
        "only the last state is used, as for the letters of a word, or the mood of a review. Many "
        "to many, shorter: speech to letters, where many inputs give one output or none. "
        "Sequence to sequence: one network reads to the end, and a second one writes from its last "
        "state, as in translation. A CNN in front of an RNN reads pictures in order: a film, "
        "or a caption word by word.\n\n"
        "**What the figures mean.** A text in ten is held out as a whole, for words and names of a "
        "text come back in it: split by sentences, fewer words would be new, and every figure "
        "better than it is. Words *never seen* are those that do not occur in the other texts, "
        "whatever their capitals. The *most frequent tag* of each word is right more often than "
        "one would think; the *bigram* model also looks at the tag before, and guesses words by "
        "their last letters. A tag is right where it is the corpus’s, which has errors and "
        "customs of its own: nobody reaches 100 %."
    )
    st.caption(
        "Universal tags: Petrov, Das and McDonald 2012. Brown corpus: Francis and Kučera 1979. "
        "Letters in words: Ling et al. 2015; filters: Ma and Hovy 2016. Both directions: Graves "
        "and Schmidhuber 2005. Hidden words: Kiperwasser and Goldberg 2016. The bigram model: "
        "Brants 2000."
    )
