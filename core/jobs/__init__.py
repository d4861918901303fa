"""Jobs: the queue, the scheduler of its workers, and what is kept for how long."""

from core.jobs.queue import work

__all__ = ["work"]
