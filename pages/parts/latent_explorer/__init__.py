"""The parts of the latent explorer's page."""
