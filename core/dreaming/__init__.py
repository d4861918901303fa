"""Dreaming: pictures changed until a network responds more."""
