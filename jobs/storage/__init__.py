"""Redis: how values are encoded, sealed and locked."""
