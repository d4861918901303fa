"""Dreaming: the family of pictures that maximise activations of a network."""

from functools import partial

from core.dreaming.ascent import dream
from core.dreaming.classic import classic
from core.dreaming.config import FROM_NOISE, DreamConfig
from core.dreaming.visions import atlas, visualise
from core.dreaming.zoom import zoom
from core.tasks.family import Family, Variant, by_name

CLASSIC_SETTINGS = frozenset({"blur", "blend", "squeeze", "add_up"})
ZOOM_SETTINGS = frozenset({"frames", "zoom", "turn", "fps"})
VISION_SETTINGS = frozenset({"wobble"})
ASCENT_SETTINGS = frozenset(
    {"octaves", "ratio", "shift", "smooth", "bands", "flatness", "keep_colours", "tile"}
)
ADAM_DEFAULTS = {"measure": "mean", "rate": 0.05}
"""Defaults of the variants that start from noise: Adam's learning rate, and the mean response."""


_kind = partial(Variant, learns=False, quick=True, shape=None)
"""Nothing is trained, it takes seconds or minutes, and pictures keep their size."""


class Dreaming(Family[DreamConfig, Variant]):
    """Dreams, and feature visualisation."""

    name = "dreaming"
    kind = "dream"
    title = "Dreaming"
    headline = "objective"
    rows_are = "step"
    config_class = DreamConfig
    variants = by_name(
        _kind(
            "deep",
            "DeepDream",
            "What a network sees in a picture grows, from large forms to small ones.",
            dream,
            fixed=CLASSIC_SETTINGS | ZOOM_SETTINGS | VISION_SETTINGS,
            source="Mordvintsev, Olah and Tyka 2015",
            differs="Ours: EfficientNet-Lite0, the mean square of a layer, shifts, a gradient "
            "blurred at three scales and divided by its spread; only the new detail "
            "is carried on.",
        ),
        _kind(
            "classic",
            "Classic DeepDream",
            "The text's: blur, halve, dream of that, enlarge, blend, and climb.",
            classic,
            {
                "backbone": "vgg16",
                "layers": "27",
                "measure": "norm",
                "octaves": 20,
                "ratio": 2.0,
                "steps": 5,
                "rate": 0.2,
            },
            fixed=(ASCENT_SETTINGS - {"octaves", "ratio"}) | ZOOM_SETTINGS | VISION_SETTINGS,
            source="DeepDream on VGG-16 as in the text",
            edition=2,
            text="VGG-16 up to `features[27]`, the norm of its response; blur 2, halve, up "
            "to 20 times, blend 0.6; 5 steps of 0.2 along a gradient that is never "
            "set to zero; every octave squeezed to 224×224.",
            differs="It ends with the octave of a pixel; in the text that one is dreamt again "
            "and again. Network, layer, `squeeze` and `add_up` can be changed.",
        ),
        _kind(
            "visualise",
            "Dream from noise",
            "What a channel, a layer or a class likes best, grown out of nothing.",
            visualise,
            {"layers": "blocks.4/17", "side": 192, "steps": 192, **ADAM_DEFAULTS},
            fixed=CLASSIC_SETTINGS | ZOOM_SETTINGS | ASCENT_SETTINGS,
            source="Olah, Mordvintsev and Schubert 2017",
            differs="Ours, after Olah, Mordvintsev and Schubert 2017.",
        ),
        _kind(
            "zoom",
            "Zoom into a dream",
            "A film into the picture: each frame is the last one, enlarged and dreamt on.",
            zoom,
            {"side": 320, "octaves": 2, "steps": 6},
            fixed=CLASSIC_SETTINGS | VISION_SETTINGS,
            source="Mordvintsev, Olah and Tyka 2015",
            differs="Ours, after Mordvintsev, Olah and Tyka 2015.",
        ),
        _kind(
            "atlas",
            "Channel atlas",
            "The picture that each channel of a layer likes best.",
            atlas,
            {"side": 96, "steps": 64, **ADAM_DEFAULTS},
            fixed=CLASSIC_SETTINGS | ZOOM_SETTINGS | ASCENT_SETTINGS,
            source="Olah, Mordvintsev and Schubert 2017",
            differs="Ours: what each channel of a layer likes best.",
        ),
    )

    @staticmethod
    def needs_picture(variant: str) -> bool:
        """Whether it changes a picture, instead of starting from noise."""
        return variant not in FROM_NOISE


DREAMING = Dreaming()
