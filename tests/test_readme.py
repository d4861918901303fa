"""The README and the texts beside it say what is so."""

import re
import shlex
from pathlib import Path

import pytest
from pydantic_core import PydanticUndefined
from streamlit.testing.v1 import AppTest

from core.__main__ import parser
from core.registry import FAMILIES
from core.settings import ROOT, Settings

DOCS = [
    "README.md",
    "pages/README.md",
    "core/README.md",
    "core/data/shipped/README.md",
    "checkpoints/README.md",
    "tests/hosting/README.md",
    "tests/benchmarks/README.md",
]
MAX_README_BYTES = 9 * 1024
MADE_BY_HAND = {".streamlit/secrets.toml"}
"""Named, and not part of the repository."""


def read(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


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


def test_every_variable_stands_in_the_table() -> None:
    for row in settings_rows():
        assert row in read("core/README.md")


def test_every_variant_is_named() -> None:
    for family in FAMILIES.values():
        for name in family.variants:
            assert f"`{name}`" in read("core/README.md")


def test_the_readme_is_short() -> None:
    assert len(read("README.md").encode()) <= MAX_README_BYTES


def test_the_page_of_the_texts_opens(tmp_path: Path) -> None:
    page = read("pages/README.md").partition("## Add a page")[2]
    file = tmp_path / "brightness.py"
    file.write_text(page.partition("```python\n")[2].partition("```")[0], encoding="utf-8")
    app = AppTest.from_file(file, default_timeout=60).run()
    before = [html.proto.body for html in app.get("html")]
    app.slider(key="brightness").set_value(0.5).run()
    assert not app.exception and [html.proto.body for html in app.get("html")] != before


def anchors(text: str) -> set[str]:
    """The anchors of a text's headings, as they are on code hosts."""
    headings = re.findall(r"^#+ (.+)$", text, flags=re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", h.lower()).replace(" ", "-") for h in headings}


@pytest.mark.parametrize("name", DOCS)
def test_every_link_leads_somewhere(name: str) -> None:
    here = (ROOT / name).parent
    for target in re.findall(r"\]\(([^)\s]+)\)", read(name)):
        if target.startswith("https://"):
            continue
        path, _, anchor = target.partition("#")
        there = here / path if path else ROOT / name
        assert there.exists(), target
        assert not anchor or anchor in anchors(there.read_text(encoding="utf-8")), target


def project_files(text: str) -> set[str]:
    """What looks like a file or folder of the project, in sentences and in blocks of commands."""
    words = {word for line in commands(text) for word in line.split()}
    tops = r"(?:core|pages|tests|checkpoints|\.ci|\.github|\.streamlit)/[^\s`,;:()]+"
    return {word for word in words if re.fullmatch(tops, word)} - MADE_BY_HAND


@pytest.mark.parametrize("name", DOCS)
def test_every_file_that_is_named_is_there(name: str) -> None:
    for path in project_files(read(name)):
        pattern = re.sub(r"<\w+>", "*", path).rstrip("/")
        assert any(ROOT.glob(pattern)), path


def test_every_file_of_hosting_is_there() -> None:
    name = "tests/hosting/README.md"
    rows = re.findall(r"^\| `([^`]+)` \|", read(name), flags=re.MULTILINE)
    assert rows
    for file in rows:
        assert (ROOT / name).with_name(file).is_file(), file


def test_the_drawing_has_every_room_of_core() -> None:
    drawing = read("core/README.md").split("```")[1]
    seen = re.findall(r"[a-z_]+", drawing)
    rooms = {p.stem for p in (ROOT / "core").iterdir() if not p.name.startswith(("_", "README"))}
    assert rooms <= set(seen), rooms - set(seen)


def commands(text: str) -> list[str]:
    """The lines of blocks of code, and what stands in sentences as code, in one line each."""
    blocks = re.findall(r"```sh\n(.*?)```", text, flags=re.DOTALL)
    sentences = re.sub(r"```.*?```", "", text, flags=re.DOTALL)
    inline = [" ".join(code.split()) for code in re.findall(r"`([^`]+)`", sentences)]
    return [line for block in blocks for line in block.splitlines()] + inline


@pytest.mark.parametrize("name", DOCS)
def test_every_command_is_understood(name: str) -> None:
    for line in commands(read(name)):
        command = line.partition("python -m core ")[2]
        words = shlex.split(command, comments=True)
        if "--help" in words:
            with pytest.raises(SystemExit, match="0"):
                parser().parse_args(words)
        elif words:
            parser().parse_args(words)  # leaves with an error where it does not know them
