"""A check's history while it is made: in memory, and kept in one piece when it has ended.

For a look at many channels: one that a worker's death cuts off leaves nothing behind, and is made anew.
"""

from __future__ import annotations

from jobs import codec
from jobs.clock import now
from jobs.model import Channel, Person
from jobs.run import Event, Kind, Run, fold, onto
from jobs.store import CHECK_KEPT_S, Store, new_id


class Draft(Store):
    """The store, except for the one run's own events."""

    def __init__(self, store: Store, channel: Channel, requester: Person, place: dict[str, str]) -> None:
        super().__init__(store.redis)
        self.audit = store.audit
        self._id = new_id()
        opened = Event(Kind.OPENED, now(), by=requester.email, data={**place, "kind": "check"}, channel=channel, person=requester)
        self._events = [opened, Event(Kind.DETAILS, now(), channel=channel)]

    @property
    def run(self) -> Run:
        """The check as it stands."""
        return fold(self._id, self._events)

    def append(self, run_id: str, *events: Event) -> None:
        """Add to the history, in memory."""
        self._events += events

    def newest(self, run: Run) -> Run:
        """The check as it stands; only what happened since is folded."""
        return onto(run, self._events[run.version :])

    def keep(self) -> Run:
        """The check has ended: keep it, as the channel's newest. Its record of who asked is the round's own."""
        self.append(self._id, Event(Kind.CHECKED, now()))
        with self.redis.pipeline() as together:
            together.rpush(f"run:{self._id}:events", *(codec.dump(event) for event in self._events))
            together.expire(f"run:{self._id}:events", CHECK_KEPT_S)
            together.execute()
        self.remember_check(self.run.channel.mailbox, self._id)
        return self.run
