"""The parts of the GAN gallery's page."""
