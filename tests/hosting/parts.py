"""The parts of a hosted lab as real processes: what the units and nginx.conf say, on free ports."""

import contextlib
import os
import re
import shlex
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import psutil
import pytest

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
INSTALLED = "/opt/latent-lab/.venv/bin/python"
DEADLINE = 300.0
"""Seconds after which a test gives up; nothing here should take more than a few."""


def nginx() -> str:
    """The program, which is not on every user's path. Skips the test where there is none."""
    path = os.pathsep.join([os.environ.get("PATH", ""), "/usr/sbin", "/usr/local/sbin"])
    result = shutil.which("nginx", path=path)
    if result is None:
        pytest.skip("there is no nginx on this machine")
    return result


def free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


def until(true: Callable[[], Any], what: str, log: Callable[[], str] = str) -> None:
    """Wait for something, for as long as it takes within reason."""
    deadline = time.monotonic() + DEADLINE
    while not true():
        assert time.monotonic() < deadline, f"never: {what}\n{log()}"
        time.sleep(0.1)


def answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=5) as response:
            return bool(response.status == 200)
    except OSError:
        return False


# ---- what the files say


def environment_file() -> dict[str, str]:
    """The variables of latent-lab.env."""
    lines = (HERE / "latent-lab.env").read_text().splitlines()
    pairs = (line.split("=", 1) for line in lines if line and not line.startswith("#"))
    return dict(pairs)


def unit_lines(name: str) -> list[tuple[str, str]]:
    """Keys and values of a unit, in order; `name` may have an instance: `latent-lab@8501`."""
    stem, at, instance = name.partition("@")
    kind = "" if stem.endswith(".timer") else ".service"
    text = (HERE / f"{stem}{at}{kind}").read_text().replace("\\\n", " ").replace("%i", instance)
    result = re.findall(r"^([A-Za-z]+)=(.*)$", text, re.MULTILINE)
    assert result, name
    return result


def unit_command(name: str, variables: dict[str, str]) -> tuple[list[str], dict[str, str]]:
    """What a unit starts, and its own environment; folders are those of this machine."""
    lines = unit_lines(name)
    (command,) = (value for key, value in lines if key == "ExecStart")
    words = [
        re.sub(r"\$\{(\w+)\}", lambda result: variables[result[1]], word)
        for word in shlex.split(command)
    ]
    assert words[0] == INSTALLED
    own = [word for key, value in lines if key == "Environment" for word in shlex.split(value)]
    return [sys.executable, *words[1:]], dict(word.split("=", 1) for word in own)


# ---- processes


@dataclass
class Part:
    """A process that is kept up, as systemd keeps it: ended, it starts again."""

    name: str
    command: list[str]
    environment: dict[str, str]
    log: Path
    process: subprocess.Popen[bytes] | None = None
    wanted: bool = True
    starts: int = 0

    def start(self) -> None:
        self.starts += 1
        with open(self.log, "ab") as output:
            self.process = subprocess.Popen(
                self.command, cwd=ROOT, env=self.environment, stdin=subprocess.DEVNULL,
                stdout=output, stderr=output, start_new_session=True,
            )  # fmt: skip

    def kill(self) -> None:
        """SIGKILL to the process and to all that it has started, as systemd ends what is left."""
        if self.process is not None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()

    def processes(self) -> list[psutil.Process]:
        assert self.process is not None
        first = psutil.Process(self.process.pid)
        return [first, *first.children(recursive=True)]


