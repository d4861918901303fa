"""Pictures of the page Foundations that are there before it is alive."""

from base64 import b64encode
from functools import cache

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from core.foundations.networks import Network, PlaneSettings, train
from core.foundations.points import fifteen

SIDE = 112
"""Pixels of a panel of the cover."""
LOW, HIGH = np.array([1.1, 0.9]), np.array([11.9, 3.8])
"""The part of the plane that is seen."""
GROUND, INK, LINE = (23, 22, 20), (237, 235, 232), (230, 159, 0)
STYLE = (
    "line,circle{stroke:#2f2d2b;stroke-dasharray:6 5}circle{fill:#2f2d2b;stroke:none}"
    "@media(prefers-color-scheme:dark){line{stroke:#edebe8}circle{fill:#edebe8}}"
)


@cache
def line_after(steps: int) -> tuple[float, float]:
    """Slope and intercept for the text's points after steps of SGD at the text's rate, from 0."""
    points = torch.from_numpy(fifteen().points)
    network = Network(PlaneSettings(inputs=1, initialisation="zeros", rate=1e-3))
    for _ in train(network, points[:, :1], points[:, 1:], steps):
        pass
    w, b = network.flat().tolist()
    return w, b


def panel(steps: int) -> NDArray[np.uint8]:
    """The text's points and the line after some steps, (SIDE, SIDE, 3)."""
    picture = Image.new("RGB", (4 * SIDE, 4 * SIDE), GROUND)
    pen = ImageDraw.Draw(picture)
    w, b = line_after(steps)
    ends = np.array([[x, w * x + b] for x in (LOW[0], HIGH[0])])
    pen.line([tuple(end) for end in _placed(ends)], LINE, 14)
    for x, y in _placed(fifteen().points):
        pen.ellipse((x - 11, y - 11, x + 11, y + 11), INK)
    return np.asarray(picture.resize((SIDE, SIDE), Image.Resampling.LANCZOS))


def _placed(points: NDArray[np.float64]) -> NDArray[np.float64]:
    share = (points - LOW) / (HIGH - LOW)
    return np.column_stack([share[:, 0], 1 - share[:, 1]]) * 4 * SIDE


def opening_picture() -> str:
    """The plane that the bench Regression opens with, as the address of an SVG that
    fills its frame."""
    points = fifteen().points
    low, high = points.min(0), points.max(0)
    room = 0.12 * (high - low)
    w, b = np.polyfit(points[:, 0], points[:, 1], 1)
    ends = np.array([[x, w * x + b] for x in (low[0] - room[0], high[0] + room[0])])
    share = (np.vstack([points, ends]) - low + room) / (high - low + 2 * room)
    placed = [(f"{8 + 90 * x:.2f}%", f"{3 + 85 * (1 - y):.2f}%") for x, y in share]
    dots = "".join(f'<circle cx="{x}" cy="{y}" r="4"/>' for x, y in placed[:-2])
    (x1, y1), (x2, y2) = placed[-2:]
    line = f'<line x1="{x1}" y1="{y1}" x2="{x2}" y2="{y2}" stroke-width="1.5"/>'
    svg = f'<svg xmlns="http://www.w3.org/2000/svg"><style>{STYLE}</style>{line}{dots}</svg>'
    return f"data:image/svg+xml;base64,{b64encode(svg.encode()).decode()}"
