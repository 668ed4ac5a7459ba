"""One line of the doctor's report."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial
from typing import Any

from bot.doctor import Told, examine


def line_of(check: Callable[..., Iterable[Told]], *about: Any) -> str:
    """Return the mark and the words of a check, in a line such as ``ok words``."""
    said: list[str] = []
    examine(iter([("it", partial(check, *about))]), said.append)
    mark, _, words = said[0].partition("it: ")
    return f"{mark.strip()} {words}"
