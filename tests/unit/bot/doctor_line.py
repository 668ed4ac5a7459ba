"""One line of the doctor's report."""

from bot.doctor import examine


def line_of(check, *about) -> str:
    """Return the mark and the words of a check, in a line such as ``ok words``."""
    said: list[str] = []
    examine(iter([("it", check(*about))]), said.append)
    mark, _, words = said[0].partition("it: ")
    return f"{mark.strip()} {words}"
