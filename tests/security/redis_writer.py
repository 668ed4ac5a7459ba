"""Intruder who can read and write Redis, and does not have ENCRYPTION_KEYS."""

import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from redis import Redis

from jobs.clock import now
from jobs.runs.run import Event, Kind
from jobs.storage import codec
from practice.client import actions
from practice.conversation import Walk, words
from practice.stack import Stack

FOREIGN = "was not made by this bot. Nothing more is done"
OLDER = "has set the run back to an older state. Nothing more is done"
Json = dict[str, Any]


@dataclass(frozen=True)
class Writer:
    """Access of the intruder to Redis, and of the operator to the traces of it."""

    stack: Stack
    redis: Redis
    here: Callable[..., subprocess.CompletedProcess[str]]

    def forge(self, run: str, *events: Event) -> None:
        """Add events to a run in Redis, and let a worker take the run at once."""
        self.redis.rpush(f"run:{run}:events", *(codec.dump(event) for event in events))
        self.wake(run)

    def wake(self, run: str) -> None:
        """Let a worker take the run at once."""
        self.redis.zadd("due", {f"run:{run}": time.time()})

    def approve(self, run: str, plan: str, scope: str) -> None:
        """Add a forged approval to a run in Redis."""
        data = {"plan": plan, "scope": scope}
        self.forge(run, Event(Kind.APPROVED, now(), by="requester@contoso.com", data=data))

    def trail(self, what: str, run: str = "") -> list[Json]:
        """Return the entries of the audit trail of this kind, of one run or of all."""
        found = [codec.load(raw, dict) for raw in self.redis.lrange("audit:entries", 0, -1)]
        return [each for each in found if each["what"] == what and run in ("", each.get("run"))]

    def command(self, *name: str) -> subprocess.CompletedProcess[str]:
        """Run one of the operator's commands in this process."""
        return self.here(name[0], self.stack.processes["worker"].env, *name[1:])


def run_of(card: Json) -> tuple[str, str]:
    """Return the run that a card's buttons name, and its plan.

    The plan is an empty string if no button names one.
    """
    data = [each["data"] for each in actions(card) if isinstance(each.get("data"), dict)]
    run = next(each["run"] for each in data if each.get("run"))
    return run, next((each["plan"] for each in data if each.get("plan")), "")


def stopped(walk: Walk, why: str = FOREIGN) -> Json:
    """Return the card that says that the run was stopped; ``why`` is a part of its text."""
    return walk.wait("that the run was stopped", lambda each: why in words(each), 40)
