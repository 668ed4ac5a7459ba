"""How long the drivers of the practice cloud wait for what must happen."""

from __future__ import annotations

import os

VARIABLE = "PRACTICE_PATIENCE"


def patient(seconds: float) -> float:
    """The limit of a wait in seconds, as many times as long as ``PRACTICE_PATIENCE`` says: the tests must hold on a slow machine."""
    return seconds * float(os.environ.get(VARIABLE, "1"))
