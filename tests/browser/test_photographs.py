"""From somebody's photographs to an answer, in a browser."""

import io
import zipfile

import pytest
from PIL import Image
from sklearn.datasets import load_sample_images

pytestmark = pytest.mark.browser
LONG = 120_000
NAMES = ("temple", "flower")


def photograph(kind, i):
    """A crop of one of scikit-learn's two photographs."""
    pixels = load_sample_images().images[NAMES.index(kind)]
    buffer = io.BytesIO()
    Image.fromarray(pixels[9 * i : 9 * i + 240, 20 * i : 20 * i + 240]).save(buffer, "JPEG")
    return buffer.getvalue()


@pytest.fixture
def archive(tmp_path):
    """A zip with a folder a class."""
    path = tmp_path / "sights.zip"
    with zipfile.ZipFile(path, "w") as made:
        for kind in NAMES:
            for i in range(10):
                made.writestr(f"sights/{kind}/{i}.jpg", photograph(kind, i))
        made.writestr("sights/temple/broken.jpg", b"no picture")
    return path


@pytest.mark.cluster
def test_photographs_are_brought_taught_and_recognised(server, page, archive, tmp_path):
    page.goto(f"{server}/transfer_classifier?tab=Your+pictures")
    page.locator("input[type=file]").first.set_input_files(archive)
    page.get_by_role("button", name="Import").click()
    page.get_by_text("sights is ready").wait_for(timeout=LONG)
    page.get_by_text("temple/broken.jpg is not a picture").wait_for()

    page.get_by_role("tab", name="Teach").click()
    page.get_by_text("20 pictures, about").wait_for(timeout=LONG)
    page.get_by_role("button", name="Train", exact=True).click()
    page.get_by_role("button", name="Use this model").click(timeout=LONG)
    page.get_by_text("Tells apart: flower, temple").wait_for(timeout=LONG)
    page.get_by_role("radio", name="Upload").click()
    picture = tmp_path / "new.jpg"
    picture.write_bytes(photograph("flower", 7))
    page.locator("input[type=file]").first.set_input_files(picture)
    page.get_by_role("heading", name="flower").wait_for(timeout=LONG)
    page.get_by_text("a training image like it").first.wait_for(timeout=LONG)

    page.get_by_role("tab", name="How good is it?").click()
    page.get_by_text("Its worst mistakes").wait_for(timeout=LONG)
    table = page.get_by_test_id("stDataFrame").first
    box = table.bounding_box()
    table.click(position={"x": box["width"] * 0.4, "y": 52})  # really a flower, read as one
    page.get_by_text("flower read as flower").wait_for(timeout=LONG)
