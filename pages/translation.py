"""Translation: pictures of one set as if they were of another, learnt without pairs."""

from pages.parts.translation import (
    both_sets_tab,
    compare_tab,
    hidden_tab,
    stage,
    training_tab,
)
from pages.parts.translation.explained import explained
from pages.ui.page_frame import opening, tabs

opening("translation")
tabs(
    {
        "Translate": stage.panel,
        "Hidden message": hidden_tab.panel,
        "Both sets": both_sets_tab.panel,
        "Compare": compare_tab.panel,
        "Over epochs": training_tab.epochs,
        "Train your own": training_tab.panel,
        "What is happening": explained,
    }
)
