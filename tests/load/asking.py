"""What a load test is asked for: who does what, how many, how long, and where."""

import argparse
from ipaddress import ip_address
from pathlib import Path
from urllib.parse import urlsplit

from tests.load.actors import Actor, Denoise, Follow, Map, Play, Sample, Scrub, Sketch, Upload
from tests.load.jobs import Dream, Teach, Train

ACTORS: dict[str, type[Actor]] = {
    c.__name__.lower(): c
    for c in (Denoise, Follow, Sample, Sketch, Play, Scrub, Map, Upload, Train, Dream, Teach)
}
VISIT = "visit"
CLASS = "denoise=9,follow=9,sample=11,scrub=7,map=7,upload=3,train=1,dream=1,teach=1,visit=1"
MOST_SESSIONS, MOST_SECONDS, MOST_VISITS = 500, 7200.0, 100_000


def mix(text: str, sessions: int) -> dict[str, int]:
    """How many sessions do what: `denoise=3,map=1` are shares, dealt out to the nearest whole.

    Raises:
        ValueError: an unknown name, or a share that is no number from 0 on.
    """
    shares: dict[str, float] = {}
    for part in (CLASS if text == "class" else text).split(","):
        name, _, number = part.strip().partition("=")
        if name not in (*ACTORS, VISIT):
            raise ValueError(f"Nobody does {name!r}. Known: {', '.join((*ACTORS, VISIT))}.")
        try:
            shares[name] = float(number or 1)
        except ValueError:
            raise ValueError(f"{name} needs a number, as {name}=5, and not {number!r}.") from None
        if not 0 <= shares[name] < float("inf"):
            raise ValueError(f"The share of {name} is a number from 0 on.")
    whole = sum(shares.values())
    if not whole:
        raise ValueError("The shares are all 0.")
    exact = {name: sessions * share / whole for name, share in shares.items()}
    result = {name: int(value) for name, value in exact.items()}
    by_rest = sorted(exact, key=lambda name: result[name] - exact[name])  # the largest rest first
    for name in by_rest[: sessions - sum(result.values())]:
        result[name] += 1
    return {name: count for name, count in result.items() if count}


def loopback(url: str) -> str:
    """An address of this machine. Raises ValueError for any other."""
    parts = urlsplit(url)
    host = parts.hostname or ""
    try:
        ours = host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        ours = False
    if parts.scheme != "http" or not ours:
        raise ValueError(
            f"{url}: only a server on this machine may be loaded, such as http://127.0.0.1:8501."
        )
    return f"http://{parts.netloc}"


def asked_for(arguments: list[str]) -> argparse.Namespace:
    """What the command line says. Ends the program, with 2, where it says what cannot be."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.load", description="Many people at once, on the pages of a server."
    )
    parser.add_argument("--sessions", type=int, default=50, help=f"0 to {MOST_SESSIONS}")
    parser.add_argument("--seconds", type=float, default=60, help=f"1 to {MOST_SECONDS:g}")
    parser.add_argument("--rate", type=float, default=1, help="moves a second of each slider")
    parser.add_argument(
        "--mix", default="class", help=f"who does what: `class`, or shares, as {CLASS}"
    )
    parser.add_argument(
        "--visits", type=int, default=0, help="afterwards, so many that come and go, for the memory"
    )
    parser.add_argument(
        "--settle", type=float, default=0, help="seconds to wait after them before the last look"
    )
    parser.add_argument(
        "--url", action="append", help="of a running server or proxy; more than one are shared out"
    )
    parser.add_argument(
        "--beside",
        action="store_true",
        help="the same on the smallest page that Streamlit can have, in turns, and the ratios",
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write every sample there")
    parser.add_argument("--seed", type=int, default=0, help="of every choice")
    asked = parser.parse_args(arguments)
    bounds = {
        "sessions": (0, MOST_SESSIONS),
        "seconds": (1, MOST_SECONDS),
        "rate": (0.01, 20),
        "visits": (0, MOST_VISITS),
        "settle": (0, MOST_SECONDS),
    }
    for name, (low, high) in bounds.items():
        if not low <= getattr(asked, name) <= high:
            parser.error(f"--{name} is a number from {low:g} to {high:g}.")
    if not asked.sessions and not asked.visits:
        parser.error("Nobody comes: give --sessions or --visits.")
    if asked.beside and not asked.sessions:
        parser.error("--beside compares what --sessions do.")
    try:
        asked.url = [loopback(url) for url in asked.url or []]
        asked.mix = mix(asked.mix, asked.sessions)
    except ValueError as error:
        parser.error(str(error))
    return asked
