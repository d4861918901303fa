"""The parts of the VAE sampler's page."""
