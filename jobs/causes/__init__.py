"""Causes of failures: what is known of each, and what an error text means, wherever it was read."""
