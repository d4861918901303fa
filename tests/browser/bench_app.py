"""The bench Regression alone."""

from pages.parts.foundations import regression_tab

regression_tab.panel()
