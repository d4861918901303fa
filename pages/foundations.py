"""Foundations: what is learnt in milliseconds, to touch, rewind and fork."""

from pages.parts.foundations import (
    classification_tab,
    depth_tab,
    optimisers_tab,
    published_tab,
    regression_tab,
    tensors_tab,
)
from pages.parts.foundations.explained import explained
from pages.ui.page_frame import opening, tabs

opening("foundations")
tabs(
    {
        "Tensors and gradients": tensors_tab.panel,
        "Regression": regression_tab.panel,
        "Classification": classification_tab.panel,
        "Optimisers": optimisers_tab.panel,
        "Depth": depth_tab.panel,
        "As in the text": published_tab.panel,
        "What is happening": explained,
    },
    default="Regression",
)
