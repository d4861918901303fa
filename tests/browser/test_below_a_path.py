"""Below a path, behind a proxy that passes on that path alone; with a map in Chromium."""

import os
import socket
import subprocess
from collections.abc import Iterator
from typing import Any

import pytest
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect

from tests.browser.conftest import served
from tests.hosting.parts import ROOT, answers, free_port, nginx, until
from tests.hosting.visitor import Visitor

BELOW = "class/lab"
PROXY = """
daemon off; pid {folder}/nginx.pid; {user}
events {{}}
http {{
  client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy; access_log off;
  fastcgi_temp_path {folder}/f; uwsgi_temp_path {folder}/u; scgi_temp_path {folder}/s;
  map $http_upgrade $lab_connection {{ "" close; default upgrade; }}
  server {{
    listen 127.0.0.1:{port};
    location /{below}/ {{
      proxy_pass http://127.0.0.1:{behind};
      proxy_http_version 1.1;
      proxy_set_header Host $http_host;
      proxy_set_header Upgrade $http_upgrade;
      proxy_set_header Connection $lab_connection;
    }}
    location / {{ return 404; }}
  }}
}}
"""


@pytest.fixture(scope="module")
def door(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Where browsers find the proxy."""
    program, folder, port = nginx(), tmp_path_factory.mktemp("below"), free_port()
    own = {
        "LATENT_LAB_DATA": str(folder / "data"),
        "LATENT_LAB_CHECKPOINTS": str(folder / "checkpoints"),
        "LATENT_LAB_DOWNLOADS": "off",
        "STREAMLIT_SERVER_BASE_URL_PATH": BELOW,
    }
    script = ROOT / "streamlit_app.py"
    with served(script, folder, f"/{BELOW}/api/ready", **own) as address:
        text = PROXY.format(
            folder=folder, port=port, below=BELOW, behind=address.rpartition(":")[2],
            user="user root;" if os.getuid() == 0 else "",
        )  # fmt: skip
        (folder / "nginx.conf").write_text(text)
        command = [program, "-e", str(folder / "error.log"), "-p", str(folder)]
        proxy = subprocess.Popen([*command, "-c", str(folder / "nginx.conf")])
        try:
            ready = f"http://localhost:{port}/{BELOW}/api/ready"
            until(lambda: proxy.poll() is not None or answers(ready), "the proxy is there")
            assert proxy.poll() is None
            yield f"localhost:{port}"
        finally:
            proxy.terminate()
            proxy.wait(20)


def test_what_is_ours_is_there_and_what_is_not_is_not(door: str) -> None:
    visitor = Visitor(door)
    ready = visitor.ask(f"/{BELOW}/api/ready")
    assert ready.status == 200 and b'"ready":true' in ready.body
    assert visitor.ask(f"/{BELOW}/api/nothing").status == 404
    assert visitor.ask(f"/{BELOW}/_stcore/metrics").status == 404
    page = visitor.ask(f"/{BELOW}/denoiser?seed=3")
    assert page.status == 200 and page.headers.get_content_type() == "text/html"
    assert f"Path=/{BELOW};" in str(page.headers["Set-Cookie"])
    map_page = visitor.ask(f"/{BELOW}/latent_explorer")
    assert f"</{BELOW}/api/plotly/" in str(map_page.headers["Link"])


@pytest.mark.parametrize("host", ["evil.example", "localhost.evil.example"])
def test_a_foreign_name_gets_nothing_from_a_lab_as_shipped(door: str, host: str) -> None:
    path = f"/{BELOW}/api/thumbnails/mnist/test/0"
    assert Visitor(door).ask(path).status == 200
    assert Visitor(door).ask(path, Host=host).status == 403
    port = int(door.rpartition(":")[2])
    with socket.create_connection(("127.0.0.1", port), timeout=60) as there:
        url = f"ws://{host}:{port}/{BELOW}/_stcore/stream"
        with pytest.raises(InvalidStatus, match="403"):
            connect(url, sock=there, origin=f"http://{host}:{port}")  # type: ignore[arg-type]


@pytest.mark.browser
def test_a_page_with_a_map_and_one_that_draws_in_the_browser(door: str, page: Any) -> None:
    page.set_default_timeout(90_000)
    missed: list[str] = []
    page.on("response", lambda r: missed.append(r.url) if r.status >= 400 else None)
    page.goto(f"http://{door}/{BELOW}/latent_explorer?perplexity=50")
    page.locator('.lab-map[data-state="ready"]').wait_for()
    page.get_by_role("link", name="VAE sampler").click()
    page.locator('.lab-latent[data-state="ready"]').wait_for()
    assert page.url.startswith(f"http://{door}/{BELOW}/vae_sampler")
    # Streamlit looks for itself below the page's own path first.
    assert [url for url in missed if "/_stcore/" not in url] == []
