"""The bench Optimisers: points and planes come from here, the rest happens in the browser."""

from core.foundations.loss_plane import shipped
from core.foundations.regressions import X15, Y15
from pages.components.bench import bench


def panel() -> None:
    """The bench."""
    planes = {plane.variant: plane._asdict() for plane in shipped()}
    data = {"points": {"x": X15, "y": Y15}, "planes": planes}
    bench("optimisers", key="bench-optimisers", data=data)
