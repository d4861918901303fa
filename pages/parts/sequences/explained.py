"""What is happening in networks that read sequences."""

from pages.parts.sequences.forecast_explained import forecast_explained
from pages.parts.sequences.tags_explained import tags_explained
from pages.parts.sequences.words_explained import words_explained


def explained() -> None:
    """The recurrence, the gates, and what each bench does."""
    forecast_explained()
    words_explained()
    tags_explained()
