"""Knowledge about causes: what an error text means, wherever it was read."""
