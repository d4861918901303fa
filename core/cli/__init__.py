"""The commands, a file a subject, and what they show; `core/__main__.py` lists them."""
