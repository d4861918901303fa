"""What is happening in a diffusion."""


def explained() -> None:
    """Noise, denoising, and what follows from it."""
