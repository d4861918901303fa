"""The server's own addresses, requested without a browser."""

import asyncio
import json
import os
from concurrent.futures import ThreadPoolExecutor

import pytest
from starlette.applications import Starlette
from starlette.middleware import Middleware

from core.inference import browser_classifier, browser_denoiser
from core.inference.browser_classifier import pack_classifier
from core.inference.browser_decoder import pack_decoder
from core.inference.browser_denoiser import pack_denoiser
from core.projection import maps
from core.runs import store
from core.runs.schema import DataSpec, RunSpec
from core.tasks import load_model, task
from pages.server import (
    packed_networks,
    routes,
    run_files,
)
from pages.server.middleware import Headers
from pages.server.visitor import COOKIE, cookie_header, visitor_of

APP = Starlette(routes=routes.ROUTES, middleware=[Middleware(Headers)])
USED = DataSpec(fingerprint="0" * 64, n_train=1, n_test=1, shape=(1, 28, 28), classes=10)


@pytest.fixture(autouse=True)
def nothing_packed(lab):
    caches = (
        packed_networks._packed,
        packed_networks._packed_classifier,
        packed_networks._packed_denoiser,
    )
    for cache in (*caches, run_files._framed):
        cache.cache_clear()


def request(path, cookie="", accept="", query=""):
    """(status, headers, body) of a GET."""
    said = []

    async def receive():
        return {"type": "http.request"}

    async def send(message):
        said.append(message)

    headers = [(b"cookie", f"{COOKIE}={cookie}".encode())] if cookie else []
    headers += [(b"accept-encoding", accept.encode())] if accept else []
    scope = {
        "type": "http", "method": "GET", "path": path, "raw_path": path.encode(),
        "query_string": query.encode(), "headers": headers, "root_path": "", "http_version": "1.1",
    }  # fmt: skip
    with ThreadPoolExecutor(1) as pool:  # the tests in a browser leave a loop in this thread
        pool.submit(asyncio.run, APP(scope, receive, send)).result()
    header = {k.decode(): v.decode() for k, v in said[0]["headers"]}
    return said[0]["status"], header, b"".join(m.get("body", b"") for m in said[1:])


def visitor():
    """A signed cookie and who it is."""
    cookie = cookie_header(secure=False).decode().split(";")[0].partition("=")[2]
    return cookie, visitor_of({COOKIE: cookie})


def made(run_id, family="autoencoding", variant="vae", state="done", **more):
    config = RunSpec(task=family, variant=variant, dataset="digits", config={}, data=USED, **more)
    run = store.create(run_id, config)
    chosen = task(family)
    network = chosen.build(variant, USED.shape, chosen.config(variant), 10)
    run.write_weights(network.state_dict())
    run.update(state=state)
    return run


def test_a_finished_autoencoder_gives_its_decoder(lab):
    run = made("autoencode-vae-digits-00000001")
    status, headers, body = request(f"/api/decoders/{run.id}/{run.version()}")
    assert status == 200
    assert body == pack_decoder(load_model(run))
    assert headers["content-type"] == "application/octet-stream"
    assert headers["cache-control"] == "private, no-cache"
    assert headers["x-content-type-options"] == "nosniff"
    assert "set-cookie" not in headers


def test_a_finished_gan_gives_its_generator(lab):
    run = made("draw-cgan-digits-00000001", "adversarial", "cgan")
    status, _, body = request(f"/api/decoders/{run.id}/{run.version()}")
    assert status == 200 and body == pack_decoder(load_model(run))


def test_a_finished_classifier_is_for_those_who_asked_for_it(lab):
    run = made("recognise-lenet-digits-00000001", "recognition", "lenet", private=True)
    cookie, who = visitor()
    run.set_owners([who])
    status, headers, body = request(f"/api/networks/{run.id}/{run.version()}", cookie)
    assert status == 200 and body == pack_classifier(load_model(run), USED.shape)
    assert headers["cache-control"] == "private, no-cache"
    assert request(f"/api/networks/{run.id}/{run.version()}", visitor()[0])[0] == 404


def test_what_is_no_classifier_or_too_large_for_a_browser_is_not_given(lab, monkeypatch):
    monkeypatch.setattr(browser_classifier, "MAX_BYTES", 100)
    for run, told in (
        (made("autoencode-vae-digits-00000001"), "no such network"),
        (made("recognise-lenet-digits-00000001", "recognition", "lenet"), "too large"),
    ):
        status, _, body = request(f"/api/networks/{run.id}/{run.version()}")
        assert status == 404 and told in json.loads(body)["error"]


