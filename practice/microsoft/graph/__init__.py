"""Part of Microsoft Graph v1.0 that a run of the bot calls (microsoft.md 1, 2.5 and 7)."""
