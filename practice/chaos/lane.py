"""Stack that runs disturbed setups one after another and compares each with an undisturbed one."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from types import TracebackType
from typing import Any, Final, Self

import httpx

from practice.actors import MAILBOX
from practice.agreement import agree
from practice.chaos import judge
from practice.chaos.judge import Left
from practice.chaos.killer import NOT_REACHED_S, Hit, Killer, Pauser
from practice.chaos.kills import Between, Kill, Pause
from practice.chaos.relay import Relay
from practice.client import NotSeenError, People, Wanted, does
from practice.conversation import Walk, fresh, space, words
from practice.stack import Stack

PATIENCE_S: Final = 90.0
UNDO_S: Final = 180.0
"""Longest time for an undo, in seconds.

The undo may look once more at a value 90 seconds after the value was changed.
"""
RECOVERS_S: Final = 30.0
"""Seconds within which work must resume after a kill or a pause, and the cards must agree."""
LOG_LINES: Final = 400
QUICK: Final = {
    "trace_delay_s": "0",
    "replication_s": "0.3",
    "exchange_replication_s": "0.3",
    "customization_s": "1",
}


@dataclass(frozen=True, slots=True)
class Outcome:
    """Result of a disturbed run; ``trouble`` is empty if the run ended correctly.

    ``late`` is the number of writes after an end: changes at Microsoft, and events of ended runs.
    ``between`` is set for a pause, and None for kills. ``evidence`` has the messages, mails and
    logs that help a person find the cause of a trouble.
    """

    hits: tuple[Hit, ...]
    doubles: int = 0
    orphans: int = 0
    late: int = 0
    told: bool = True
    trouble: str = ""
    seconds: float = 0.0
    between: Between | None = None
    evidence: str = ""


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
    """Context manager around a stack on which setups are disturbed.

    ``run`` plays a setup with kills, and ``pause`` one with a pause.
    """

    relay: Relay = field(default_factory=Relay)
    stack: Stack = field(init=False)
    people: People = field(init=False)
    right: Left = field(init=False)
    _undone: Left | None = field(init=False, default=None)
    _begun: int = field(init=False, default=0)

    def __enter__(self) -> Self:
        """Start the stack and play an undisturbed setup."""
        self.stack = self.relay.stack(QUICK)
        self.stack.__enter__()
        self.people = self.stack.people()
        walk = self._new_walk()
        _play(walk, None)
        self.right = judge.left(self.people, walk)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Stop the stack."""
        self.people.close()
        self.stack.__exit__(kind, error, trace)
        self.relay.__exit__()

    def run(self, kills: tuple[Kill, ...]) -> Outcome:
        """Play one setup in which these kills happen, and return the outcome."""
        walk, killer, started = self._new_walk(), Killer(self.stack, kills), time.monotonic()
        trouble = _trouble(lambda: _play(walk, killer))
        killer.stop()
        outcome = self._judged(walk, killer, trouble, self.right)
        self._one_worker()
        return replace(outcome, seconds=time.monotonic() - started)

    def pause(self, pause: Pause) -> Outcome:
        """Play one setup in which a worker is stopped and goes on later.

        Between the stop and the rest of the worker's work, the event ``between`` of the pause
        happens.
        """
        right = self._right_after(pause.between)
        walk, started = self._new_walk(), time.monotonic()
        since = walk.since
        thaws = pause.between is Between.NOTHING
        pauser = Pauser(self.stack, (pause.kill,), self.relay, thaws=thaws)
        trouble = _trouble(lambda: _play_paused(walk, pauser, pause.between))
        written = judge.written(self.people)
        pauser.stop()
        pauser.thaw()
        walk.since = since
        late = judge.written(self.people) - written + self._after_ends()
        outcome = self._judged(walk, pauser, trouble, right)
        self._one_worker()
        canceled = pause.between is Between.SETUP
        return replace(
            outcome,
            late=late,
            orphans=0
            if canceled
            else outcome.orphans,  # a canceled run leaves its secret by design
            told=canceled or outcome.told,
            seconds=time.monotonic() - started,
            between=pause.between,
        )

    def _right_after(self, between: Between) -> Left:
        """Return the state that an undisturbed run leaves with the same event in between.

        If the event is an undo, it is played once to get this state.
        """
        if between is not Between.UNDO:
            return self.right
        if self._undone is None:
            walk = self._new_walk()
            _play(walk, None)
            undo(walk)
            self._undone = judge.left(self.people, walk)
        return self._undone

    def _after_ends(self) -> int:
        """Return how many events were recorded after the end of their run.

        Each such event is counted only once, because the events are deleted afterwards.
        """
        with self.stack.redis() as redis:
            late = judge.after_ends(redis)
            for key in redis.scan_iter("run:*:events") if late else ():
                redis.delete(key)
        return late

    def _judged(self, walk: Walk, killer: Killer, trouble: str, right: Left) -> Outcome:
        hits, found, evidence = tuple(killer.hits), judge.left(self.people, walk), ""
        if trouble:
            evidence = self._evidence()
            walk.type(f"/cancel {walk.mailbox}")
        else:
            trouble = "; ".join(judge.differences(found, right))
        told = found.told or not any(hit.kill.effect and hit.kill.effect.changes for hit in hits)
        return Outcome(
            hits,
            judge.doubles(found, right),
            judge.orphans(found, right),
            told=told,
            trouble=trouble,
            evidence=evidence,
        )

    def _evidence(self) -> str:
        """Return the messages of this run, the path of its mails, and the ends of the logs."""
        self.people.look()
        newest = sorted(self.people.messages.values(), key=lambda each: int(each["change"]))
        said = [
            f"--- message {each['change']}, {each['room']}, {each['members']}\n{words(each)}\n{does(each)}"
            for each in newest
            if int(each["change"]) > self._begun
        ]
        places = ("mail", "connect/log", "agent/tasks", "journal")
        mails = [f"--- {place}\n{self.people.control('GET', place)}" for place in places]
        return "\n".join([*said, *mails, self.stack.logs(LOG_LINES)])

    def _one_worker(self) -> None:
        """Make sure that only the Procfile's worker runs when the next run begins."""
        if not self.stack.processes["worker"].alive:
            self.stack.start("worker")
        self.stack.stop_second()

    def _new_walk(self) -> Walk:
        """Reset the tenant and make the bot forget the mailbox, then return a new walk.

        See docs/operations.md, "What is in Redis".
        """
        fresh(self.people, dehydrated=True)
        self.people.patch({"empty_recycle_bin": True})
        with self.stack.redis() as redis:
            for key in redis.scan_iter(f"*{MAILBOX}*"):
                redis.delete(key)
        self.people.control("POST", "calls/reset")
        walk = PatientWalk(self.people, MAILBOX, space(self.people))
        self._begun = walk.since
        return walk


