"""Reader of error texts: it cleans a text, finds who speaks, and names the causes it finds.

Each cause comes with its certainty.
"""
