"""Time limits of the practice cloud's drivers, which wait for expected events."""

from __future__ import annotations

import os

VARIABLE = "PRACTICE_PATIENCE"


def patient(seconds: float) -> float:
    """Return a time limit in seconds, multiplied by ``PRACTICE_PATIENCE``.

    A slow machine sets this variable, so that the tests pass there too.
    """
    return seconds * float(os.environ.get(VARIABLE, "1"))
