"""What the page Translation is made of."""