@dataclass
class House:
    """Replicas `a` and `b`, a scheduler and workers, and nginx before them, in one folder."""

    folder: Path
    parts: dict[str, Part] = field(default_factory=dict)
    ports: dict[str, int] = field(default_factory=dict)
    changed: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.ports |= {name: free_port() for name in ("proxy", "a", "b", "scheduler")}
        self._over = threading.Event()
        self._keeper = threading.Thread(target=self._keep_up, daemon=True)

    def __enter__(self) -> "House":
        self._keeper.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._keeper.join()
        for part in self.parts.values():
            part.kill()

    @property
    def host(self) -> str:
        """Where browsers find the lab."""
        return f"localhost:{self.ports['proxy']}"

    def replica(self, name: str) -> str:
        """Where nginx finds a replica."""
        return f"127.0.0.1:{self.ports[name]}"

    def door(self, name: str) -> str:
        """Where a browser on this machine finds a replica, past the proxy."""
        return f"localhost:{self.ports[name]}"

    @property
    def variables(self) -> dict[str, str]:
        """The environment file, filled in."""
        (self.folder / "scratch").mkdir(exist_ok=True)
        return environment_file() | {
            "LATENT_LAB_CHECKPOINTS": str(self.folder / "checkpoints"),
            "LATENT_LAB_DATA": str(self.folder / "data"),
            "LATENT_LAB_SCHEDULER": f"tcp://127.0.0.1:{self.ports['scheduler']}",
            "LATENT_LAB_SECRET": "one for all replicas",
            "LATENT_LAB_DOWNLOADS": "off",
            "LATENT_LAB_THREADS": "1",
            "STREAMLIT_SERVER_COOKIE_SECRET": "another one for all replicas",
            "STREAMLIT_SERVER_ALLOWED_HOSTS": "lab.example.org localhost",
            **self.changed,
        }

    def add(self, unit: str, name: str = "") -> Part:
        """Start what a unit starts, under a name of its own."""
        command, own = unit_command(unit, self.variables)
        scratch = str(self.folder / "scratch")
        own |= {"HOME": scratch, "XDG_CACHE_HOME": scratch}
        command = [scratch if word == "/tmp" else word for word in command]
        return self._add(name or unit, command, os.environ | self.variables | own)

    def add_replica(self, name: str) -> Part:
        return self.add(f"latent-lab@{self.ports[name]}", name)

    def add_proxy(self) -> Part:
        """Start nginx with the configuration as it is kept, at ports and folders of ours."""
        text = (HERE / "nginx.conf").read_text()
        for before, after in {
            "lab.example.org": "localhost",
            "listen 80": f"listen 127.0.0.1:{self.ports['proxy']}",
            "127.0.0.1:8501": self.replica("a"),
            "127.0.0.1:8502": self.replica("b"),
            "/var/cache/nginx-latent-lab": f"{self.folder}/kept",
            "/var/log/nginx/": f"{self.folder}/",
        }.items():
            assert before in text, before
            text = text.replace(before, after)
        (self.folder / "latent-lab.conf").write_text(text)
        temporary = "".join(
            f"{kind}_temp_path {self.folder}/nginx-{kind};\n"
            for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
        )
        (self.folder / "nginx.conf").write_text(
            ("user root;\n" if os.getuid() == 0 else "")  # whose folder this is
            + f"daemon off;\nworker_processes 1;\npid {self.folder}/nginx.pid;\n"
            + f"events {{}}\nhttp {{\n{temporary}include {self.folder}/latent-lab.conf;\n}}\n"
        )
        command = [nginx(), "-e", str(self.folder / "nginx-error.log"),
                   "-p", str(self.folder), "-c", str(self.folder / "nginx.conf")]  # fmt: skip
        return self._add("nginx", command, dict(os.environ))

    def add_cluster(self) -> None:
        """Start the scheduler and a worker of each lane."""
        self.add("latent-lab-scheduler", "scheduler")
        for lane in ("long", "quick"):
            self.add(f"latent-lab-worker@{lane}", lane)

    def wait(self) -> None:
        """Until the replicas that are wanted are ready, and the proxy answers."""
        for name in ("a", "b", "nginx"):
            if name in self.parts and self.parts[name].wanted:
                host = self.host if name == "nginx" else self.replica(name)
                ready = partial(answers, f"http://{host}/api/ready")
                until(ready, f"{name} is ready", partial(self.said, name))

    def stop(self, name: str) -> None:
        """Kill a part, which then stays down."""
        self.parts[name].wanted = False
        self.parts[name].kill()

    def back(self, name: str) -> None:
        """Start a part that was stopped."""
        self.parts[name].start()
        self.parts[name].wanted = True

    def said(self, name: str) -> str:
        """The end of a part's log."""
        return self.parts[name].log.read_text(errors="replace")[-2000:]

    def asked(self) -> list[str]:
        """The lines of the proxy's log of requests."""
        log = self.folder / "latent-lab.log"
        return log.read_text().splitlines() if log.exists() else []

    def answered_by(self, line: str) -> str:
        """The replica that a line of that log names; the last one where there were two."""
        ((port, _),) = re.findall(r" from (?:.*:)?(\d+) (\S.*)", line) or [("0", "")]
        return {str(self.ports[name]): name for name in ("a", "b")}.get(port, "")

    def _add(self, name: str, command: list[str], environment: dict[str, str]) -> Part:
        part = Part(name, command, environment, self.folder / f"{name}.log")
        part.start()
        self.parts[name] = part
        return part

    def _keep_up(self) -> None:
        while not self._over.wait(0.3):
            for part in list(self.parts.values()):
                if part.wanted and part.process is not None and part.process.poll() is not None:
                    part.kill()  # what it has started and left
                    part.start()
