"""Equations of several lines are written as the browser reads them."""

import re
from pathlib import Path

import pytest

PAGES = Path(__file__).parents[2] / "pages"
SOURCES = sorted(path for path in PAGES.rglob("*.py") if "$$" in path.read_text())


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: path.stem)
def test_two_dollars_that_are_not_closed_in_their_line_stand_alone(path: Path) -> None:
    """Else the first line is lost, and all that follows is read as one broken equation."""
    lines = [line.strip() for line in path.read_text().splitlines() if "$$" in line]
    assert not [line for line in lines if len(re.findall(r"\$\$", line)) == 1 and line != "$$"]
