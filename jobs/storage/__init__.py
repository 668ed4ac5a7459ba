"""Redis: how values are encoded, sealed and locked."""

from pathlib import Path

DATA_FOLDER = Path("data")
"""Folder in which the embedded server keeps its data, below the folder of the process."""
SOCKET = "redis.sock"
"""Socket in the data folder at which the embedded server listens, and no other program's can."""
