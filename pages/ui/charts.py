"""Charts in one manner: a model keeps its colour in every one."""

import math
from collections.abc import Iterable, Mapping, Sequence

import pandas as pd
import plotly.graph_objects as go
import plotly.io

from core.images import COLOURS
from core.registry import family
from core.runs.store import Run
from pages.components.chart import chart

plotly.io.templates.default = "none"  # the page gives its own, and this one is large

DASHES = ("solid", "dash", "dot", "dashdot")


def colour(run: Run) -> str:
    """A variant's colour, by its place in its task."""
    spec = run.spec()
    return COLOURS[list(family(spec.task).variants).index(spec.variant) % len(COLOURS)]


def colours_of(runs: Sequence[Run]) -> dict[str, str]:
    """A colour for each of several runs on one chart, by id: the first of a variant has the
    variant's, the next ones shades of it."""
    found, seen = {}, dict[str, int]()
    for run in runs:
        base = colour(run)
        times = seen[base] = seen.get(base, -1) + 1
        found[run.id] = _shade(base, times)
    return found


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


def lines(
    series: Mapping[str, tuple[Sequence[float], Sequence[float]]],
    *,
    x_title: str,
    y_title: str,
    colours: Mapping[str, str],
    dashes: Mapping[str, str] | None = None,
    widths: Mapping[str, float] | None = None,
    log_y: bool = False,
) -> go.Figure:
    """Lines by name: (x values, y values)."""
    drawn = []
    for name, (x, y) in series.items():
        line = {
            "color": colours.get(name, COLOURS[0]),
            "dash": (dashes or {}).get(name, "solid"),
            "width": (widths or {}).get(name, 2),
        }
        mode = "lines+markers" if len(x) < 25 else "lines"
        drawn.append(go.Scatter(x=x, y=y, name=name, mode=mode, line=line, marker={"size": 5}))
    y_axis: dict[str, object] = {"title": y_title, "exponentformat": "power"}
    if log_y:
        y_axis |= log_axis([value for _, y in series.values() for value in y])
    x_axis = {"title": x_title, "dtick": _whole([place for x, _ in series.values() for place in x])}
    return go.Figure(drawn, {"xaxis": x_axis, "yaxis": y_axis})


def log_axis(values: Iterable[float]) -> dict[str, object]:
    """A logarithmic axis for these values, with four to ten ticks that are written out.

    Plotly's own are whole powers of ten, of which a curve often crosses none, and between them
    single digits without their power.
    """
    found = [float(value) for value in values if 0 < value < math.inf]
    low, high = (min(found), max(found)) if found else (1.0, 10.0)
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


def _whole(places: Sequence[float]) -> int | None:
    """The step between ticks, where a few whole numbers would else get some in between."""
    few = bool(places) and max(places) - min(places) <= 10
    return 1 if few and all(float(place).is_integer() for place in places) else None


def losses(run: Run) -> go.Figure | None:
    """Training and test loss of a run, an epoch a point; None before the first."""
    history = run.history()
    names = [c for c in history.columns if c.endswith("loss")]
    if history.empty or not names:
        return None
    positive = bool((history[names] > 0).all(axis=None))
    said = [name.replace("_", " ") for name in names]
    epochs = history["epoch"].tolist()
    return lines(
        {n: (epochs, history[column].tolist()) for n, column in zip(said, names, strict=True)},
        x_title="epoch",
        y_title="loss",
        colours=dict.fromkeys(said, colour(run)),
        dashes=dict(zip(said, DASHES, strict=False)),
        log_y=positive,
    )


def compare(runs: Sequence[Run], column: str) -> go.Figure | None:
    """One column of several histories; runs of one variant differ by shade and dashes."""
    series: dict[str, tuple[Sequence[float], Sequence[float]]] = {}
    colours, dashes, seen = colours_of(runs), {}, dict[str, int]()
    for run in runs:
        history: pd.DataFrame = run.history()
        if column in history.columns:
            series[run.id] = (history["epoch"].tolist(), history[column].tolist())
            times = seen[colour(run)] = seen.get(colour(run), -1) + 1
            dashes[run.id] = DASHES[times % len(DASHES)]
    if not series:
        return None
    positive = all(min(y) > 0 for _, y in series.values() if len(y))
    return lines(
        series,
        x_title="epoch",
        y_title=column.replace("_", " "),
        colours=colours,
        dashes=dashes,
        log_y="loss" in column and positive,
    )
