"""Killer and pauser of worker processes at drawn moments.

They measure the time until work resumes.
"""

import contextlib
import os
import signal
import threading
import time
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from redis import Redis

from practice.chaos.kills import CARDS, HERE, HOLD_S, Kill, Question, Victim
from practice.chaos.relay import Relay
from practice.client import People
from practice.processes import session
from practice.stack import Stack

POLL_S: Final = 0.05
LONGER_THAN_LEASE_S: Final = 15.0
"""Shortest duration of a pause, in seconds. The lease of a run lasts 12 seconds."""
JOBS_END_S: Final = 30.0
NOT_REACHED_S: Final = 60.0
LONGEST_S: Final = 90.0
ON_ITS_WAY_S: Final = 0.1
"""Seconds during which a call that the killed process had sent may still begin in the cloud."""
MICROSOFT: Final = ("/graph", "/adminapi")


def at_work(leader: int, redis_port: int) -> set[int]:
    """Return the processes of a session that hold a lock of the bot, because they work."""
    with Redis(port=redis_port) as redis:
        tokens = redis.hvals("locks:held")
    return {int(token.split(b"/")[1]) for token in tokens} & set(session(leader))


def jobs_begun(redis_port: int) -> set[bytes]:
    """Return the jobs of RQ that a worker has begun and not ended."""
    with Redis(port=redis_port) as redis:
        queues = redis.scan_iter("rq:queue:*[^e]", _type="list")  # those of jobs in hand end with e
        queued = {job for queue in queues for job in redis.lrange(queue, 0, -1)}
        every = {key.removeprefix(b"rq:job:") for key in redis.scan_iter("rq:job:*")}
    return every - queued


@dataclass(frozen=True, slots=True)
class Hit:
    """Record of a kill that happened.

    ``seconds`` is the time until work resumed. It is None if work did not resume, and 0 if no work
    was in progress or the run had ended.
    """

    kill: Kill
    seconds: float | None


@dataclass(slots=True)
class Killer:
    """Killer of worker processes, in its own thread.

    It works until all kills are done or the run has ended.
    """

    stack: Stack
    kills: tuple[Kill, ...]
    relay: Relay | None = None
    hits: list[Hit] = field(default_factory=list)
    _people: People = field(init=False)
    _over: threading.Event = field(init=False, default_factory=threading.Event)
    _thread: threading.Thread = field(init=False)

    def start(self) -> None:
        """Start the killer's thread."""
        self._people = self.stack.people()
        self._thread = threading.Thread(target=self._work, name="killer", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Make no more kills, because the run has ended."""
        self._over.set()
        self._thread.join()
        self._people.control("DELETE", "faults")
        self._people.close()

    def _work(self) -> None:
        for kill in self.kills:
            if self._moment(kill):
                self.hits.append(Hit(kill, self._strike(kill)))

    def _moment(self, kill: Kill) -> bool:
        """Wait for the moment of the kill; return False if the run ended first."""
        if kill.question is not None:
            return self._question(kill.question)
        if kill.effect is None:
            return not self._over.wait(kill.pause)
        self._people.control("POST", "faults", kill.fault())
        until = time.monotonic() + NOT_REACHED_S
        while self._people.control("GET", "faults")["items"]:
            if self._over.wait(POLL_S) or time.monotonic() > until:
                return False
        time.sleep(HOLD_S / 5)  # a call whose answer will be lost has been carried out by now
        return True

    def _question(self, question: Question) -> bool:
        """Wait until the relay holds the question; return False if the run ended first."""
        if self.relay is None:
            raise ValueError("a question for the lease needs the relay")
        self.relay.arm(question)
        until = time.monotonic() + NOT_REACHED_S
        while not self.relay.reached.wait(POLL_S):
            if self._over.is_set() or time.monotonic() > until:
                self.relay.let_go()
                return False
        return True

    def _strike(self, kill: Kill) -> float | None:
        leader, port = self.stack.processes["worker"].running, self.stack.ports.redis
        workers = at_work(leader.pid, port) if leader else set()
        if kill.victim in {Victim.ALL, Victim.HOST}:
            self.stack.kill("worker", signal.SIGKILL, whole=True)
            died = time.time()
            self.stack.processes["worker"].stop()
            self._replace(kill)
        else:
            for pid in workers:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            died = time.time()
        return self._until_work(kill, died) if workers else 0.0

    def _replace(self, kill: Kill) -> None:
        """Start the killed worker again, or start a worker of another host."""
        if kill.victim in HERE:
            self.stack.start("worker")
        else:
            self.stack.start_second()

    def _until_work(self, kill: Kill, died: float) -> float | None:
        """Return the seconds until the interrupted call begins again.

        The result is None if the call does not begin again, and 0.0 if the run ended first. For a
        kill at any time, any call counts.
        """
        while time.time() - died < LONGEST_S:
            calls = self._people.control("GET", "calls")["items"]
            begun = [
                start
                for call in calls
                if (start := _start(call)) > died + ON_ITS_WAY_S and _is_work(call, kill)
            ]
            if begun:
                return min(begun) - died
            if self._over.wait(POLL_S * 2):
                return 0.0  # the end state is judged separately
        return None


@dataclass(slots=True)
class Pauser(Killer):
    """Killer that stops a worker instead of killing it, for longer than the worker's lease.

    Another host goes on with the run. With ``thaws`` the pauser lets the stopped worker go on by
    itself, in the middle of the run.
    """

    thaws: bool = False
    stopped: threading.Event = field(init=False, default_factory=threading.Event)
    _at: float = field(init=False, default=0.0)
    _jobs: set[bytes] = field(init=False, default_factory=set)

    def thaw(self) -> None:
        """Let the stopped worker run again, and wait until its jobs have ended."""
        if not self.stopped.is_set():
            return
        time.sleep(max(0.0, self._at + LONGER_THAN_LEASE_S - time.monotonic()))
        if self.relay is not None:
            self.relay.let_go()
            time.sleep(ON_ITS_WAY_S)  # the worker finds the answer when it goes on
        self.stack.kill("worker", signal.SIGCONT, whole=True)
        until = time.monotonic() + JOBS_END_S
        while self._jobs & jobs_begun(self.stack.ports.redis) and time.monotonic() < until:
            time.sleep(POLL_S)
        time.sleep(HOLD_S)  # a call that they have sent is carried out by now

    def _strike(self, kill: Kill) -> float | None:
        self._jobs = jobs_begun(self.stack.ports.redis)
        self.stack.kill("worker", signal.SIGSTOP, whole=True)
        self._at, stopped = time.monotonic(), time.time()
        self._replace(kill)
        self.stopped.set()
        seconds = self._until_work(kill, stopped) if self._jobs else 0.0
        if self.thaws:
            self.thaw()
        return seconds


def _is_work(call: dict[str, Any], kill: Kill) -> bool:
    path, changes = str(call["path"]), kill.effect is None or kill.effect.changes
    draws = call["method"] in {"POST", "PUT"} and path.startswith(CARDS)
    if kill.effect is None:
        return draws or path.startswith(MICROSOFT)
    return path.startswith(MICROSOFT) if changes else draws or path.startswith(kill.effect.prefix)


def _start(call: dict[str, Any]) -> float:
    return datetime.fromisoformat(call["at"]).timestamp() - float(call["seconds"])
