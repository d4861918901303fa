"""A server of its own and a Chromium; without a browser these tests skip and say so."""

import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from contextlib import contextmanager
from pathlib import Path

import pytest

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
# Without a GPU the last draws WebGL, and nothing else, by software.
ARGUMENTS = ["--no-sandbox", "--disable-background-networking", "--enable-unsafe-swiftshader"]


@contextmanager
def served(script, folder, ready, **environment):
    """The address of a Streamlit script on a free port; its process ends with the block."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "streamlit", "run", str(script)]
    options = ["--server.port", str(port), "--server.headless", "true"]
    log = folder / "server.log"
    with open(log, "wb") as output:
        process = subprocess.Popen(
            [*command, *options], cwd=ROOT, env=os.environ | environment,
            stdout=output, stderr=output,
        )  # fmt: skip
    address = f"http://localhost:{port}"
    try:
        _wait(f"{address}{ready}", process, log)
        yield address
    finally:
        process.terminate()
        process.wait(20)


def _wait(url, process, log):
    for _ in range(600):
        if process.poll() is not None:
            pytest.fail(f"the server ended: {log.read_text()[-2000:]}")
        try:
            urllib.request.urlopen(url, timeout=2)
            return
        except OSError:
            time.sleep(0.2)
    pytest.fail("the server did not start")


def lab(folder, **environment):
    """The address of a cold server on data and runs of its own in a folder."""
    own = {
        "LATENT_LAB_DATA": str(folder / "data"),
        "LATENT_LAB_CHECKPOINTS": str(folder / "checkpoints"),
    }
    return served(ROOT / "streamlit_app.py", folder, "/api/ready", **own, **environment)


@pytest.fixture(scope="session")
def lab_folder(tmp_path_factory):
    """Where the lab that everybody shares has its data and its runs."""
    return tmp_path_factory.mktemp("lab")


@pytest.fixture(scope="session")
def server(lab_folder):
    """A lab that everybody shares."""
    with lab(lab_folder, LATENT_LAB_IDLE_MINUTES="1", LATENT_LAB_DOWNLOADS="off") as address:
        yield address


@pytest.fixture(scope="session")
def parts(tmp_path_factory):
    """The address of the pages with a part of ours each, which lie beside this file."""
    folder = tmp_path_factory.mktemp("parts")
    path = f"{ROOT}{os.pathsep}{HERE}"
    with served(HERE / "parts.py", folder, "/_stcore/health", PYTHONPATH=path) as address:
        yield address


@pytest.fixture(scope="module")
def app(request, parts):
    """The address of the page that the module names as its `APP`, a file beside it."""
    return f"{parts}/{Path(request.module.APP).stem}"


@pytest.fixture(scope="session")
def launch():
    """Starts a headless Chromium."""
    path = shutil.which("chromium") or shutil.which("chromium-browser")
    if path is None:
        pytest.skip("there is no Chromium on this machine")
    playwright = pytest.importorskip("playwright.sync_api")
    with playwright.sync_playwright() as session:
        yield lambda *more: session.chromium.launch(executable_path=path, args=[*ARGUMENTS, *more])


@pytest.fixture(scope="session")
def chromium(launch):
    """A headless browser."""
    with launch() as browser:
        yield browser


@pytest.fixture(scope="session")
def context(chromium):
    """A browser that has what the pages are made of after the first test."""
    context = chromium.new_context(viewport={"width": 1400, "height": 900})
    context.set_default_timeout(60_000)
    yield context
    context.close()


@pytest.fixture(scope="session")
def hand(chromium):
    """The same on a phone, on which nothing hovers."""
    context = chromium.new_context(
        viewport={"width": 420, "height": 850}, has_touch=True, is_mobile=True
    )
    context.set_default_timeout(60_000)
    yield context
    context.close()


def visitor(context):
    """A new visitor's tab."""
    yield context.new_page()
    for page in context.pages:
        page.close()
    context.clear_cookies()


@pytest.fixture
def page(context):
    """A new visitor's tab."""
    yield from visitor(context)


@pytest.fixture
def phone(hand):
    """A new visitor's page on a phone."""
    yield from visitor(hand)
