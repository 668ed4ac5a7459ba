"""Jobs and events that workers in processes of their own take, are killed with, or must not run."""

import os
import subprocess
import sys

import pytest

from bot.processes.worker import dispatch_due, recover
from bot.queue import EventQueue, PendingEvent, WebhookEvent
from jobs.storage import keys
from tests.fixtures.waiting import ran

EVERYTHING = """
import sys
from bot.queue import SafeJob, connect, make_queue
from bot.processes import worker
from jobs.clock import now
from jobs.model import Channel, Person
from jobs.runs.run import Origin
from jobs.runs.run_store import RunStore
from jobs.storage.locks import LockKind, LockName, renewed_lock
url = sys.argv[1]
redis = connect(url)
store = RunStore(redis)
run = store.open(Channel("support@contoso.com"), Person("p", "anna@contoso.com"), Origin("r", message="m"))
make_queue(redis).enqueue("bot.events.handler.receive", resource="none", result_ttl=600, failure_ttl=600)
with renewed_lock(redis, LockName(LockKind.RUN, run.id), 60):
    worker.work(url, burst=True)
"""


def test_nothing_lies_outside_the_prefix(redis, redis_url):
    """Every Redis key of a run, a lock, a finished job and RQ begins with REDIS_PREFIX."""
    env = {**os.environ, "REDIS_PREFIX": "second-bot:"}
    ran(sys.executable, "-c", EVERYTHING, redis_url, env=env, check=True)
    found = set(redis.scan_iter())
    assert {b"second-bot:due", b"second-bot:audit:head", b"second-bot:rq:queues"} <= found
    assert {key for key in found if not key.startswith(b"second-bot:")} == set()


EVENT = WebhookEvent("messages", "m1", "anna", "room-1")
WORKER = """
import sys
from redis import Redis
from bot.queue import EventQueue
def handle(pending):
    print("begun", flush=True)
    sys.stdin.read()
EventQueue(Redis.from_url(sys.argv[1])).process(sys.argv[2], handle)
"""


@pytest.fixture
def events(redis):
    """Queue with one event that has just arrived."""
    made = EventQueue(redis)
    assert made.add(EVENT)
    return made


@pytest.fixture
def worker(spawn, events, redis_url):
    """Worker process that has begun to handle the event."""
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    process = spawn("-c", WORKER, redis_url, EVENT.key, **pipes)
    assert process.stdout.readline() == b"begun\n"
    return process


def test_an_event_that_a_worker_died_with_comes_back(services, events, worker, redis):
    """An event of a killed worker is handed out again at once, and not while the worker lives."""
    handled = list[PendingEvent]()
    events.bell.queue.empty()
    dispatch_due(services.redis)
    events.process(EVENT.key, handled.append)
    assert (events.bell.queue.jobs, handled) == ([], [])
    worker.kill()
    worker.wait()
    recover(services)
    assert [job.args for job in events.bell.queue.get_jobs()] == [[EVENT.key]]
    events.process(EVENT.key, handled.append)
    assert ([each.begun for each in handled], redis.get(keys.event(EVENT.key))) == ([2], b"")
