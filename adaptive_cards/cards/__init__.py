"""Cards that are drawn from words and states alone; those of runs are in bot/cards/presenters."""
