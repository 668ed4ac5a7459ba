"""Cmdlets of Exchange Online over HTTP (platforms/microsoft.md 2 and 3)."""
