"""The bench Depth: its points come from here, the rest happens in the browser."""

from core.foundations.labelled_points import real_sets
from pages.components.bench import bench

SETS = ("wine", "cancer", "iris")


def panel() -> None:
    """The bench on real sets of several features."""
    tables = {name: real_sets()[name]._asdict() for name in SETS}
    bench("depth", key="bench-depth", data={"tables": tables})
