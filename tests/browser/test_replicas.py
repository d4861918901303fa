"""Chromium behind nginx: the cookie of a WebSocket holds, and a page whose server fell is back."""

from collections.abc import Iterator
from typing import Any

import pytest

from tests.hosting.parts import House, nginx
from tests.hosting.visitor import STAYS

pytestmark = pytest.mark.browser

PATIENCE = 120_000
"""Milliseconds after which a test gives up."""
OTHER = {"a": "b", "b": "a"}
WHOLE = "() => [...document.images].every(image => image.complete && image.naturalWidth > 0)"


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    nginx()
    with House(tmp_path_factory.mktemp("house")) as house:
        house.add_replica("a")
        house.add_replica("b")
        house.add_proxy()
        house.wait()
        yield house


def replica(page: Any) -> str:
    """Where the browser's cookie says that the session is."""
    result = {cookie["name"]: cookie["value"] for cookie in page.context.cookies()}
    return str(result.get(STAYS, ""))


def test_an_open_page_moves_to_the_other_replica_by_itself(house: House, page: Any) -> None:
    page.set_default_timeout(PATIENCE)
    refused: list[str] = []
    page.on("response", lambda got: refused.append(got.url) if got.status == 429 else None)
    page.goto(f"http://{house.host}/")
    page.get_by_role("heading", name="Latent Lab").wait_for()
    before = replica(page)
    assert before in OTHER
    house.stop(before)
    try:
        for _ in range(PATIENCE // 200):
            if replica(page) != before:
                break
            page.wait_for_timeout(200)
        assert replica(page) == OTHER[before]
    finally:
        house.back(before)
        house.wait()
    # Back is the first one, and the session stays at the other, with all that belongs to it.
    page.get_by_role("link", name="VAE sampler").first.click()
    page.get_by_role("heading", name="VAE sampler").wait_for()
    page.get_by_role("slider").first.wait_for()
    page.wait_for_function(WHOLE)
    assert replica(page) == OTHER[before] and refused == []
