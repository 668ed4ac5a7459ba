"""Causes of failures: what shows each, who acts, which step fixes it, and the page about it."""
