"""The browser's modules without Streamlit, by `node --test`, or in one page of a Chromium."""

import base64
import json
import os
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
import torch
from classifier_cases import cases as classifier_cases
from denoiser_cases import cases as denoiser_cases
from expression_cases import broadcast_cases, expression_cases, view_cases
from flow_cases import cases as flow_cases
from forecast_cases import cases as forecast_cases
from game_cases import cases as game_cases
from latent_models import GANS, MAKERS, directions, drawn, model
from scipy.stats import chi2
from tags_cases import cases as tags_cases
from trajectory_cases import cases as trajectory_cases
from trajectory_cases import drawn as drawn_by_counter
from translator_cases import cases as translator_cases
from word_cases import word_cases

from core.foundations import loss_plane
from core.foundations.preprocessing import METHODS, fitted
from core.foundations.regressions import X15, Y15, standardised_classes
from core.inference import latent, outliers
from core.inference.browser_decoder import pack_decoder
from core.runs.query import finished
from core.tasks.autoencoding import AUTOENCODING
from pages.components import live
from pages.components.map import inside, packing
from pages.server import scripts

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
TESTS = sorted((HERE / "modules").glob("*.test.mjs"))
SHIPPED = [run for run in finished(AUTOENCODING) if run.shipped]
PAGE = """<!doctype html><script type="importmap">{"imports": {
  "node:test": "/tests/browser/modules/in_a_page.js",
  "node:assert/strict": "/tests/browser/modules/in_a_page.js"}}</script>
<script>globalThis.process = { env: { CASES: "/cases" } };</script>"""
RUN = """async (tests) => {
  for (const path of tests) await import(path);
  return (await import("/tests/browser/modules/in_a_page.js")).failures();
}"""


def data_url(content):
    return f"data:application/octet-stream;base64,{base64.b64encode(content).decode()}"


def pictures(network, codes, draw):
    """A few codes, the first under every class, and what PyTorch draws of them."""
    labels = range(network.classes) if network.classes else [None]
    pairs = [(codes[0], label) for label in labels] + [(code, labels[-1]) for code in codes[1:]]
    result = [
        {"code": code.tolist(), "label": label, "pixels": draw(code, label).tolist()}
        for code, label in pairs
    ]
    assert all(np.std(one["pixels"]) > 5 for one in result)  # something is to be seen
    return result


def decoders():
    """Networks of all layers, and a shipped one of each kind."""
    generator = torch.Generator().manual_seed(1)
    networks = {name: model(name) for name in [*MAKERS, *GANS]}
    shipped = {run.spec().variant: run for run in SHIPPED}
    networks |= {run.id: latent.network(run) for run in shipped.values()}
    for name, network in networks.items():
        codes = [torch.zeros(network.latent)]
        codes += (torch.randn(1, network.latent, generator=generator) * 2).round(decimals=3)
        result = {
            "name": name,
            "url": data_url(pack_decoder(network)),
            "pictures": pictures(network, codes, lambda c, k, n=network: drawn(n, c, k)),
        }
        if name in GANS:
            base, basis = directions(network, 3)
            there = pictures(
                network, torch.tensor([[0.0, 0, 0], [0.5, -1.2, 0.7]]),
                lambda c, k, n=network, b=base, d=basis: drawn(n, b + c @ d, k),
            )  # fmt: skip
            result["directions"] = {
                "base": base.tolist(), "basis": basis.tolist(), "pictures": there,
            }  # fmt: skip
        yield result


def spreads():
    """How the shipped models' codes lie, and what is to be said of some."""
    for run in SHIPPED:
        spread, codes = outliers.spread(run), []
        for scale in (0, 0.1, 0.3, 0.5, 1, 2, 9):
            code = (spread.centre + scale * torch.ones(len(spread.centre))).round(decimals=3)
            distance = outliers.distance(run, code[None])
            codes += [
                {
                    "code": code.tolist(), "mean": mean,
                    "state": outliers.state(spread, distance, mean),
                    "text": live.share_text(distance.share),
                }
                for mean in (False, True)
            ]  # fmt: skip
        yield {"name": run.id, "spread": live._spread(spread), "codes": codes}


