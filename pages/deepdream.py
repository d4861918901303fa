"""DeepDream: let a network grow what it sees in a picture, and watch it happen."""

from functools import partial

from core.dreaming.variants import DREAMING
from pages.parts.deepdream import channel_picker, recipe_panel, result_tabs, stage, your_dreams
from pages.parts.deepdream.explained import EQUATIONS
from pages.ui.page_frame import needs, opening, tabs
from pages.ui.text_comparison import explanation

opening("deepdream")
recipe_panel.take_loaded()
run = stage.bench()
tabs(
    {
        "Layers": channel_picker.panel,
        "Octaves": needs(run, result_tabs.octaves, "Dream first: its octaves are shown here."),
        "What it answers": needs(
            run,
            result_tabs.answers,
            "Dream first: what the network says before and after is shown here.",
        ),
        "Your dreams": your_dreams.panel,
        "Recipe": partial(recipe_panel.panel, run),
        "What is happening": partial(explanation, EQUATIONS, DREAMING, run=None),
    }
)
