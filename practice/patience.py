"""Time limits of the practice cloud's drivers, and the pace of the product and the cloud."""

import os

VARIABLE = "PRACTICE_PATIENCE"
PACE = "PRACTICE_PACE"
"""Variable with the factor of the waits that a stack's product and cloud choose themselves."""


def patient(seconds: float) -> float:
    """Return a time limit in seconds, multiplied by ``PRACTICE_PATIENCE``.

    A slow machine sets this variable, so that the tests pass there too.
    """
    return seconds * float(os.environ.get(VARIABLE, "1"))


def pace() -> float:
    """Return the factor of the waits, which is smaller than 1 in tests that play whole setups."""
    return float(os.environ.get(PACE, "1"))
