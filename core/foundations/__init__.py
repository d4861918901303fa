"""Foundations: what is learnt in milliseconds, written out to be read."""
