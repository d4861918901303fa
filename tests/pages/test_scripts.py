"""What browsers run, the numbers of a page, and looks ahead of a slider, by their addresses."""

import gzip
import re
from pathlib import Path

import numpy as np
import plotly
import pytest

from core.errors import LabError
from pages.server import arrays, previews, replies, scripts
from tests.pages.test_routes import request

# ---- Plotly


def test_plotly_is_given_as_its_package_has_it():
    package = Path(plotly.__file__).parent / "package_data" / "plotly.min.js"
    status, headers, body = request(scripts.plotly_url())
    assert (status, body) == (200, package.read_bytes())
    assert headers["content-type"].startswith("text/javascript")
    assert headers["cache-control"] == "public, max-age=31536000, immutable"
    assert headers["vary"] == "accept-encoding"
    assert "content-encoding" not in headers


@pytest.mark.parametrize("accepted", ["gzip", "br, GZIP;q=0.5, *", "deflate,gzip"])
def test_plotly_is_compressed_for_those_who_can_read_it(accepted):
    _, headers, body = request(scripts.plotly_url(), accept=accepted)
    assert headers["content-encoding"] == "gzip"
    assert len(body) < 2_000_000
    assert gzip.decompress(body) == request(scripts.plotly_url())[2]
    for refused in ("br", "gzip;q=0, br", "identity", "notgzip"):
        assert "content-encoding" not in request(scripts.plotly_url(), accept=refused)[1]


def test_another_version_is_not_found():
    for version in ("0.0.0", "..", "%2e%2e%2fsecret", "x" * 5000):
        status, headers, _ = request(f"/api/plotly/{version}.js")
        assert status == 404
        assert "immutable" not in headers.get("cache-control", "")


# ---- scripts and arrays


def test_a_component_s_module_is_kept_for_good_under_one_version():
    url = scripts.script_url("map/map.js")
    status, headers, body = request(url)
    assert (status, body) == (200, (scripts.COMPONENTS / "map/map.js").read_bytes())
    assert headers["content-type"].startswith("text/javascript")
    assert headers["cache-control"] == replies.FOR_GOOD
    version = url.split("/")[3]
    for path in (f"{'0' * 16}/map/map.js", f"{version}/map/map.py", f"{version}/../router.py"):
        assert request(f"/api/scripts/{path}")[0] == 404
    with pytest.raises(ValueError, match=r"no map/nothing\.js"):
        scripts.script_url("map/nothing.js")


def test_what_a_module_runs_beside_it_is_given_under_the_same_version():
    version = scripts.script_url("kernels.js").split("/")[3]
    status, headers, body = request(f"/api/scripts/{version}/kernels.wasm")
    assert (status, headers["content-type"]) == (200, "application/wasm")
    assert body.startswith(b"\0asm") and headers["cache-control"] == replies.FOR_GOOD
    assert request(f"/api/scripts/{version}/kernels.c")[0] == 404
    assert "'unsafe-eval'" in headers["content-security-policy"]  # else it is not compiled


def test_other_modules_have_another_address(monkeypatch):
    url = scripts.script_url("common.js")
    monkeypatch.setattr(
        scripts, "_scripts", lambda: {"common.js": b"", "map/map.js": b"// changed"}
    )
    scripts._scripts_version.cache_clear()
    other = scripts.script_url("common.js")
    scripts._scripts_version.cache_clear()
    assert other != url


def test_a_module_s_address_comes_with_those_of_all_that_it_imports():
    of = {path: scripts.script_url(path) for path in ("live/live.js", "live/pad.js", "common.js")}
    assert set(of.values()) < set(scripts.script_urls("live/live.js"))
    assert scripts.script_urls("live/pad.js") == [of["live/pad.js"], of["common.js"]]


def test_every_module_imports_files_that_are_there():
    imports = re.compile(r"""from "([^"]+)";""")
    modules = sorted(scripts.COMPONENTS.rglob("*.js"))
    found = [(m, m.parent / path) for m in modules for path in imports.findall(m.read_text())]
    assert len(found) > len(modules)
    assert [(m.name, path.name) for m, path in found if path.resolve() not in modules] == []


def test_a_map_s_numbers_are_found_by_an_address_that_tells_them():
    content = np.arange(5, dtype="<u2").tobytes()
    url = arrays.array_url(content)
    status, headers, body = request(url)
    assert (status, body) == (200, content)
    assert headers["cache-control"].startswith("private")
    assert arrays.array_url(content) == url
    assert arrays.array_url(content[:-2]) != url
    assert request(f"/api/arrays/{'0' * 32}")[0] == 404


def test_the_numbers_of_maps_are_bounded_in_memory(monkeypatch):
    monkeypatch.setattr(arrays, "ARRAYS", arrays.LRUCache(1000, getsizeof=len))
    urls = [arrays.array_url(bytes([i]) * 400) for i in range(3)]
    assert [request(url)[0] for url in urls] == [404, 200, 200]


# ---- looks ahead of a slider


def test_a_look_is_what_the_page_would_show_there_and_nobody_keeps_it():
    url = previews.address(lambda value: f"<img> at {value:g}", b"these pictures")
    status, headers, body = request(url + "0.35")
    assert (status, body, headers["cache-control"]) == (200, b"<img> at 0.35", "no-store")
    assert headers["content-type"].startswith("text/plain"), "no page of its own"
    assert previews.address(lambda value: "", b"these pictures") == url
    assert previews.address(lambda value: "", b"other pictures") != url


@pytest.mark.parametrize("value", ["", "x", "0x1", "1e", "0/1", "nan", "9", "-1"])
def test_a_look_at_nothing_is_not_found(value):
    def look(at):
        if not 0 <= at <= 1:
            raise LabError("There is nothing here.")
        return "something"

    assert request(previews.address(look, b"between 0 and 1") + value)[0] == 404


def test_a_look_at_what_is_gone_is_not_found(tmp_path):
    gone = previews.address(lambda value: (tmp_path / "gone").read_text(), b"gone")
    assert request(gone + "0")[0] == 404
    assert request(f"/api/looks/{'0' * 32}/0")[0] == 404


def test_addresses_of_looks_cannot_be_guessed_and_are_bounded(monkeypatch):
    monkeypatch.setattr(previews, "PREVIEWS", previews.LRUCache(2))
    urls = [previews.address(lambda value: "seen", bytes([i])) for i in range(3)]
    assert [request(url + "0")[0] for url in urls] == [404, 200, 200]
    monkeypatch.setattr(previews, "SECRET", bytes(32))
    assert previews.address(lambda value: "", bytes([2])) != urls[2]
