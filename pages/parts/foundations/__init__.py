"""What the page Foundations is made of."""
