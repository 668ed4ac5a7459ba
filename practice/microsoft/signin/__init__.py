"""Sign-in of Microsoft Entra: discovery, authorize, token, admin consent.

Source: platforms/microsoft.md 1.6, 1.7, 4, 5.
"""
