"""Reader of error texts: cleans a text, asks who speaks, and names the causes with their certainty."""
