"""Guard of the calls that change something: asked right before each is sent, and after its answer.

A worker that was stopped in the middle of a change, and goes on after another has taken over its
run, would otherwise send the rest of that change. The guard is a function that raises an error if
nothing may be changed any more. It belongs to the job (:func:`jobs.advance.advance`), so no step
has to know it. It is also asked when an answer has come: a late answer to a stopped worker, such as
a new client secret, must not replace the one that its successor has made.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar

Guard = Callable[[], None]
HEAD, BODY = ".send_request_headers.started", ".send_request_body.started"
"""Ends of httpcore's names for the moments before it writes the request's head, and its body."""

_GUARD: ContextVar[Guard | None] = ContextVar("write_guard", default=None)


@contextmanager
def guarded(guard: Guard) -> Iterator[None]:
    """Ask the guard before every changing call inside the context, in all tasks started there."""
    token = _GUARD.set(guard)
    try:
        yield
    finally:
        _GUARD.reset(token)


def check() -> None:
    """Ask the guard whether anything may still be changed; without a guard it may.

    Raises:
        Exception: the guard's own error: nothing may be changed any more.
    """
    guard = _GUARD.get()
    if guard is not None:
        guard()


async def trace(event: str, _: object, *, has_body: bool) -> None:
    """Ask the guard when httpcore is about to send a request (its extension ``trace``).

    A connection may take seconds to open, and the worker may be stopped in them. It may also be
    stopped between the head and the body, and without the body nothing is carried out.
    """
    if event.endswith(HEAD) or (has_body and event.endswith(BODY)):
        check()
