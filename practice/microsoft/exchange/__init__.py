"""Exchange Online's cmdlets over HTTP (facts/microsoft.md 2 and 3)."""
