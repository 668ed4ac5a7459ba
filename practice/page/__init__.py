"""Practice space: a page in a browser, in front of the practice cloud and the real bot."""
