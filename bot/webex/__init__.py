"""The Webex API client: SDK wrapper, models, errors, retries, deadlines, webhook registration."""
