"""Presenters: pure functions from a run to the views of its cards, one module for each card."""