def test_a_finished_diffusion_gives_its_network_unless_it_is_too_large(lab, monkeypatch):
    run = made("diffuse-ddpm-digits-00000001", "diffusion", "ddpm")
    address = f"/api/denoisers/{run.id}/{run.version()}"
    status, headers, body = request(address)
    assert status == 200 and body == pack_denoiser(load_model(run), "noise")
    assert headers["content-type"] == "application/octet-stream"
    monkeypatch.setattr(browser_denoiser, "MAX_BYTES", 100)
    packed_networks._packed_denoiser.cache_clear()
    status, _, body = request(address)
    assert status == 404 and "too large" in json.loads(body)["error"]
    other = made("autoencode-vae-digits-00000001")
    assert request(f"/api/denoisers/{other.id}/{other.version()}")[0] == 404


def test_a_sheet_is_given_as_it_was_kept(lab):
    run = made("draw-gan-digits-00000001", "adversarial", "gan")
    run.write_sample(3, b"a picture")
    address = f"/api/sheets/{run.id}/{run.version()}"
    status, headers, body = request(f"{address}/3")
    assert (status, body, headers["content-type"]) == (200, b"a picture", "image/png")
    for epoch in ("4", "03", "-1", "x", "1" * 50):
        assert request(f"{address}/{epoch}")[0] == 404


def test_a_private_runs_sheets_are_for_those_who_asked_for_it(lab):
    run = made("draw-gan-digits-00000002", "adversarial", "gan", private=True)
    run.write_sample(0, b"a picture")
    cookie, who = visitor()
    run.set_owners([who])
    assert request(f"/api/sheets/{run.id}/1/0", cookie)[0] == 200
    assert request(f"/api/sheets/{run.id}/1/0", visitor()[0])[0] == 404


def test_a_shipped_one_is_kept_by_browsers_for_good(lab, monkeypatch):
    run = made("autoencode-vae-digits-00000001")
    run.write_sample(0, b"a picture")
    monkeypatch.setattr(store, "SHIPPED", run.path.parent)
    for address in (f"/api/decoders/{run.id}/{run.version()}", run_files.sheet_url(run, 0)):
        status, headers, _ = request(address)
        assert status == 200
        assert headers["cache-control"] == "public, max-age=31536000, immutable"
        status, headers, _ = request(address, query="any=thing")
        assert status == 200 and headers["cache-control"] == "no-store", "no copy a query"


@pytest.mark.parametrize("version", ["0", "1", "anything", "{}0", "0{}", "{}%20", "é"])
def test_of_what_is_kept_for_good_there_is_one_version(lab, monkeypatch, version):
    run = made("autoencode-vae-digits-00000001")
    run.write_sample(0, b"a picture")
    monkeypatch.setattr(store, "SHIPPED", run.path.parent)
    wrong = version.format(run.version())
    for address in ("decoders/{}/{}", "sheets/{}/{}/0", "frames/{}/{}", "dreams/{}/{}/dream.png"):
        status, headers, _ = request("/api/" + address.format(run.id, wrong))
        assert (status, headers["cache-control"]) == (404, "no-store")


def test_a_private_one_is_for_those_who_asked_for_it(lab):
    run = made("autoencode-vae-digits-00000002", private=True)
    cookie, who = visitor()
    run.set_owners([who])
    address = f"/api/decoders/{run.id}/1"
    assert request(address, cookie)[0] == 200
    for other in ("", visitor()[0], who, "0" * 32 + cookie[32:]):
        status, headers, body = request(address, other)
        assert status == 404
        assert headers["cache-control"] == "no-store"
        assert json.loads(body) == {"error": "There is no such decoder."}


@pytest.mark.parametrize(
    "run_id", ["autoencode-vae-digits-0000ffff", "..", "-", "%2e%2e", "a" * 5000, "a-" * 5000, "é"]
)
def test_what_is_not_there_is_not_found(lab, run_id):
    assert request(f"/api/decoders/{run_id}/1")[0] == 404


def test_what_has_no_decoder_is_not_found(lab):
    made("denoise-linear-digits-00000001", "denoising", "linear")
    made("autoencode-vae-digits-00000003", state="running")
    broken = made("autoencode-vae-digits-00000004")
    (broken.path / "model.safetensors").write_bytes(b"no")
    torn = made("autoencode-vae-digits-00000005")
    (torn.path / "status.json").write_text("{")
    for path in (lab / "checkpoints").rglob("config.json"):
        status, _, body = request(f"/api/decoders/{path.parent.name}/1")
        assert status == 404
        assert json.loads(body)["error"]


def test_a_decoder_is_packed_once_until_its_run_changes(lab):
    run = made("autoencode-vae-digits-00000006")
    for version in ("1", "2", "other"):
        request(f"/api/decoders/{run.id}/{version}")
    assert packed_networks._packed.cache_info().misses == 1


# ---- replays


