"""Load of the watch: calls, refusals and seconds of a round, with the worker's own rounds.

The rounds, the looks and the calls are real, against the practice cloud with Microsoft's limits.
The size is scaled: WATCH_LOAD channels are looked at, 25 in each tenant. A worker looks at ten
tenants side by side, so 20 tenants take twice as long as ten or fewer of the same size. The
processor seconds grow with the channels.
"""

import os
import subprocess
import sys
import time

from redis import Redis

from bench.crowd import encryption_keys, fill
from bench.everything import SETTINGS, TOO_MANY
from bench.table import table, verdict
from jobs.checks.bulk import TENANTS_AT_ONCE
from jobs.clock import now
from jobs.model import Channel, Person
from jobs.runs.run_store import ChannelIndex
from jobs.storage.vault import Authenticator
from jobs.watch.model import WatchedChannel
from jobs.watch.store import Watching
from practice.actors import REQUESTER
from practice.environment import ROOT
from practice.stack import Stack

ALL, TENANTS, INTERVAL_S = 500, 20, 900
USUAL = 100
MOST_BUSY = 0.3


def main() -> bool:
    """Look at all channels once with one worker, and return whether the targets are met.

    A second round right after the first would meet Microsoft's limits because of the first one.
    Real rounds do not, because they are minutes apart.
    """
    channels = int(os.environ.get("WATCH_LOAD", str(USUAL)))
    tenants = max(1, channels * TENANTS // ALL)
    # The copies of these channels go nowhere, so no test mail could become a task.
    with Stack(practice=SETTINGS, env={"WATCH_TEST_MAIL": "0"}) as stack:
        people = stack.people()
        room = str(
            people.control("POST", "webex/space", {"name": "Load", "members": [REQUESTER]})["id"]
        )
        boxes = [f"box{number}@load{number % tenants}.example" for number in range(channels)]
        fill(stack, people, room, boxes)
        stack.kill("worker")  # the rounds below are the only ones
        with stack.redis() as redis:
            groups = _watch(stack, redis, room, boxes)
            found = _round(stack, redis, people, groups, boxes)
        people.close()
    return _show(found, channels, tenants)


def _watch(stack: Stack, redis: Redis, room: str, boxes: list[str]) -> list[str]:
    """Store the channels as watched ones, and return the names of their groups."""
    own = Authenticator(encryption_keys(stack))
    store, index = Watching(redis, own), ChannelIndex(redis, own)
    person = Person("load", REQUESTER)
    for box in boxes:
        record = index.record(box)
        channel = record.channel if record else Channel(box)
        store.save(WatchedChannel(channel, room, person, now(), INTERVAL_S))
    return sorted({each.group for each in store.channels()})


def _round(
    stack: Stack, redis: Redis, people: object, groups: list[str], boxes: list[str]
) -> dict[str, float]:
    """Have one process do a round of every group, and return its figures."""
    watching = Watching(redis, Authenticator(encryption_keys(stack)))
    for box in boxes:
        watching.look_soon(box)
    control = people.control  # type: ignore[attr-defined]  # practice.client.People
    control("POST", "calls/reset")
    began = time.monotonic()
    done = subprocess.run(  # noqa: S603  the project's own module
        [sys.executable, "-m", "bench.watch_rounds", *groups],
        cwd=ROOT,
        env=stack.processes["worker"].env,
        capture_output=True,
        text=True,
        check=True,
    )
    cpu_s, looking_s = map(float, done.stdout.split()[-2:])
    items = control("GET", "calls")["items"]
    sights = [watching.state(box).last for box in boxes]
    return {
        "looked": sum(each is not None for each in sights),
        "healthy": sum(each is not None and each.sight == "healthy" for each in sights),
        "calls": len(items),
        "refused": sum(each["status"] == TOO_MANY for each in items),
        "seconds": looking_s,
        "cpu": cpu_s,
        "whole": time.monotonic() - began,
    }


def _show(found: dict[str, float], channels: int, tenants: int) -> bool:
    head = ("looked at", "healthy", "calls", "calls a channel", "429", "s", "CPU s")
    row = (
        found["looked"],
        found["healthy"],
        found["calls"],
        found["calls"] / channels,
        found["refused"],
        found["seconds"],
        found["cpu"],
    )
    table(f"{channels} channels in {tenants} tenants, all due at once, one worker", head, [row])
    turns = -(-TENANTS // TENANTS_AT_ONCE) / -(-tenants // TENANTS_AT_ONCE)
    busy = found["seconds"] * turns / INTERVAL_S
    cpu = found["cpu"] * ALL / channels / INTERVAL_S
    return all(
        [  # every line is printed
            verdict(f"{int(found['refused'])} answers were 429", not found["refused"]),
            verdict(
                f"every channel was looked at: {int(found['looked'])} of {channels}",
                found["looked"] == channels,
            ),
            verdict(
                f"{ALL} channels in {TENANTS} tenants every {INTERVAL_S // 60} minutes, scaled from"
                f" {channels} in {tenants}: if all are due at once, a worker needs {busy:.0%} of the"
                f" time, {cpu:.0%} on a core and the rest in waiting for Microsoft's limits"
                f" (asked: less than {MOST_BUSY:.0%})",
                busy < MOST_BUSY,
            ),
        ]
    )
