"""Sequences: a forecast to bend, words that learn their neighbours, tags as one types."""

from pages.parts.sequences import forecast_tab, tags_tab, training_tab, words_tab
from pages.parts.sequences.explained import explained
from pages.ui.page_frame import opening, tabs

opening("sequences")
tabs(
    {
        "Forecast": forecast_tab.panel,
        "Words": words_tab.panel,
        "Tags": tags_tab.panel,
        "Train your own": training_tab.panel,
        "What is happening": explained,
    }
)
