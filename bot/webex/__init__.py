"""Client of the Webex API: SDK wrapper, models, errors, retries, deadlines and webhooks."""
