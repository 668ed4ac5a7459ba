"""Work on a channel: runs, steps, checks and the clouds they talk to.

Nothing here knows Webex chat.
"""
