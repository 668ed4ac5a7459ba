"""Foreign parts: servers and clients that nobody here wrote, against the product and the practice cloud."""