def _trouble(play: Callable[[], None]) -> str:
    """Call ``play`` and return the error that stopped it, or an empty string."""
    try:
        play()
    except (NotSeenError, httpx.HTTPError, KeyError) as error:
        return f"{type(error).__name__}: {error}"
    return ""


def _play(walk: Walk, killer: Killer | None) -> None:
    """Play the whole conversation; the kills start when the plan is ready to be approved.

    At the end, no card may contradict another one.
    """
    plan = walk.plan()
    if killer:
        killer.start()
    walk.approve(plan)
    walk.to_the_proof()
    agree(walk.people, walk.since, RECOVERS_S)


def _play_paused(walk: Walk, pauser: Pauser, between: Between) -> None:
    """Play the conversation with a pause, and the event between the pause and its end."""
    if between is not Between.SETUP:
        _play(walk, pauser)
        if between is Between.UNDO:
            undo(walk)
        return
    plan = walk.plan()
    pauser.start()
    walk.approve(plan)
    if pauser.stopped.wait(NOT_REACHED_S):
        walk.type(f"/cancel {walk.mailbox}")
        walk.since, walk.revealed = walk.people.now(), False
        plan = walk.plan()
        walk.since = plan["change"]  # an edit of the stopped worker may have come after the cancel
        walk.approve(plan)
    walk.to_the_proof()


def undo(walk: Walk) -> None:
    """Play an undo of the setup to its end."""
    walk.revealed = False
    walk.approve(walk.planned("/undo"))
    walk.saying("is disconnected", UNDO_S)  # Exchange keeps a customized organization
    agree(walk.people, walk.since, RECOVERS_S)
