"""From the tags of the Brown corpus to the twelve universal ones.

Petrov, Das and McDonald 2012, A Universal Part-of-Speech Tagset: their file en-brown.map, which
lists every tag as it is written; here by the tags without what a title, a headline or a quoted word
adds to them, which changes nothing. A word contracted with another is mostly a particle there.
"""

import re

UNIVERSAL = ("NOUN", "VERB", "ADJ", "ADV", "PRON", "DET", "ADP", "NUM", "CONJ", "PRT", ".", "X")
"""The universal tags, in the order of their numbers."""
TITLES = {
    "NOUN": "Noun",
    "VERB": "Verb",
    "ADJ": "Adjective",
    "ADV": "Adverb",
    "PRON": "Pronoun",
    "DET": "Determiner",
    "ADP": "Preposition or subordinating conjunction",
    "NUM": "Number",
    "CONJ": "Coordinating conjunction",
    "PRT": "Particle or contraction",
    ".": "Punctuation",
    "X": "Other: foreign words, typing errors",
}
"""What each is called in full."""
_BROWN = {
    "NOUN": "cd$ nn nn$ nn+in nn+nn nns nns$ np np$ nps nps$ nr nr$ nrs pn pn$",
    "VERB": "be bed bed* bedz bedz* beg bem bem* ben ber ber* bez bez* do do* dod dod* doz doz* hv "
    "hv* hv+to hvd hvd* hvg hvn hvz hvz* md md* md+hv md+ppss md+to vb vb+at vb+in vb+jj vb+ppo "
    "vb+rp vb+to vb+vb vbd vbg vbg+to vbn vbn+to vbz",
    "ADJ": "ap ap+ap jj jj+jj jjr jjr+cs jjs jjt od",
    "ADV": "* ql qlp rb rb+cs rbr rbr+cs rbt rn wql wrb",
    "PRON": "pp$$ ppl ppls ppo pps ppss wpo wps",
    "DET": "abx at dt dt$ dti dts dtx pp$ wdt wp$",
    "ADP": "cs in in+in in+ppo",
    "NUM": "cd",
    "CONJ": "cc",
    "PRT": "abl abn ap$ dt+bez dt+md dts+bez ex ex+bez ex+hvd ex+hvz ex+md jj$ nn+bez nn+hvd "
    "nn+hvz nn+md nns+md np+bez np+hvz np+md nr+md pn+bez pn+hvd pn+hvz pn+md pps+bez pps+hvd "
    "pps+hvz pps+md ppss+bem ppss+ber ppss+bez ppss+bez* ppss+hv ppss+hvd ppss+md ppss+vb rb$ "
    "rb+bez rp rp+in to to+vb uh wdt+ber wdt+bez wdt+dod wdt+hvz wps+bez wps+hvd wps+hvz wps+md "
    "wrb+ber wrb+bez wrb+do wrb+dod wrb+dod* wrb+doz wrb+in wrb+md",
    ".": "( ) , -- . : ' '' ``",
    "X": "do+ppss nil wdt+ber+pp wdt+do+pps",
}
_OF_BROWN = {tag: universal for universal, tags in _BROWN.items() for tag in tags.split()}
_ADDED = re.compile(r"(?<=.)(-(tl|hl|nc|t|n))+$")
"""Title, headline, cited word; two tags of the corpus are cut short."""


def universal(tag: str) -> str:
    """Return the universal tag of one of the Brown corpus, written small or large.

    Raises ValueError for a tag that is none of the corpus.
    """
    tag = tag.lower()
    if tag.startswith("fw-"):
        return "X"  # foreign words, whatever they are in their language
    plain = tag if tag in _OF_BROWN else _ADDED.sub("", tag)
    if plain not in _OF_BROWN:
        raise ValueError(f"{tag} is no tag of the Brown corpus")
    return _OF_BROWN[plain]
