"""Training: a task and a config in, a run out."""

from core.training.loop import train
from core.training.request import ask, evaluate

__all__ = ["ask", "evaluate", "train"]
