"""Training: a task and a config in, a run out."""

from core.training.asking import ask, evaluate
from core.training.loop import train

__all__ = ["ask", "evaluate", "train"]
