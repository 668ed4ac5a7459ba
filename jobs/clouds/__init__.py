"""HTTP for every cloud: retries, rate limits, errors and their causes, TLS, tokens."""
