"""The bench Optimisers: points and planes come from here, the rest happens in the browser."""

from core.foundations.loss_plane import shipped
from core.foundations.regressions import X15, Y15, standardised_classes
from pages.components.bench import bench


def panel() -> None:
    """The bench."""
    planes = {plane.variant: plane._asdict() for plane in shipped()}
    line = {"x": X15, "y": Y15}
    data = {"points": line, "classes": standardised_classes(), "planes": planes}
    bench("optimisers", key="bench-optimisers", data=data)
