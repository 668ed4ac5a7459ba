"""Processes: the worker, the embedded Redis, their supervisor, signals and timers."""
