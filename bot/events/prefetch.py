"""Requests to Webex for data that an event will need, made while its subject is fetched.

This takes one round trip instead of three. The event only suggests the requests. The fetched
subject decides what is needed, and an answer to a different request is not used.
"""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from contextvars import copy_context
from dataclasses import dataclass

from bot.webex.client import Membership, Webex, WebexPerson


@dataclass(frozen=True, slots=True)
class Prefetch:
    """Two pending requests: the person who acted, and the members of the room."""

    webex: Webex
    actor: str
    room: str
    asked_person: Future[WebexPerson] | None
    asked_members: Future[tuple[Membership, ...]] | None

    def person(self, person_id: str) -> WebexPerson:
        """Return a person by id, from the request that was made ahead if it fits."""
        return (
            self.asked_person.result()
            if self.asked_person and person_id == self.actor
            else self.webex.person(person_id)
        )

    def members(self, room_id: str) -> tuple[Membership, ...]:
        """Return all members of a space, from the request that was made ahead if it fits."""
        return (
            self.asked_members.result()
            if self.asked_members and room_id == self.room
            else self.webex.members(room_id)
        )


@contextmanager
def prefetch(webex: Webex, actor: str, room: str) -> Iterator[Prefetch]:
    """Start both requests for the duration of the context.

    A result that is not needed is discarded.
    """
    with_threads = ThreadPoolExecutor(2, "ahead")
    try:
        person = with_threads.submit(copy_context().run, webex.person, actor) if actor else None
        members = with_threads.submit(copy_context().run, webex.members, room) if room else None
        yield Prefetch(webex, actor, room, person, members)
    finally:
        with_threads.shutdown(wait=False, cancel_futures=True)
