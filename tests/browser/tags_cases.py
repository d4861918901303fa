"""What PyTorch says of taggers, for the browser to compare with."""

import base64

from core.inference import sentences
from core.runs.query import shipped
from core.runs.store import Run
from core.tasks.sequence_tasks import VOCABULARY
from core.tasks.tagging import HELD_OUT, TAGGING

TEXTS = (
    "Everybody ate the apple",
    "The wugs were gorping slowly.",
    "“Don’t go,” said Mr. Smith's U.S. aide — for $1,000.50 (or so)...",
    '"One" word: "two"; and a-word-that-is-longer-than-any-other-word-in-the-corpus!',
    "привет, мир 😀 नमस्ते दुनिया 世界\u3000\u00a0x \u0085\ufeff end",
    "  \n\t ",
)


def cases() -> list[dict]:
    """Each shipped tagger with its files, and what it says of some texts."""
    return [_case(run) for run in shipped(TAGGING)]


def _case(run: Run) -> dict:
    result = []
    for text in TEXTS:
        words = sentences.tag(run, text).words if sentences.words_of(text) else []
        result.append(
            {
                "text": text,
                "words": [w.word for w in words],
                "seen": [w.seen for w in words],
                "probabilities": [list(w.probabilities.values()) for w in words],
            }
        )
    weights = base64.b64encode((run.path / "model.safetensors").read_bytes()).decode()
    return {
        "name": run.id,
        "network": sentences.known(run),
        "weights": f"data:application/octet-stream;base64,{weights}",
        "vocabulary": (run.path / VOCABULARY).read_text("utf-8"),
        "heldOut": (run.path / HELD_OUT).read_text("utf-8"),
        "texts": result,
    }
