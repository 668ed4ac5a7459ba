"""Regular expressions that are compiled at their first use.

The patterns that recognize error texts take a tenth of a second to compile, and a process that
meets no error needs none of them. The worker compiles them before it forks, so that its children do not
do it again.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from functools import cached_property

_known: list[LatePattern] = []


class LatePattern:
    """Regular expression with the methods of :class:`re.Pattern` that the bot uses."""

    def __init__(self, pattern: str, flags: int = 0) -> None:
        """Take the arguments of :func:`re.compile`."""
        self.pattern, self._flags = pattern, flags
        _known.append(self)

    @cached_property
    def compiled(self) -> re.Pattern[str]:
        """Return the compiled expression.

        Raises:
            re.PatternError: The expression is wrong (``re.error`` before Python 3.13).
        """
        return re.compile(self.pattern, self._flags)

    def search(self, text: str) -> re.Match[str] | None:
        """Return the first match anywhere in the text."""
        return self.compiled.search(text)

    def match(self, text: str) -> re.Match[str] | None:
        """Return the match at the beginning of the text."""
        return self.compiled.match(text)

    def finditer(self, text: str) -> Iterator[re.Match[str]]:
        """Yield every match in order."""
        return self.compiled.finditer(text)

    def sub(self, new: str | Callable[[re.Match[str]], str], text: str) -> str:
        """Return the text with every match replaced."""
        return self.compiled.sub(new, text)


def compile_all() -> int:
    """Compile every expression of the modules imported so far, and return how many there are."""
    for each in _known:
        _ = each.compiled
    return len(_known)
