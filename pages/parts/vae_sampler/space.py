"""Through the space: traversals, the plane of two numbers, the way between two images, codes."""

import plotly.graph_objects as go
import streamlit as st
import torch

from core.data import Images
from core.images import COLOURS, contact_sheet, to_gif, to_png
from core.inference import latent
from core.runs.store import Run
from pages.components import picks
from pages.parts.vae_sampler import stage
from pages.ui import cached, charts, inputs, pictures
from pages.ui.downloads import csv_button, download, png_button
from pages.ui.names import class_title, dataset_title
from pages.ui.pictures import Row
from pages.ui.run_choice import RunChoice
from pages.ui.widgets import segmented

STEPS = 11
SIDE = 20
"""Pictures along each side of the plane."""
POINTS = 3000
CLICK = "Click a picture to put it on the stage."


@st.fragment
def traversals(run: Run) -> None:
    """One number after the other moved over its range, the others as they are on the stage."""
    at = stage.here()
    alive = [d for d in latent.dimensions(run) if not d.dead]
    if not alive:
        st.info(
            "No dimension is in use, so there is none to move along: the posterior has collapsed, "
            "or the test images were too few to tell."
        )
        return
    most = st.slider(
        "Dimensions",
        1,
        max(len(alive), 2),
        min(8, max(len(alive), 2)),
        key="traversed",
        bind="query-params",
        help="Those that tell most about an image first.",
    )
    chosen = alive[:most]
    codes = latent.traversals(torch.tensor([at.code]), chosen, STEPS)
    flat, key = codes.flatten(0, 1), "traversal-picks"
    if (index := picks.picked(key, len(flat))) is not None:
        stage.go(run, flat[index], at.label)
    images = latent.decode(cached.autoencoder(run), flat, at.label)
    rows = [
        Row(
            f"Dimension {d.index}",
            part,
            _note(d),
            f"Pictures along dimension {d.index}",
            [f"Dimension {d.index} at {v:.2f}" for v in along[:, d.index].tolist()],
        )
        for d, along, part in zip(
            chosen, codes, images.view(-1, STEPS, *images.shape[1:]), strict=True
        )
    ]
    picks.show(pictures.rows_html(rows), key=key, stage=stage.KEY)
    st.caption(
        f"{CLICK} "
        f"From {latent.SLIDER_STD} standard deviations below its middle to {latent.SLIDER_STD} "
        "above; all other numbers stay as they are on the stage. Nats say how much a number tells "
        "about an image: 1 nat is 1.44 bits."
    )
    png_button(lambda: pictures.rows_png(rows), f"{run.id}-traversals")


def _note(dimension: latent.Dimension) -> str:
    if dimension.kl is None:
        return f"{dimension.low:.1f} to {dimension.high:.1f}"
    return f"{dimension.kl:.2f} nats"


@st.fragment
def plane(models: RunChoice, chosen: Run) -> None:
    """Every picture of a space with two numbers, and where the test images lie in it."""
    runs = [chosen, *models.runs.values()]
    flat = [run for run in runs if len(run.metrics().get("code_mean", [])) == 2]
    if not flat:
        st.info("No model here has two numbers. Train one below: set “Dimensions” to 2.")
        return
    with st.container(horizontal=True, vertical_alignment="bottom"):
        run = models.among(flat, "flat").box("Model with two numbers")
        prior = "code_covariance" not in run.metrics()
        over = segmented(
            "Spread over",
            ["A rectangle", "The prior's quantiles"] if prior else ["A rectangle"],
            "over",
        )
    codes = latent.quantiles(SIDE) if over != "A rectangle" else _rectangle(run)
    key, label = "plane-picks", 0 if latent.class_names(run) else None
    if (index := picks.picked(key, len(codes))) is not None:
        stage.go(run, codes[index], label)
    images = latent.decode(cached.autoencoder(run), codes, label)
    png = to_png(contact_sheet(images, SIDE, gap=0))
    left, right = st.columns(2)
    with left:
        names = [f"At {x:.2f}, {y:.2f}" for x, y in codes.tolist()]
        sheet = pictures.Sheet("", png, "", SIDE, names, "Pictures decoded over the plane")
        picks.show(pictures.sheets_html([sheet]), key=key, stage=stage.KEY)
        png_button(png, f"{run.id}-plane", "png-plane")
    with right:
        _scatter(run, [0, 1], "plane-codes")
    st.caption(
        "Left, what the decoder draws at each place; right, where the encoder puts the test "
        "images. Choose this model above and hover over its pad to read the picture at any place. "
        f"{CLICK}"
    )


def _rectangle(run: Run) -> torch.Tensor:
    across, up = sorted(latent.dimensions(run), key=lambda d: d.index)
    return latent.rectangle((across.low, across.high), (up.low, up.high), SIDE)


