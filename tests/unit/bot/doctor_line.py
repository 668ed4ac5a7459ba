"""One line of the doctor's report."""

from functools import partial

from bot.doctor import examine


def line_of(check, *about) -> str:
    """Return the mark and the words of a check, in a line such as ``ok words``."""
    said: list[str] = []
    examine(iter([("it", partial(check, *about))]), said.append)
    mark, _, words = said[0].partition("it: ")
    return f"{mark.strip()} {words}"
