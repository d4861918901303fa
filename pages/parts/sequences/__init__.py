"""What the page Sequences is made of."""
