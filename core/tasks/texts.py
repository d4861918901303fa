"""What is as in the texts and what is not: a line a variant, for pages and for core/README.md."""

import re
from collections.abc import Iterable

from core.tasks.family import AnyFamily

HEADINGS = ("variant", "as in the text", "where ours differs, and why")
GENERAL = (
    "Of every training here: images come in a new order each epoch, by the seed; weights begin as "
    "PyTorch draws them, by the seed, where nothing else is said; an image left over alone makes "
    "no batch. Test images are for measuring only: nothing is chosen by them. Finished weights are "
    "kept, and measured, in 16 bits, those of denoisers in 32, those of the largest networks in 8."
)
"""What holds for every network that learns, whatever the texts do."""


def table(families: Iterable[AnyFamily], named: bool = False) -> str:
    """A row a variant in Markdown: what it is called, how the text has it, where ours differs.

    Args:
        named: with variants and settings by the names that commands take, instead of their titles.
    """
    rows = [HEADINGS, ("---",) * 3]
    for family in families:
        for variant in family.variants.values():
            row = (f"`{variant.name}`", variant.text or "–", variant.differs)
            rows.append(row if named else _titled(row, family))
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)


def _titled(row: tuple[str, str, str], family: AnyFamily) -> tuple[str, str, str]:
    """A row in which variants and settings of the family are called by their titles."""
    titles = {name: field.title for name, field in family.config_class.model_fields.items()}
    titles |= {name: variant.title for name, variant in family.variants.items()}

    def title(match: re.Match[str]) -> str:
        title = titles.get(match[1])
        return match[0] if title is None else f"“{title}”"

    name, text, differs = (re.sub(r"`([a-z_0-9]+)`", title, cell) for cell in row)
    return name.strip("“”"), text, differs
