"""The web process: webhooks, the pages around sign-in and consent, OAuth callbacks, the one-time page."""
