"""The parts of the Denoiser's page."""
