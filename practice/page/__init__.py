"""The practice space: one page in a browser, in front of the practice cloud and the real processes of the bot."""
