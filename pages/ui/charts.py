"""Charts in one manner: a model keeps its colour in every one."""

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import cycle

import pandas as pd
import plotly.graph_objects as go
import plotly.io

from core.images import COLOURS
from core.metrics.smoothing import smoothed
from core.registry import family
from core.runs.store import Run
from pages.components.chart import chart

plotly.io.templates.default = "none"  # the page gives its own, and this one is large


@dataclass(frozen=True)
class Line:
    """The points of a line, and how it is drawn."""

    x: Sequence[float]
    y: Sequence[float]
    colour: str = COLOURS[0]
    dash: str = "solid"
    width: float = 2
    smoothing: float = 0
    """Share of the epochs before that each point keeps; then what was measured is drawn faint."""


DASHES = ("solid", "dash", "dot", "dashdot")


def colour(run: Run) -> str:
    """A variant's colour, by its place in its task."""
    spec = run.spec()
    return COLOURS[list(family(spec.task).variants).index(spec.variant) % len(COLOURS)]


def colours_of(runs: Sequence[Run]) -> dict[str, str]:
    """A colour for each of several runs on one chart, by id: the first of a variant has the
    variant's, the next ones shades of it."""
    colours, seen = {}, Counter[str]()
    for run in runs:
        base = colour(run)
        colours[run.id] = _shade(base, seen[base])
        seen[base] += 1
    return colours


def _shade(base: str, times: int) -> str:
    """The colour itself, then darker and lighter ones, further each time."""
    if not times:
        return base
    towards, share = (0, 255)[(times + 1) % 2], 1 - 0.55 ** ((times + 1) // 2)
    parts = [int(base[i : i + 2], 16) for i in (1, 3, 5)]
    return "#" + "".join(f"{round(p + share * (towards - p)):02x}" for p in parts)


def show(figure: go.Figure, key: str, height: int = 340, hovermode: str = "x unified") -> None:
    """Draw a figure as wide as there is room."""
    layout = figure.layout  # set one by one: `update_layout` takes five milliseconds
    layout.height, layout.hovermode = height, hovermode
    layout.margin = {"l": 8, "r": 8, "t": 8, "b": 8}
    layout.legend = {"orientation": "h", "y": -0.22, "x": 0, "title": None}
    across, up = (axis.title.text or "" for axis in (layout.xaxis, layout.yaxis))
    alt = f"Chart: {up} against {across}" if across and up else "Chart"
    chart(figure, key=key, height=height, alt=alt)


def lines(series: Mapping[str, Line], x_title: str, y_title: str, log_y: bool = False) -> go.Figure:
    """Lines by name; the first lies on top."""
    drawn = []
    for above, (name, line) in zip(range(len(series), 0, -1), series.items(), strict=True):
        style = {"color": line.colour, "dash": line.dash, "width": line.width}
        mode = "lines+markers" if len(line.x) < 25 else "lines"
        common = {"x": line.x, "mode": mode, "line": style, "marker": {"size": 5}}
        y = smoothed(line.y, line.smoothing)
        drawn.append(go.Scatter(y=y, name=name, zorder=above, **common))
        if line.smoothing:
            faint = {"opacity": 0.3, "hoverinfo": "skip", "showlegend": False}
            drawn.append(go.Scatter(y=line.y, name=f"{name}, measured", **faint, **common))
    y_axis: dict[str, object] = {"title": y_title, "exponentformat": "power"}
    if log_y:
        y_axis |= log_axis([value for line in series.values() for value in line.y])
    places = [place for line in series.values() for place in line.x]
    x_axis = {"title": x_title, "dtick": _tick_step(places)}
    return go.Figure(drawn, {"xaxis": x_axis, "yaxis": y_axis})


def bars(
    x: Sequence[object],
    y: Sequence[float],
    colours: str | Sequence[str],
    x_title: str,
    y_title: str,
) -> go.Figure:
    """A bar for each of `x`; texts are categories, also where they are numbers."""
    kind = "category" if x and isinstance(x[0], str) else "linear"
    axes = {"xaxis": {"title": x_title, "type": kind}, "yaxis": {"title": y_title}}
    return go.Figure(go.Bar(x=x, y=y, marker_color=colours), axes)


def log_axis(values: Iterable[float]) -> dict[str, object]:
    """A logarithmic axis for these values, with four to ten ticks that are written out.

    Plotly's own are whole powers of ten, of which a curve often crosses none, and between them
    single digits without their power.
    """
    positive = [float(value) for value in values if 0 < value < math.inf]
    low, high = (min(positive), max(positive)) if positive else (1.0, 10.0)
    axis: dict[str, object] = {"type": "log", "tickformat": ",~g", "hoverformat": ",.4~g"}
    dtick: str | int
    if high < 1.01 * low:  # Plotly gives one value two decades, and a flat curve all the height
        low, high = 0.95 * low, 1.05 * high
        axis["range"] = [math.log10(low), math.log10(high)]
    if high < 8 * low:  # as many as on a plain axis, at round numbers
        widest = (high - low) / 3
        unit = 10.0 ** math.floor(math.log10(widest))
        dtick = f"L{max(m * unit for m in (1, 2, 5) if m * unit <= widest):g}"
    elif high < 1500 * low:
        dtick = "D2"  # 1, 2, 5, 10
    else:
        dtick = math.ceil(math.log10(high / low) / 8)
    return axis | {"dtick": dtick}


def _tick_step(places: Sequence[float]) -> int | None:
    """The step between ticks, where a few whole numbers would else get some in between."""
    few = bool(places) and max(places) - min(places) <= 10
    return 1 if few and all(float(place).is_integer() for place in places) else None


def over_epochs(
    history: pd.DataFrame, column: str, colour: str, dash: str = "solid", smoothing: float = 0
) -> Line:
    """A column of a run's history, an epoch a point."""
    x, y = history["epoch"].tolist(), history[column].tolist()
    return Line(x, y, colour, dash, smoothing=smoothing)


def all_positive(series: Iterable[Line]) -> bool:
    """Whether a logarithmic axis can show every point."""
    return all(value > 0 for line in series for value in line.y)


def losses(run: Run, smoothing: float = 0) -> go.Figure | None:
    """Test and training loss of a run, the test loss first, an epoch a point; None before the
    first."""
    history = run.history()
    columns = [c for c in history.columns if c.endswith("loss")]
    columns.sort(key=lambda c: not c.startswith(("test", "validation")))
    if history.empty or not columns:
        return None
    series = {
        column.replace("_", " "): over_epochs(history, column, colour(run), dash, smoothing)
        for column, dash in zip(columns, cycle(DASHES), strict=False)
    }
    across = family(run.spec().task).rows_are
    return lines(series, across, "loss", all_positive(series.values()))


def compare(
    runs: Sequence[Run], column: str, names: Mapping[str, str], smoothing: float = 0
) -> go.Figure | None:
    """One column of several histories; runs of one variant differ by shade and dashes."""
    series, colours, seen = {}, colours_of(runs), Counter[str]()
    for run in runs:
        history: pd.DataFrame = run.history()
        if column in history.columns:
            dash = DASHES[seen[colour(run)] % len(DASHES)]
            seen[colour(run)] += 1
            series[names[run.id]] = over_epochs(history, column, colours[run.id], dash, smoothing)
    if not series:
        return None
    log_y = "loss" in column and all_positive(series.values())
    across = " or ".join(sorted({family(run.spec().task).rows_are for run in runs}))
    return lines(series, across, column.replace("_", " "), log_y)
