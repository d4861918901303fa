"""Projection: maps of codes as runs."""
