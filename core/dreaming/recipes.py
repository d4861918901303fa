"""Recipes: what a dream was made with, kept in its own PNG and read from it again."""

import base64
import io
import json
from typing import Any

from PIL import Image, PngImagePlugin
from pydantic import BaseModel, ConfigDict, Field, ValidationError, ValidationInfo, field_validator

from core.dreaming.config import DreamConfig
from core.dreaming.variants import DREAMING
from core.errors import BadUpload
from core.images import display_name
from core.runs.schema import CLASSIC_BEFORE
from core.settings import settings

KEY = "latent-lab-dream"
"""The name of the note in a PNG."""
MOST = 400_000
"""Signs of a note that is read."""


class Recipe(BaseModel):
    """What a dream was made with. The picture and the guide are named by their SHA-256, for they
    are not in it; the mask, which was drawn for it, is."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    variant: str
    source: str
    config: dict[str, Any]
    picture: str = ""
    guide: str = ""
    mask: str = Field("", max_length=MOST)
    """A PNG in base64."""

    @field_validator("config")
    @classmethod
    def _of_an_older_dream(cls, value: dict[str, Any], info: ValidationInfo) -> dict[str, Any]:
        """A classic dream that says nothing of these was made without them."""
        return {**CLASSIC_BEFORE, **value} if info.data.get("variant") == "classic" else value

    def settings(self) -> DreamConfig:
        """The settings, validated. Raises LabError."""
        return DREAMING.config(self.variant, self.config)

    def drawn(self) -> bytes | None:
        """The mask as a PNG."""
        return base64.b64decode(self.mask) if self.mask else None


def signed(png: bytes, recipe: Recipe) -> bytes:
    """A PNG with the recipe in it; the picture stays as it is."""
    note = PngImagePlugin.PngInfo()
    note.add_itxt(KEY, recipe.model_dump_json(), zip=True)
    file = io.BytesIO()
    with Image.open(io.BytesIO(png), formats=["PNG"]) as image:
        image.save(file, "PNG", pnginfo=note)
    return file.getvalue()


def read(content: bytes, name: str = "picture") -> Recipe:
    """The recipe in a PNG from outside.

    Raises:
        BadUpload: no PNG, or none with a recipe that can be used.
    """
    shown = display_name(name)
    if len(content) > settings().max_upload_bytes:
        raise BadUpload(f"“{shown}” is larger than {settings().max_upload_mb} MB.")
    try:
        with Image.open(io.BytesIO(content), formats=["PNG"]) as image:
            image.load()  # the note may stand behind the picture
            text = str(getattr(image, "text", {}).get(KEY, ""))
    except Exception as error:  # Pillow's parsers raise nearly anything on hostile bytes
        raise BadUpload(f"“{shown}” is no PNG that can be read here.") from error
    if not text:
        raise BadUpload(
            f"“{shown}” has no recipe in it. Choose a PNG that was downloaded from a dream; "
            "some programs and sites take such notes out."
        )
    try:
        found = Recipe.model_validate(json.loads(text[:MOST]))
        found.settings()
        found.drawn()
    except (ValueError, ValidationError, RecursionError) as error:
        raise BadUpload(f"The recipe in “{shown}” is damaged.") from error
    return found
