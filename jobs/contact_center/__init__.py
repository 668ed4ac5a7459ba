"""Webex's own services that a check may ask beside Microsoft's: the status page, Webex Connect, the contact center."""
