"""A diffusion's network in the browser: what it says of a noisy image, and how it draws."""

from core.runs.store import Run
from pages.server import base_path


def denoiser_url(run: Run) -> str:
    """Where the browser finds a finished run's network, for `denoiser.js` and `pool.js`."""
    return base_path.address(f"/api/denoisers/{run.id}/{run.version()}")
