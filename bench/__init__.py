"""Measurements of the product's real processes against the practice cloud: ``python -m bench``."""
