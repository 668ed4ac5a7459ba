"""Whether this process is to end soon: then what is under way is ended, and nothing more is begun."""

from __future__ import annotations

_asked: list[bool] = []


def request(*_signal: object) -> None:
    """Have the process stop soon; may be called as a signal's handler."""
    _asked[:] = [True]


def requested() -> bool:
    """Whether somebody has."""
    return bool(_asked)


def reset() -> None:
    """As at the start of a process."""
    _asked.clear()
