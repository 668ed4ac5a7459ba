"""Cmdlets of Exchange Online over HTTP (facts/microsoft.md 2 and 3)."""
