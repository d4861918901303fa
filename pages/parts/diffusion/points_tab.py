"""Diffusion on a line and in the plane."""


def panel() -> None:
    """Points that become noise and come back."""
