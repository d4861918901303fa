"""The parts of the page DeepDream."""
