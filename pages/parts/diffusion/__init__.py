"""The parts of the page Diffusion."""
