"""Work on a channel: runs, steps, checks and the clouds they talk to."""
