"""The work on a channel: runs, steps, checks and the clouds they talk to; knows nothing of Webex chat."""
