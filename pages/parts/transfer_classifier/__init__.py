"""The parts of the transfer classifier's page."""
