"""Log of the changing calls in a piece of work, with the IDs that Microsoft support needs.

The audit trail stores them.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from jobs.clouds.errors import RequestIds

_MADE: ContextVar[list[str] | None] = ContextVar("calls_made", default=None)


@contextmanager
def record_calls() -> Iterator[list[str]]:
    """Collect a line for each call made inside the context, by this task and those that it starts.

    At the end, a surrounding context gets the same lines as well.
    """
    made: list[str] = []
    outer, token = _MADE.get(), _MADE.set(made)
    try:
        yield made
    finally:
        _MADE.reset(token)
        if outer is not None:
            outer += made


def record(service: str, what: str, status: int, ids: RequestIds) -> None:
    made = _MADE.get()
    if made is not None:
        made.append(
            " ".join(
                (service, what, str(status), *(f"{name}={value}" for name, value in ids.items()))
            )
        )
