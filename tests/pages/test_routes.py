"""The server's own addresses, asked without a browser."""

import asyncio
import json
from concurrent.futures import ThreadPoolExecutor

import pytest
from starlette.applications import Starlette
from starlette.middleware import Middleware

import streamlit_app
from core import runs
from core.inference.browser import pack
from core.records import DataUsed, RunConfig
from core.tasks import load_model, task
from pages.ui import assets
from pages.ui.visitor import COOKIE, cookie_header, identity

APP = Starlette(routes=assets.ROUTES, middleware=[Middleware(streamlit_app.Headers)])
USED = DataUsed(fingerprint="0" * 64, n_train=1, n_test=1, shape=(1, 28, 28), classes=10)


@pytest.fixture(autouse=True)
def nothing_packed(lab):
    assets._packed.cache_clear()


def asked(path, cookie=""):
    """(status, headers, body) of a GET."""
    said = []

    async def receive():
        return {"type": "http.request"}

    async def send(message):
        said.append(message)

    headers = [(b"cookie", f"{COOKIE}={cookie}".encode())] if cookie else []
    scope = {
        "type": "http", "method": "GET", "path": path, "raw_path": path.encode(),
        "query_string": b"", "headers": headers, "root_path": "", "http_version": "1.1",
    }  # fmt: skip
    with ThreadPoolExecutor(1) as pool:  # the tests in a browser leave a loop in this thread
        pool.submit(asyncio.run, APP(scope, receive, send)).result()
    found = {k.decode(): v.decode() for k, v in said[0]["headers"]}
    return said[0]["status"], found, b"".join(m.get("body", b"") for m in said[1:])


def visitor():
    """A signed cookie and who it is."""
    cookie = cookie_header(secure=False).decode().split(";")[0].partition("=")[2]
    return cookie, identity(cookie)


def made(run_id, family="autoencoding", variant="vae", state="done", **more):
    config = RunConfig(task=family, variant=variant, dataset="digits", config={}, data=USED, **more)
    run = runs.create(run_id, config)
    chosen = task(family)
    network = chosen.build(variant, USED.shape, chosen.config(variant), 10)
    run.write_weights(network.state_dict())
    run.update(state=state)
    return run


def test_a_finished_autoencoder_gives_its_decoder(lab):
    run = made("autoencode-vae-digits-00000001")
    status, headers, body = asked(f"/api/decoders/{run.id}/{run.version()}")
    assert status == 200
    assert body == pack(load_model(run))
    assert headers["content-type"] == "application/octet-stream"
    assert headers["cache-control"] == "private, no-cache"
    assert headers["x-content-type-options"] == "nosniff"
    assert "set-cookie" not in headers


def test_a_shipped_one_is_kept_by_browsers_for_good(lab, monkeypatch):
    run = made("autoencode-vae-digits-00000001")
    monkeypatch.setattr(runs, "SHIPPED", run.path.parent)
    status, headers, _ = asked(f"/api/decoders/{run.id}/1")
    assert status == 200
    assert headers["cache-control"] == "public, max-age=31536000, immutable"


def test_a_private_one_is_for_those_who_asked_for_it(lab):
    run = made("autoencode-vae-digits-00000002", private=True)
    cookie, who = visitor()
    run.set_owners([who])
    address = f"/api/decoders/{run.id}/1"
    assert asked(address, cookie)[0] == 200
    for other in ("", visitor()[0], who, cookie[:-1] + "x"):
        status, headers, body = asked(address, other)
        assert status == 404
        assert headers["cache-control"] == "no-store"
        assert json.loads(body) == {"error": "There is no such decoder."}


@pytest.mark.parametrize(
    "run_id", ["autoencode-vae-digits-0000ffff", "..", "-", "%2e%2e", "a" * 5000, "a-" * 5000, "é"]
)
def test_what_is_not_there_is_not_found(lab, run_id):
    assert asked(f"/api/decoders/{run_id}/1")[0] == 404


def test_what_has_no_decoder_is_not_found(lab):
    made("denoise-linear-digits-00000001", "denoising", "linear")
    made("autoencode-vae-digits-00000003", state="running")
    broken = made("autoencode-vae-digits-00000004")
    (broken.path / "model.safetensors").write_bytes(b"no")
    torn = made("autoencode-vae-digits-00000005")
    (torn.path / "status.json").write_text("{")
    for path in (lab / "checkpoints").rglob("config.json"):
        status, _, body = asked(f"/api/decoders/{path.parent.name}/1")
        assert status == 404
        assert json.loads(body)["error"]


def test_a_decoder_is_packed_once_until_its_run_changes(lab):
    run = made("autoencode-vae-digits-00000006")
    for version in ("1", "2", "other"):
        asked(f"/api/decoders/{run.id}/{version}")
    assert assets._packed.cache_info().misses == 1
