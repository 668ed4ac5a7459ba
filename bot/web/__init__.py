"""Web process: webhooks, sign-in and consent pages, OAuth callbacks and the one-time page."""
