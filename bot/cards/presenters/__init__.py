"""Presenters: pure functions from a run to the views of its cards, by what the cards are for."""
