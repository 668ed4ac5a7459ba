"""Event whose worker is killed."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator

import pytest
from redis import Redis

from bot.processes.worker import Dispatcher
from bot.queue.events import EventQueue, PendingEvent, WebhookEvent
from bot.services import Services
from jobs.storage import keys

EVENT = WebhookEvent("messages", "m1", "anna", "room-1")
WORKER = """
import sys
from redis import Redis
from bot.queue.events import EventQueue
def handle(pending):
    print("begun", flush=True)
    sys.stdin.read()
EventQueue(Redis.from_url(sys.argv[1])).process(sys.argv[2], handle)
"""


@pytest.fixture
def events(redis: Redis) -> EventQueue:
    """Queue with one event that has just arrived."""
    made = EventQueue(redis)
    assert made.add(EVENT)
    return made


@pytest.fixture
def worker(events: EventQueue, redis_url: str) -> Iterator[subprocess.Popen[bytes]]:
    """Worker process that has begun to handle the event."""
    line = [sys.executable, "-c", WORKER, redis_url, EVENT.key]
    process = subprocess.Popen(line, stdin=subprocess.PIPE, stdout=subprocess.PIPE)  # noqa: S603  our own
    assert process.stdout is not None
    assert process.stdout.readline() == b"begun\n"
    yield process
    process.kill()
    process.communicate()


def test_an_event_that_a_worker_died_with_comes_back(
    services: Services, events: EventQueue, worker: subprocess.Popen[bytes], redis: Redis
):
    """An event of a killed worker is handed out again at once, and not while the worker lives."""
    handled, dispatcher = list[PendingEvent](), Dispatcher(services)
    events.bell.queue.empty()
    dispatcher.dispatch_due()
    events.process(EVENT.key, handled.append)
    assert (events.bell.queue.jobs, handled) == ([], [])
    worker.kill()
    worker.wait()
    dispatcher.recover()
    assert [job.args for job in events.bell.queue.get_jobs()] == [[EVENT.key]]
    events.process(EVENT.key, handled.append)
    assert ([each.begun for each in handled], redis.get(keys.event(EVENT.key))) == ([2], b"")
