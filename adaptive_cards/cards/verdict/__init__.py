"""Card with the verdict of a check, one module for each section."""
