"""The part of Microsoft Graph v1.0 that the documents have a run call (facts/microsoft.md 1, 2.5 and 7)."""
