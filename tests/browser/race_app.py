"""A page with nothing but the bench of optimisers."""

from pages.parts.foundations import optimisers_tab

optimisers_tab.panel()