def test_a_replay_is_for_those_who_may_see_the_map(lab, monkeypatch):
    monkeypatch.setattr(maps, "frames", lambda run: f"frames of {run.id}".encode())
    config = RunSpec(
        task="projecting", variant="pca", dataset="digits", config={}, data=USED, private=True
    )
    run = store.create("project-pca-digits-00000007", config)
    run.update(state="done")
    cookie, who = visitor()
    run.set_owners([who])
    assert run_files.frames_url(run) == f"/api/frames/{run.id}/{run.version()}"
    status, headers, body = request(run_files.frames_url(run), cookie)
    assert (status, body) == (200, f"frames of {run.id}".encode())
    assert headers["cache-control"] == "private, no-cache"
    status, _, body = request(run_files.frames_url(run), visitor()[0])
    assert status == 404
    assert json.loads(body) == {"error": "There is no such replay."}
    run.update(state="running")
    assert request(run_files.frames_url(run), cookie)[0] == 404


def test_a_run_that_is_no_map_has_no_replay(lab):
    run = made("autoencode-vae-digits-00000008")
    status, _, body = request(run_files.frames_url(run))
    assert status == 404
    assert json.loads(body)["error"]


# ---- dreams


DREAMT = ("picture.png", "guide.png", "preview.png", "dream.png", "film.mp4", "channels-stem.webp")


def dreamed(run_id="dream-zoom-flower-00000001", state="done", **more):
    """A run with every file that a dream may have, and others that are not for browsers."""
    config = RunSpec(task="dreaming", variant="zoom", dataset="flower", config={}, data=USED,
                       **more)  # fmt: skip
    run = store.create(run_id, config)
    for name in DREAMT:
        (run.path / name).write_bytes(name.encode())
    (run.path / "mask.png").write_bytes(b"where somebody painted")
    run.update(state=state)
    return run


@pytest.mark.parametrize("name", DREAMT)
def test_what_a_dream_has_made_is_given(lab, name):
    run = dreamed()
    address = run_files.dream_url(run, name)
    assert address.startswith(f"/api/dreams/{run.id}/") and address.endswith(f"/{name}")
    status, headers, body = request(address)
    assert (status, body) == (200, name.encode())
    kinds = {"png": "image/png", "mp4": "video/mp4", "webp": "image/webp"}
    assert headers["content-type"] == kinds[name.rpartition(".")[2]]
    assert headers["cache-control"] == "private, no-cache"
    assert headers["x-content-type-options"] == "nosniff"


def test_another_picture_has_another_address(lab):
    run = dreamed(state="running")
    before = run_files.dream_url(run, "preview.png")
    path = run.path / "preview.png"
    path.write_bytes(b"later")
    os.utime(path, ns=(1, 1))
    assert run_files.dream_url(run, "preview.png") != before
    path.unlink()
    assert request(run_files.dream_url(run, "preview.png"))[0] == 404


@pytest.mark.parametrize(
    "name",
    [
        "config.json", "owners.json", "status.json", "mask.png", "model.safetensors", "resume.pt",
        "..", "%2e%2e%2fowners.json", "..%2fdream.png", "../config.json", "dream.png/..",
        "channels-../x.webp", "channels-.webp", "Dream.png", "dream.png%00", "x" * 5000, "é.png",
    ],
)  # fmt: skip
def test_no_other_file_of_a_dream_is_given(lab, name):
    run = dreamed()
    status, _, body = request(f"/api/dreams/{run.id}/1/{name}")
    assert status == 404 and b"painted" not in body


def test_an_unfinished_dream_gives_what_there_is_and_nobody_keeps_it(lab):
    run = dreamed(state="running")
    (run.path / "dream.png").unlink()
    status, headers, body = request(run_files.dream_url(run, "preview.png"))
    assert (status, body) == (200, b"preview.png")
    assert headers["cache-control"] in ("private, no-cache", "no-store")
    status, headers, body = request(run_files.dream_url(run, "dream.png"))
    assert status == 404 and headers["cache-control"] == "no-store"
    assert json.loads(body) == {"error": "There is no such picture."}


def test_somebody_s_private_dream_is_for_those_who_asked(lab):
    run = dreamed(private=True)
    cookie, who = visitor()
    run.set_owners([who])
    for name in DREAMT:
        address = run_files.dream_url(run, name)
        status, headers, body = request(address, cookie)
        assert (status, body) == (200, name.encode())
        assert headers["cache-control"] == "private, no-cache"
        for other in ("", visitor()[0], who, "0" * 32 + cookie[32:]):
            status, headers, body = request(address, other)
            assert (status, headers["cache-control"]) == (404, "no-store")
            assert json.loads(body) == {"error": "There is no such picture."}


@pytest.mark.parametrize(
    "run_id", ["dream-deep-flower-0000ffff", "..", "-", "%2e%2e", "a" * 5000, "é"]
)
def test_a_dream_that_is_not_there_is_not_found(lab, run_id):
    assert request(f"/api/dreams/{run_id}/1/dream.png")[0] == 404


def test_a_shipped_dream_is_kept_by_browsers_for_good(lab, monkeypatch):
    run = dreamed()
    monkeypatch.setattr(store, "SHIPPED", run.path.parent)
    headers = request(run_files.dream_url(run, "dream.png"))[1]
    assert headers["cache-control"] == "public, max-age=31536000, immutable"
