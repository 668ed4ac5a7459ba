"""Log of a real worker: silent while nothing happens, and one line for each thing that happens.

Each line has the ids that belong to it.
"""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from redis import Redis
from rq import Worker

from bot.processes.worker import FEW
from bot.queue.events import EventQueue, WebhookEvent
from jobs.storage import keys
from jobs.storage.counters import EVENTS_HANDLED, read
from tests.fixtures.waiting import until
from tests.processes.test_worker import a_while_ago

ROUNDS = 3
Lines = Callable[[], list[dict[str, Any]]]


@pytest.fixture
def lines(
    worker: subprocess.Popen[bytes], redis: Redis, webex_script: Any, tmp_path: Path
) -> Lines:
    """Return a function that returns the lines so far of a real worker's log.

    The worker's webhooks are in order.
    """
    until(lambda: len(Worker.all(connection=redis)) == len(FEW), "the worker")
    until(lambda: sum(method == "POST" for method, _, _ in webex_script.asked) == 3)
    log = tmp_path / "worker.log"
    return lambda: [json.loads(line) for line in log.read_text("utf-8").splitlines()]


def beats(redis: Redis) -> dict[str, str]:
    """Return the last sign of life of each RQ worker, which comes with every round of waiting."""
    return {each.name: str(each.last_heartbeat) for each in Worker.all(connection=redis)}


def test_an_idle_worker_says_nothing(lines: Lines, redis: Redis):
    """A worker that waits for three rounds writes no line after its start.

    RQ itself writes none at all.
    """
    until(lambda: {"webhooks", "data"} <= {each["event"] for each in lines()})
    before = lines()
    for _ in range(ROUNDS):
        last = beats(redis)
        until(lambda: all(beats(redis)[name] != beat for name, beat in last.items()), "a round")  # noqa: B023  called at once
    assert lines() == before
    assert len(before) <= 5
    assert {each["logger"].split(".")[0] for each in before} <= {"bot", "jobs"}


def test_an_event_is_one_line_with_its_ids(lines: Lines, redis: Redis):
    """An event makes one log line with the event, the job and the result.

    The counts are in Redis when the job has ended.
    """
    event = WebhookEvent("messages", "gone", "ann", "room", a_while_ago())
    EventQueue(redis).add(event)
    until(lambda: redis.zcard(keys.due()) == 0)
    until(lambda: read(redis).get(f"{EVENTS_HANDLED.name}|done") == 1, "the counts")
    own = [each for each in lines() if each["logger"].startswith("bot.")]
    told = [each for each in own if each.get("event_id") == event.key]
    assert [each["event"] for each in told] == ["event about something that is gone"]
    assert told[0]["job"]
    assert read(redis)["call_seconds|webex|refused|ms"] >= 0
