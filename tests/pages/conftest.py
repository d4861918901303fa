"""What every test of pages begins with."""

from collections.abc import Iterator

import pytest

from pages.ui import cached


@pytest.fixture(autouse=True)
def nothing_remembered() -> Iterator[None]:
    """Lists of models are kept for two seconds: those of another lab are not this one's."""
    cached.forget_models()
    yield
    cached.forget_models()
