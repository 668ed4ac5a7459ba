"""Router for paths that are not case-sensitive, some of which contain OData keys."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

Handler = TypeVar("Handler")
KEY = r"(?P<key>/[^/(]+|\([^)]+\))"


@dataclass(frozen=True, slots=True)
class Match(Generic[Handler]):
    """Handler that fits a request, with the values from the request's path."""

    handler: Handler
    values: dict[str, str]


class Router(Generic[Handler]):
    """Request handlers by method and path.

    ``{name}`` is one segment. ``{key}`` is an OData key in either of its forms.
    """

    def __init__(self) -> None:
        self._routes: list[tuple[str, re.Pattern[str], Handler]] = []

    def on(self, method: str, path: str) -> Callable[[Handler], Handler]:
        """Return a decorator that registers the handler of a method and path."""
        pattern = re.sub(
            r"\{(\w+)\}",
            lambda name: KEY if name[1] == "key" else rf"(?P<{name[1]}>[^/]+)",
            re.sub(r"([.()$])", r"\\\1", path),
        )

        def add(handler: Handler) -> Handler:
            self._routes.append((method, re.compile(pattern, re.IGNORECASE), handler))
            return handler

        return add

    def match(self, method: str, path: str) -> Match[Handler] | None:
        """Return the handler for a request, or None if the method and path have none."""
        for known, pattern, handler in self._routes:
            if known == method and (found := pattern.fullmatch(path)):
                return Match(handler, found.groupdict())
        return None

    def knows(self, path: str) -> bool:
        """Return whether any method is served at this path."""
        return any(pattern.fullmatch(path) for _, pattern, _ in self._routes)
