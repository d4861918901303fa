"""The README says what is so."""

from pathlib import Path

from pydantic_core import PydanticUndefined

from core.registry import FAMILIES
from core.settings import ROOT, Settings

README = (ROOT / "README.md").read_text(encoding="utf-8")


def settings_rows() -> list[str]:
    """A row a variable; paths inside the project are given as they are seen from it."""
    rows = []
    for name, field in Settings.model_fields.items():
        default = field.default
        if default is PydanticUndefined:
            default = "~/.cache/latent-lab"
        if isinstance(default, Path):
            default = default.relative_to(ROOT)
        shown = f"`{default}`" if default != "" else "empty"
        rows.append(f"| `LATENT_LAB_{name.upper()}` | {shown} | {field.description} |")
    return rows


def test_every_variable_stands_in_the_table():
    for row in settings_rows():
        assert row in README


def test_every_variant_is_named():
    for family in FAMILIES.values():
        for name in family.variants:
            assert f"`{name}`" in README


def test_every_picture_is_there():
    for line in README.splitlines():
        if line.startswith("!["):
            assert (ROOT / line.split("](")[1].rstrip(")")).is_file(), line
