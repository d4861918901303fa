"""What is done with a finished run: latents, projections, dreams, and its export."""
