"""Cards that are drawn from data alone: a view in, a finished card out."""
