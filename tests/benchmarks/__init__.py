"""Measurements of the lab against the figures that are asked of it: `python -m tests.benchmarks`.

A program and no test: what it sees depends on the machine and on what else runs there.
"""
