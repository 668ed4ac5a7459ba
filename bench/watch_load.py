"""Load of the watch: calls, refusals and seconds of a round, with the worker's own rounds.

Real: the rounds, the looks and the calls, against the practice cloud with Microsoft's limits. Scaled:
WATCH_LOAD channels are looked at, and the seconds of 500 follow from them, because a round's work
grows with the channels and tenants and nothing else.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time

from redis import Redis

from bench.crowd import encryption_keys, fill
from bench.everything import SETTINGS, TOO_MANY
from bench.table import table, verdict
from jobs.clock import now
from jobs.model import Channel, Person
from jobs.runs.channel_index import ChannelIndex
from jobs.storage.mac import Authenticator
from jobs.watch.incident_store import IncidentStore
from jobs.watch.model import WatchedChannel
from jobs.watch.watch_store import WatchStore
from practice.actors import REQUESTER
from practice.environment import ROOT
from practice.stack import Stack

ALL, TENANTS, INTERVAL_S = 500, 20, 900
USUAL = 100
MOST_BUSY = 0.3
ROUNDS = 2
"""Rounds that are measured. The first one reads what a later one knows."""


def main() -> bool:
    """Look at the channels with one worker, twice, and return whether the targets are met."""
    channels = int(os.environ.get("WATCH_LOAD", str(USUAL)))
    tenants = max(1, channels * TENANTS // ALL)
    with Stack(practice=SETTINGS) as stack:
        people = stack.people()
        room = str(
            people.control("POST", "webex/space", {"name": "Load", "members": [REQUESTER]})["id"]
        )
        boxes = [f"box{number}@load{number % tenants}.example" for number in range(channels)]
        fill(stack, people, room, boxes)
        stack.kill("worker")  # the rounds below are the only ones
        with Redis(port=stack.ports.redis) as redis:
            groups = _watch(stack, redis, room, boxes)
            rows = [_round(stack, redis, people, groups, boxes) for _ in range(ROUNDS)]
        people.close()
    return _show(rows, channels, tenants)


def _watch(stack: Stack, redis: Redis, room: str, boxes: list[str]) -> list[str]:
    """Watch the channels, and return the names of their groups."""
    own = Authenticator(encryption_keys(stack))
    store, index = WatchStore(redis, own), ChannelIndex(redis, own)
    person = Person("load", REQUESTER)
    for box in boxes:
        record = index.record(box)
        channel = record.channel if record else Channel(box)
        store.save(WatchedChannel(channel, room, person, now(), INTERVAL_S))
    return sorted({each.group for each in store.all()})


def _round(
    stack: Stack,
    redis: Redis,
    people: object,
    groups: list[str],
    boxes: list[str],
) -> dict[str, float]:
    """Have one process do a round of every group, and return its figures."""
    incidents = IncidentStore(redis, Authenticator(encryption_keys(stack)))
    for box in boxes:
        incidents.look_soon(box)
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
    sights = [incidents.state(box).last for box in boxes]
    return {
        "looked": sum(each is not None for each in sights),
        "healthy": sum(each is not None and each.sight == "healthy" for each in sights),
        "calls": len(items),
        "refused": sum(each["status"] == TOO_MANY for each in items),
        "seconds": looking_s,
        "cpu": cpu_s,
        "whole": time.monotonic() - began,
    }


def _show(rows: list[dict[str, float]], channels: int, tenants: int) -> bool:
    head = ("round", "looked at", "healthy", "calls", "calls a channel", "429", "s", "CPU s")
    table(
        f"{channels} channels in {tenants} tenants, one worker, one tenant after the other",
        head,
        [
            (
                number,
                each["looked"],
                each["healthy"],
                each["calls"],
                each["calls"] / channels,
                each["refused"],
                each["seconds"],
                each["cpu"],
            )
            for number, each in enumerate(rows, 1)
        ],
    )
    last = rows[-1]
    busy = last["seconds"] * ALL / channels / INTERVAL_S
    cpu = last["cpu"] * ALL / channels / INTERVAL_S
    return all(
        [  # every line is printed
            verdict(
                f"{int(sum(each['refused'] for each in rows))} answers were 429",
                not any(each["refused"] for each in rows),
            ),
            verdict(
                f"every channel was looked at: {int(last['looked'])} of {channels}",
                last["looked"] == channels,
            ),
            verdict(
                f"{ALL} channels in {TENANTS} tenants every {INTERVAL_S // 60} minutes, scaled from"
                f" {channels}: a worker is busy {busy:.0%} of the time, of it {cpu:.0%} on a core"
                f" (asked: less than {MOST_BUSY:.0%})",
                busy < MOST_BUSY,
            ),
        ]
    )
