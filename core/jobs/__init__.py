"""Jobs: the queue, the scheduler of its workers, and what is kept for how long."""
