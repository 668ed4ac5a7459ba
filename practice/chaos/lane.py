"""Stack that runs disturbed setups one after another and compares each with an undisturbed one."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Final, Self

import httpx
from redis import Redis

from practice.actors import MAILBOX
from practice.chaos import judge
from practice.chaos.judge import Left
from practice.chaos.killer import Hit, Killer
from practice.chaos.kills import Kill
from practice.client import NotSeenError, People, Wanted
from practice.conversation import Walk, fresh, space
from practice.stack import Stack

PATIENCE_S: Final = 90.0
QUICK: Final = {
    "trace_delay_s": "0",
    "replication_s": "0.3",
    "exchange_replication_s": "0.3",
    "customization_s": "1",
}


@dataclass(frozen=True, slots=True)
class Outcome:
    """Result of a run; ``trouble`` is empty if it ended correctly."""

    hits: tuple[Hit, ...]
    doubles: int = 0
    orphans: int = 0
    told: bool = True
    trouble: str = ""
    seconds: float = 0.0


class PatientWalk(Walk):
    """Walk that waits for every card as long as a recovery may take."""

    def wait(
        self, expected: str, wanted: Wanted, seconds: float = 20, after: int = 0
    ) -> dict[str, Any]:
        """Return the newest matching message of this walk."""
        return super().wait(expected, wanted, max(seconds, PATIENCE_S), after)

    def task(self, seconds: float = 40) -> dict[str, Any]:
        """Return the task of this run's test mail, not of an earlier run's."""
        known = {
            task["id"]
            for task in self.people.control("GET", "agent/tasks")["items"]
            if task["status"] != "queued"
        }

        def fresh_ones() -> list[dict[str, Any]]:
            tasks = self.people.control("GET", "agent/tasks")["items"]
            return [task for task in tasks if task["id"] not in known]

        found: dict[str, Any] = self.people.until(
            "the test mail as a task", fresh_ones, max(seconds, PATIENCE_S)
        )[-1]
        return found


@dataclass(slots=True)
class Lane:
    """Context manager around a stack; ``run`` plays one setup."""

    stack: Stack = field(default_factory=lambda: Stack(practice=QUICK))
    people: People = field(init=False)
    right: Left = field(init=False)

    def __enter__(self) -> Self:
        """Start everything and play an undisturbed setup."""
        self.stack.__enter__()
        self.people = self.stack.people()
        walk = self._walk()
        _play(walk, None)
        self.right = judge.left(self.people, walk)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Stop everything."""
        self.people.close()
        self.stack.__exit__(kind, error, trace)

    def run(self, kills: tuple[Kill, ...]) -> Outcome:
        """Play one setup with these kills."""
        walk, killer, started = self._walk(), Killer(self.stack, kills), time.monotonic()
        trouble = ""
        try:
            _play(walk, killer)
        except (NotSeenError, httpx.HTTPError, KeyError) as error:
            trouble = f"{type(error).__name__}: {error}"
        finally:
            killer.stop()
        return self._outcome(walk, killer, trouble, time.monotonic() - started)

    def _outcome(self, walk: Walk, killer: Killer, trouble: str, seconds: float) -> Outcome:
        hits, found = tuple(killer.hits), judge.left(self.people, walk)
        if trouble:
            walk.type(f"/cancel {walk.mailbox}")
        else:
            trouble = "; ".join(judge.differences(found, self.right))
        told = found.told or not any(hit.kill.effect and hit.kill.effect.changes for hit in hits)
        return Outcome(
            hits,
            judge.doubles(found, self.right),
            judge.orphans(found, self.right),
            told,
            trouble,
            seconds,
        )

    def _walk(self) -> Walk:
        """Reset the tenant and make the bot forget the mailbox, then return a new walk.

        See docs/operations.md, "To forget a channel".
        """
        fresh(self.people, dehydrated=True)
        with Redis(port=self.stack.ports.redis) as redis:
            for key in redis.scan_iter(f"*{MAILBOX}*"):
                redis.delete(key)
        self.people.control("POST", "calls/reset")
        return PatientWalk(self.people, MAILBOX, space(self.people))


def _play(walk: Walk, killer: Killer | None) -> None:
    """Play the whole conversation; the kills start when the plan is ready to approve."""
    plan = walk.plan()
    if killer:
        killer.start()
    walk.approve(plan)
    walk.to_the_proof()
