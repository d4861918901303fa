"""The bench of words alone."""

from pages.parts.sequences import words_tab

words_tab.panel()