@st.fragment
def between(run: Run) -> None:
    """From one test image to another, on the straight line and on the arc."""
    dataset = run.spec().dataset
    images = cached.digits(dataset)
    count = len(images.labels)
    with st.container(horizontal=True, vertical_alignment="bottom"):
        first = inputs.choose_index("From image", count, key="from")
        second = inputs.choose_index("To image", count, key="to", default=4)
        steps = st.slider("Pictures", 5, 21, STEPS, 2, key="steps", bind="query-params")
    model = cached.autoencoder(run)
    pair = torch.tensor([first, second])
    labels = images.labels[pair] if model.classes else None
    ends = latent.encode(model, images.pixels[pair], labels)
    label = int(images.labels[pair[0]]) if model.classes else None
    codes = {p: latent.between(ends[0], ends[1], steps, p) for p in latent.INTERPOLATIONS}  # type: ignore[arg-type]
    key, both = "between-picks", torch.cat([codes["lerp"], codes["slerp"]])
    if (index := picks.picked(key, len(both))) is not None:
        stage.go(run, both[index], label)
    drawn = {p: latent.decode(model, c, label) for p, c in codes.items()}
    rows = [
        Row(name, drawn[p], _lengths(codes[p]), names=[f"{name}, {i + 1}" for i in range(steps)])
        for name, p in (("Straight line (lerp)", "lerp"), ("Arc (slerp)", "slerp"))
    ]
    picks.show(pictures.rows_html(rows), key=key, stage=stage.KEY)
    st.caption(CLICK)
    if model.classes:
        st.caption("The class stays that of the first image: only the handwriting changes.")
    there_and_back = torch.cat([drawn["slerp"], drawn["slerp"].flip(0)[1:-1]])
    gif = to_gif(there_and_back, 80)
    left, right = st.columns([1, 3], vertical_alignment="bottom")
    with left:
        pictures.sheet_image(gif, "The way there and back as a moving picture")
    with right:
        st.caption(
            "The straight line passes nearer to the middle than its ends lie: half-way between two "
            "independent draws of the prior it is at 71 % of their distance from it, where in many "
            "dimensions hardly any draw lies. The arc keeps its distance. |z| says how far out the "
            "codes are."
        )
        with st.container(horizontal=True):
            png_button(lambda: pictures.rows_png(rows), f"{run.id}-{first}-{second}", "png-between")
            download("GIF", gif, f"{run.id}-{first}-{second}.gif")
            csv_button(lambda: latent.code_table(codes["slerp"]), f"{run.id}-{first}-{second}")


def _lengths(codes: torch.Tensor) -> str:
    norms = codes.norm(dim=1)
    return f"|z| from {float(norms.min()):.1f} to {float(norms.max()):.1f}"


def codes(run: Run) -> None:
    """The codes of the test images, as a table and as points in the plane or in space."""
    dataset = run.spec().dataset
    labels = cached.digits(dataset).labels
    axes = [d.index for d in latent.dimensions(run)]
    if len(axes) > 3:
        axes = st.multiselect(
            "Axes",
            sorted(axes),
            default=axes[:2],
            max_selections=3,
            key="axes",
            bind="query-params",
            help="Two make a plane, three a space.",
        )
    if len(axes) >= 2:
        _scatter(run, axes[:3], "codes")
    else:
        st.info("Choose a second axis.")
    table = latent.code_table(cached.codes(run, dataset), labels)
    st.dataframe(table.head(200), height=240)
    st.caption(f"The first 200 of {len(table):,} codes; the file has them all.")
    csv_button(lambda: table, f"{run.id}-codes")


def _scatter(run: Run, axes: list[int], key: str) -> None:
    """Test images as points, coloured by class."""
    dataset = run.spec().dataset
    every = Images(cached.codes(run, dataset), cached.digits(dataset).labels)
    points, labels = every.choice(POINTS)
    figure = go.Figure()
    for label in sorted(set(labels.tolist())):
        rows = points[labels == label][:, axes].numpy()
        named: dict[str, object] = {
            "x": rows[:, 0],
            "y": rows[:, 1],
            "mode": "markers",
            "name": class_title(dataset, int(label)),
            "marker": {
                "size": 2.5 if len(axes) == 3 else 4,
                "color": COLOURS[int(label) % len(COLOURS)],
            },
        }
        if len(axes) == 3:
            figure.add_scatter3d(**named, z=rows[:, 2])
        else:
            figure.add_scattergl(**named)
    titles = [f"Enc. Variable {a}" for a in axes]
    if len(axes) == 3:
        figure.update_scenes(**{f"{n}axis_title": t for n, t in zip("xyz", titles, strict=True)})
    else:
        figure.update_xaxes(title=titles[0])
        figure.update_yaxes(title=titles[1])
    charts.show(figure, key=key, height=460, hovermode="closest")
    st.caption(f"{len(points):,} test images of {dataset_title(dataset)}, of each class its share.")
