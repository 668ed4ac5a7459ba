"""The engine: what a step is, and how the graph of steps is planned, applied, checked and undone."""
