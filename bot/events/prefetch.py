"""What an event will need from Webex, asked for while its subject is fetched: one round trip instead of three.

The event only says what to ask for. What is fetched says what was needed; an answer to another question is not used.
"""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass

from bot.webex.client import Membership, Webex, WebexPerson


@dataclass(frozen=True, slots=True)
class Prefetch:
    """Two questions under way: who the actor is, and who is in the room."""

    webex: Webex
    actor: str
    room: str
    asked_person: Future[WebexPerson] | None
    asked_members: Future[tuple[Membership, ...]] | None

    def person(self, person_id: str) -> WebexPerson:
        """Somebody by id."""
        return self.asked_person.result() if self.asked_person and person_id == self.actor else self.webex.person(person_id)

    def members(self, room_id: str) -> tuple[Membership, ...]:
        """Everybody in a space."""
        return self.asked_members.result() if self.asked_members and room_id == self.room else self.webex.members(room_id)


@contextmanager
def prefetch(webex: Webex, actor: str, room: str) -> Iterator[Prefetch]:
    """Ask within; what is not needed after all is left alone."""
    with_threads = ThreadPoolExecutor(2, "ahead")
    try:
        person = with_threads.submit(webex.person, actor) if actor else None
        members = with_threads.submit(webex.members, room) if room else None
        yield Prefetch(webex, actor, room, person, members)
    finally:
        with_threads.shutdown(wait=False, cancel_futures=True)
