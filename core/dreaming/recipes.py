"""Recipes: the settings and inputs of a dream, embedded in its PNG."""

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

PNG_KEY = "latent-lab-dream"
"""Key of the text chunk in a PNG."""
MAX_LENGTH = 400_000
"""Maximum number of characters of a recipe."""


class Recipe(BaseModel):
    """The settings and inputs of a dream. The picture and the guide are identified by their
    SHA-256; the mask, which was drawn for it, is included."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    variant: str
    source: str
    config: dict[str, Any]
    picture: str = ""
    guide: str = ""
    mask: str = Field("", max_length=MAX_LENGTH)
    """A PNG in base64."""

    @field_validator("config")
    @classmethod
    def _of_an_older_dream(cls, value: dict[str, Any], info: ValidationInfo) -> dict[str, Any]:
        """Add the settings that classic dreams did not have before."""
        return {**CLASSIC_BEFORE, **value} if info.data.get("variant") == "classic" else value

    def settings(self) -> DreamConfig:
        """Return the validated settings. Raises LabError."""
        return DREAMING.config(self.variant, self.config)

    def mask_png(self) -> bytes | None:
        """Return the mask as a PNG."""
        return base64.b64decode(self.mask) if self.mask else None


def with_recipe(png: bytes, recipe: Recipe) -> bytes:
    """Embed the recipe in a PNG; the pixels do not change."""
    note = PngImagePlugin.PngInfo()
    note.add_itxt(PNG_KEY, recipe.model_dump_json(), zip=True)
    file = io.BytesIO()
    with Image.open(io.BytesIO(png), formats=["PNG"]) as image:
        image.save(file, "PNG", pnginfo=note)
    return file.getvalue()


def read(content: bytes, name: str = "picture") -> Recipe:
    """Read the recipe of an uploaded PNG.

    Raises:
        BadUpload: no PNG, or no valid recipe in it.
    """
    shown = display_name(name)
    if len(content) > settings().max_upload_bytes:
        raise BadUpload(f"“{shown}” is larger than {settings().max_upload_mb} MB.")
    try:
        with Image.open(io.BytesIO(content), formats=["PNG"]) as image:
            image.load()  # the note may stand behind the picture
            text = str(getattr(image, "text", {}).get(PNG_KEY, ""))
    except Exception as error:  # Pillow's parsers raise nearly anything on hostile bytes
        raise BadUpload(f"“{shown}” is no PNG that can be read here.") from error
    if not text:
        raise BadUpload(
            f"“{shown}” has no recipe in it. Choose a PNG that was downloaded from a dream; "
            "some programs and sites take such notes out."
        )
    try:
        recipe = Recipe.model_validate(json.loads(text[:MAX_LENGTH]))
        recipe.settings()
        recipe.mask_png()
    except (ValueError, ValidationError, RecursionError) as error:
        raise BadUpload(f"The recipe in “{shown}” is damaged.") from error
    return recipe
