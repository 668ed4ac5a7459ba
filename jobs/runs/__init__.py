"""Runs: their events and state, plans, the store in Redis and the audit trail."""
