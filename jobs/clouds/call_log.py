"""Which changing calls a piece of work made, with the ids that Microsoft's support asks for: the audit trail keeps them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from jobs.clouds.errors import RequestIds

_MADE: ContextVar[list[str] | None] = ContextVar("calls_made", default=None)


@contextmanager
def record_calls() -> Iterator[list[str]]:
    """The calls made within, by this task and by those that it starts; one line each, in their order."""
    made: list[str] = []
    token = _MADE.set(made)
    try:
        yield made
    finally:
        _MADE.reset(token)


def record(service: str, what: str, status: int, ids: RequestIds) -> None:
    """A call was answered; kept where somebody wants to know."""
    made = _MADE.get()
    if made is not None:
        made.append(" ".join((service, what, str(status), *(f"{name}={value}" for name, value in ids.items()))))
