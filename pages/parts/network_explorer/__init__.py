"""What the page Network explorer is made of."""