def polygons():
    """Lines that cross themselves, around points in single precision."""
    generator = np.random.default_rng(0)
    for corners in (3, 8, 60):
        polygon = generator.normal(size=(corners, 2)).round(6)
        points = generator.normal(size=(500, 2)).astype(np.float32)
        within = inside(points, polygon.tolist())
        assert within.any() and not within.all()
        yield {
            "polygon": polygon.tolist(),
            "points": points.astype(float).tolist(),
            "within": within.tolist(),
        }


def arrays(monkeypatch):
    """What Python packs for the map."""
    monkeypatch.setattr(packing, "array_url", data_url)
    ids, points = np.arange(300), np.random.default_rng(0).normal(size=(50, 3)).astype(np.float32)
    packed = packing.pack_points(points)
    return {
        "ids": {"packed": packing.pack(ids), "values": ids.tolist()},
        "points": {
            "packed": packed, "values": points.astype(float).tolist(),
            "off": max(packed["width"]) / 65535,
        },
    }  # fmt: skip


def preprocessed():
    """Points of which the features depend on each other, before and after each method."""
    x = torch.randn(20, 2, generator=torch.Generator().manual_seed(2)).double()
    x = x @ torch.tensor([[1.5, -0.8], [0.2, 0.5]]).double() + 0.3
    for method in METHODS:
        result = fitted(method, x[:12])
        yield {"method": method, "points": x.tolist(), "fit": 12, "moved": result(x).tolist()}


@pytest.fixture
def cases(tmp_path, monkeypatch):
    """A folder with a module for each subject: what Python says, for the tests to compare with."""
    shares = [(d * s, d) for d in (1, 2, 3, 20, 100) for s in (0, 0.1, 0.5, 1, 1.5, 5, 50)]
    result = {
        "decoders": list(decoders()),
        "classifiers": classifier_cases(),
        "denoisers": list(denoiser_cases()),
        "taggers": tags_cases(),
        "translators": list(translator_cases()),
        "trajectories": list(trajectory_cases()),
        "drawn": drawn_by_counter(),
        "flows": list(flow_cases()),
        "games": list(game_cases()),
        "races": {
            "points": {"x": X15, "y": Y15},
            "classes": standardised_classes(),
            "planes": {plane.variant: plane._asdict() for plane in loss_plane.shipped()},
        },
        "preprocessed": list(preprocessed()),
        "spreads": list(spreads()),
        "polygons": list(polygons()),
        "arrays": arrays(monkeypatch),
        "expressions": expression_cases(),
        "broadcasts": broadcast_cases(),
        "views": view_cases(),
        "words": word_cases(),
        "forecasts": forecast_cases(),
        "chiSquared": [
            {"squared": s, "degrees": d, "share": float(chi2.cdf(s, d))} for s, d in shares
        ],
        "modules": sorted(path for path in scripts._scripts() if path.endswith(".js")),
    }
    for name, what in result.items():
        (tmp_path / f"{name}.mjs").write_text(f"export default {json.dumps(what)};")
    return tmp_path


def in_node(cases):
    """What Node says of its tests; empty where all have passed."""
    done = subprocess.run(
        ["node", "--test", *map(str, TESTS)],
        env=os.environ | {"CASES": cases.as_uri()}, capture_output=True, text=True, timeout=300,
    )  # fmt: skip
    return done.stdout + done.stderr if done.returncode else ""


def in_chromium(cases, browser):
    """The same from a page that has the modules, and no Streamlit."""
    page = browser.new_page()

    def answer(route):
        path = route.request.url.removeprefix("http://modules.test")
        if path == "/":
            return route.fulfill(body=PAGE, content_type="text/html")
        file = (
            cases / path.removeprefix("/cases/") if path.startswith("/cases/") else ROOT / path[1:]
        )
        kind = "application/wasm" if file.suffix == ".wasm" else "text/javascript"
        return route.fulfill(body=file.read_bytes(), content_type=kind)

    page.route("http://modules.test/**", answer)
    page.goto("http://modules.test/")
    result = page.evaluate(RUN, [f"/{path.relative_to(ROOT).as_posix()}" for path in TESTS])
    page.close()
    return "\n".join(result)


def test_the_modules(cases, request):
    if shutil.which("node"):
        failed = in_node(cases)
    else:
        failed = in_chromium(cases, request.getfixturevalue("chromium"))
    if failed:
        pytest.fail(failed, pytrace=False)
