"""What the command line shows; its commands are in `core/__main__.py`."""
