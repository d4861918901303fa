"""Training: a task and a config in, a run out."""

from core.training.request import evaluate, make_request

__all__ = ["evaluate", "make_request"]
