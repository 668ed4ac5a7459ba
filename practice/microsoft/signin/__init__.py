"""Microsoft Entra sign-in: discovery, authorize, token, admin consent (facts/microsoft.md 1.6, 1.7, 4, 5)."""
