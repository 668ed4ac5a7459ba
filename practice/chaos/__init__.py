"""``make chaos``: workers killed before, inside and after every side effect of a setup, and what became of the setup."""
