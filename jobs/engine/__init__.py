"""Engine: the base class of steps, which are planned, applied, checked and undone as a graph."""
