"""Dreaming: pictures changed until a network answers more."""
