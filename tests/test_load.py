"""The load test finds what it should, and ends in every case. Nothing here asserts a time."""

import json
import socket
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.benchmarks.protocol import Conversation, Element
from tests.benchmarks.server import Server, started, wait_ready
from tests.load.__main__ import main
from tests.load.asking import loopback, mix
from tests.load.beside import cost
from tests.load.recording import Record, listeners, report


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with started() as running:
        wait_ready(running)
        yield running


def found(url: str, folder: Path, *arguments: str) -> tuple[int, dict[str, dict]]:
    """The exit code, and the rows by action."""
    file = folder / "load.json"
    with ThreadPoolExecutor(1) as pool:  # the tests in a browser leave a loop in this thread
        code = pool.submit(main, ["--url", url, "--json", str(file), *arguments]).result()
    said = json.loads(file.read_text())
    return code, {row["action"]: row for row in said["actions"]} | {"all": said}


@pytest.mark.parametrize(
    "url",
    ["http://example.org", "http://10.0.0.1:8501", "http://127.0.0.1.example.org", "https://::1"],
)
def test_only_this_machine_is_loaded(url: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["--url", url])
    assert ended.value.code == 2
    assert "only a server on this machine" in capsys.readouterr().err


@pytest.mark.parametrize("url", ["http://127.0.0.1:1/", "http://localhost:1", "http://[::1]:1/x"])
def test_this_machine_has_several_names(url: str) -> None:
    assert loopback(url).endswith(":1")


@pytest.mark.parametrize(
    "arguments",
    [
        ["--sessions", "501"],
        ["--seconds", "7201"],
        ["--rate", "0"],
        ["--sessions", "0"],
        ["--mix", "sleep=3"],
        ["--mix", "denoise=x"],
        ["--mix", "denoise=0"],
        ["--mix", "smallest"],
        ["--sessions", "0", "--visits", "1", "--beside"],
    ],
)
def test_bounds(arguments: list[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(arguments)
    assert ended.value.code == 2


def test_shares_are_dealt_out_whole() -> None:
    assert mix("denoise=50", 50) == {"denoise": 50}
    assert mix("denoise,map", 5) in ({"denoise": 3, "map": 2}, {"denoise": 2, "map": 3})
    for sessions in (1, 7, 50, 500):
        assert sum(mix("class", sessions).values()) == sessions
    assert {"train", "dream", "teach", "upload", "map"} < set(mix("class", 50))


def test_pictures_are_told_apart_by_what_they_show() -> None:
    talk = Conversation("denoiser")
    assert talk.seen("slider", "Strength") is None
    with pytest.raises(LookupError, match="no slider called Strength"):
        talk.find("slider", "Strength")
    assert Element("html", None).label == ""


def test_errors_are_in_the_report() -> None:
    record = Record()
    record.add("denoise", 0.02)
    record.fail("denoise", "sentence on the page", "Nothing works.", 3)
    said = report(
        {
            "machine": {"cpu": "a processor", "cores": 2, "load_before": [0.0]},
            "command": "…", "actions": record.rows(), "reconnects": 0, "resumed": 0,
            "cpu": {"server": 1.0, "workers": 0.0, "generator": 1.0}, "seconds": 1,
            "received_mib": 0.0, "memory": [], "growth_mib": None, "processes": 1, "growth_of": "",
        }
    )  # fmt: skip
    assert record.failed == 3
    assert "| denoise | 1 | 20 | 20 | 20 | 3 |" in said
    assert "3 × sentence on the page: Nothing works." in said


def test_every_kind_of_move_finds_its_way(server: Server, tmp_path: Path) -> None:
    code, rows = found(
        server.url, tmp_path, "--sessions", "8", "--seconds", "4", "--rate", "2.2",
        "--mix", "denoise,follow,sample,sketch,play,scrub,map,upload", "--visits", "2",
    )  # fmt: skip
    assert code == 0, rows
    assert rows["denoise"]["count"] and rows["follow"]["count"]  # with other pictures each
    for action in (
        "sample: pad",
        "scrub: epoch",
        "sheet",
        "map: click",
        "map: lasso",
        "upload",
        "sketch",
        "play",
    ):
        assert rows[action]["count"], action
    assert rows["all"]["failed"] == 0
    assert rows["all"]["memory"][-1]["when"] == "after 2 visits"
    assert server.process.pid in listeners([int(server.url.rpartition(":")[2])])


def test_the_lab_stands_beside_the_smallest_page(
    server: Server,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr("tests.load.beside.TURNS", 1)
    code, rows = found(
        server.url, tmp_path, "--sessions", "2", "--seconds", "1", "--rate", "3", "--mix", "follow",
        "--beside",
    )  # fmt: skip
    assert code == 0, rows
    said = capsys.readouterr().out
    assert "| smallest | 6 |" in said and "| lab | 6 |" in said


def test_costs_are_of_all_turns_and_of_moves_only() -> None:
    turn = {"samples_ms": {"open /x": [900.0], "a": [10.0, 30.0]}, "cpu": {"server": 5.0},
            "seconds": 2.0}  # fmt: skip
    both = cost([turn, turn])
    assert (len(both.times), both.each) == (4, pytest.approx(50))
    with pytest.raises(ValueError, match="No move"):
        cost([turn | {"samples_ms": {"open /x": [900.0]}}])


def test_a_server_that_dies_is_an_error_and_no_end_of_waiting(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The last test with this server, which dies when a slider has been moved."""
    add = Record.add

    def deadly(self: Record, action: str, seconds: float) -> None:
        add(self, action, seconds)
        if action == "follow":
            server.process.kill()

    monkeypatch.setattr(Record, "add", deadly)
    code, rows = found(server.url, tmp_path, "--sessions", "2", "--seconds", "3", "--mix", "follow")
    assert code == 1
    errors = [kind for row in rows["all"]["actions"] for kind in row["errors"]]
    assert any(kind.startswith("disconnected") for kind in errors)


def test_nobody_there(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # bound, and nobody listens
        url = f"http://127.0.0.1:{taken.getsockname()[1]}"
        code, rows = found(url, tmp_path, "--sessions", "2", "--seconds", "1", "--mix", "follow")
    assert code == 1
    assert rows["open /denoiser"]["count"] == 0
