"""Recovery from a worker killed during a step: the seconds until the run continues.

Two cases are measured. In the first, a worker process and the process of its job are killed
(SIGKILL) under a supervisor that stays alive. In the second, everything of ``python -m bot worker``
is killed and started again, as a platform does. The baseline is RQ's own default, which notices a
dead worker's job after 808 s; that time is not waited for here.
"""

import os
import signal
import time
from collections.abc import Callable

from bench.table import table, verdict
from jobs.runs.run import Event, Kind
from jobs.storage import codec
from practice.actors import REQUESTER
from practice.chaos.killer import at_work
from practice.client import NotSeenError
from practice.scenario import Scenario
from practice.stack import Stack

TARGET_S = 30.0
DEFAULT_S = 808
SLOW_MS = 1500
UNTIL_PLAN = 4
LONGEST_S = 60.0


def main() -> bool:
    """Measure both kinds of death, and return whether the targets are met."""
    rows = [
        ("one worker and its job", _measure(_kill_one), DEFAULT_S),
        ("all, started again", _measure(_kill_all), DEFAULT_S),
    ]
    table(
        "Recovery after SIGKILL, seconds until the run goes on",
        ("killed", "seconds", "RQ's default"),
        rows,
    )
    return all(
        [  # noqa: C419  print every line
            verdict(f"{name}: {seconds:.1f} s, at most {TARGET_S:.0f}", seconds <= TARGET_S)
            for name, seconds, _ in rows
        ]
    )


def _measure(kill: Callable[[Stack], None]) -> float:
    """Approve the plan with slow cloud calls, kill the worker during them, and wait.

    Return the seconds until the run was resumed.
    """
    with Stack() as stack:
        people = stack.people()
        try:
            story = Scenario(people, lambda _: None)
            for _, play in story.scenes()[:UNTIL_PLAN]:
                play()
            people.control("PUT", "settings", {"latency_ms": SLOW_MS})
            people.press(REQUESTER, story.card("a plan card", "approve"), "approve")
            people.until("a step under way", lambda: _happened(stack, Kind.RUNNING), LONGEST_S)
            time.sleep(SLOW_MS / 1000)
            died = time.time()
            kill(stack)
            people.until("the run resumed", lambda: _happened(stack, Kind.RESUMED), LONGEST_S)
            return _happened(stack, Kind.RESUMED) - died
        except NotSeenError:
            return LONGEST_S
        finally:
            people.close()


def _kill_one(stack: Stack) -> None:
    """Kill the worker that has the run."""
    supervisor = stack.processes["worker"].running
    if supervisor is None:
        raise RuntimeError("the worker does not run")
    for pid in at_work(supervisor.pid, stack.ports.redis):
        os.kill(pid, signal.SIGKILL)


def _kill_all(stack: Stack) -> None:
    stack.kill("worker", signal.SIGKILL, whole=True)
    stack.processes["worker"].stop()
    stack.start("worker")


def _happened(stack: Stack, kind: Kind) -> float:
    """Return when an event of this kind first happened in the stack's only run.

    The time is in seconds since the epoch. It is 0 if there is no such event.
    """
    with stack.redis() as redis:
        keys = [key for key in redis.scan_iter("run:*:events") if isinstance(key, bytes)]
        events = [codec.load(raw, Event) for key in keys for raw in redis.lrange(key, 0, -1)]
    return next((event.at.timestamp() for event in events if event.kind is kind), 0.0)
