"""Handling of webhook events: each is answered once, and tried again while Webex is unavailable."""
