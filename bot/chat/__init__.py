"""Handling of a message or button press: its sender, space, request and allowed audience."""
