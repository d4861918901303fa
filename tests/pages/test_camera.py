"""What a camera sends: frames to be answered, and frames that are recorded."""

import base64
import json

import pytest
from starlette.applications import Starlette

from core.errors import BadUpload
from core.runs.query import finished
from core.tasks.transfer import TRANSFER
from pages.components import camera
from pages.parts.transfer_classifier import prediction
from pages.server import camera_answers, routes
from pages.server.base_path import mounted
from tests.pages.test_serving import request, run
from tests.pages.test_transfer_classifier import picture

APP = Starlette(routes=mounted(routes.ROUTES))


def sent(path, body, method="POST"):
    """The status and the answer to a frame."""
    said = []

    async def receive():
        return {"type": "http.request", "body": body, "more_body": False}

    async def send(message):
        said.append(message)

    run(APP(request(method, path), receive, send))
    return said[0]["status"], b"".join(m.get("body", b"") for m in said[1:])


@pytest.fixture
def address():
    def answer(frame):
        if frame == b"broken":
            raise BadUpload("It is not a picture.")
        return {"classes": [("cat", 1.0)], "unlike": False}

    return camera_answers.address(answer, b"a test")


def test_a_frame_is_answered(address):
    status, body = sent(address, b"frame")
    said = json.loads(body)
    assert status == 200 and said["classes"] == [["cat", 1.0]] and said["milliseconds"] >= 0
    assert sent(address, b"broken")[0] == 400
    assert camera_answers._waiting == 0, "a fault leaves its place to others"


def test_frames_are_bounded_and_addresses_cannot_be_guessed(address, monkeypatch):
    assert sent("/api/camera/" + "0" * 32, b"frame")[0] == 404
    assert sent(address, b"x" * (camera_answers.MAX_FRAME_BYTES + 1))[0] == 413
    assert sent(address, b"", method="GET")[0] in (404, 405)
    monkeypatch.setattr(camera_answers, "_waiting", camera_answers.MAX_WAITING)
    assert sent(address, b"frame")[0] == 503


def test_a_classifier_answers_a_frame(lab):
    shipped = next(r for r in finished(TRANSFER) if r.shipped)
    said = prediction.frame_answer(shipped, picture(0))
    assert {name for name, _ in said["classes"]} == {"cat", "dog"} and said["unlike"]
    shares = [share for _, share in said["classes"]]
    assert sum(shares) == pytest.approx(1) and shares == sorted(shares, reverse=True)
    with pytest.raises(BadUpload):
        prediction.frame_answer(shipped, b"no picture")


def test_what_a_browser_says_was_recorded_may_be_anything():
    frame = base64.b64encode(b"frame").decode()
    large = "A" * (camera.MAX_FRAME_CHARACTERS + 4)
    assert camera.frames([frame, 7, "not base64!", large, frame]) == [b"frame", b"frame"]
    assert camera.frames(None) == camera.frames({"a": frame}) == camera.frames(frame) == []
    assert len(camera.frames([frame] * 99)) == camera.MAX_FRAMES
