"""Cards, each with its view: a view in, a finished card out."""
