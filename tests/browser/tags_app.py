"""A page with nothing but the bench of tags."""

from pages.parts.sequences import tags_tab

tags_tab.panel()
