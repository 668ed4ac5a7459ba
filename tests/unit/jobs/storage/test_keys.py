"""The names of the keys: each different, all behind one prefix, RQ's among them."""

from __future__ import annotations

import inspect
import os
import subprocess
import sys

import pytest
from redis import Redis

from jobs.storage import keys

FUNCTIONS = [function for _, function in inspect.getmembers(keys, inspect.isfunction) if function.__annotations__.get("return") == "Key"]
EVERYTHING = """
import sys
from bot.queue import SafeJob, connect, make_queue
from bot.processes import worker
from jobs.clock import now
from jobs.model import Channel, Person
from jobs.runs.run_store import RunStore
from jobs.storage.locks import LockKind, LockName, renewed_lock
url = sys.argv[1]
redis = connect(url)
store = RunStore(redis)
run = store.open(Channel("support@contoso.com"), Person("p", "anna@contoso.com"), {"room": "r", "message": "m"})
make_queue(redis).enqueue("bot.events.handler.receive", resource="none", result_ttl=600, failure_ttl=600)
with renewed_lock(redis, LockName(LockKind.RUN, run.id), 60):
    worker.work(url, burst=True)
"""


def arguments(function: object) -> list[str]:
    """A value for each parameter, and its name at that."""
    return [f"<{name}>" for name in inspect.signature(function).parameters]  # type: ignore[arg-type]  # a function


def test_each_key_has_a_name_of_its_own(monkeypatch: pytest.MonkeyPatch):
    """No two functions give the same name, whatever they are asked for, and each begins with the prefix."""
    plain = [function(*arguments(function)) for function in FUNCTIONS if function.__name__ != "_key"]
    monkeypatch.setattr(keys, "PREFIX", "bot-1:")
    assert len(set(plain)) == len(plain) > 40
    assert [function(*arguments(function)) for function in FUNCTIONS if function.__name__ != "_key"] == [f"bot-1:{key}" for key in plain]


@pytest.mark.parametrize(("text", "good"), [("", True), ("Bot-1:a_b:", True), ("bot*", False), ("two words", False), ("é", False)])
def test_what_a_prefix_may_hold(text: str, good: bool):  # noqa: FBT001  a table's column
    """Letters, digits, colons, hyphens and underscores: nothing that a pattern or RQ's templates would read in their own way."""
    assert keys.is_prefix(text) is good


def test_nothing_lies_outside_the_prefix(redis: Redis, redis_url: str):
    """A run, a lock, and a job that a worker has carried out: every key of theirs, and of RQ, begins with it."""
    line = [sys.executable, "-c", EVERYTHING, redis_url]
    env = {**os.environ, "REDIS_PREFIX": "second-bot:"}
    subprocess.run(line, env=env, timeout=60, check=True)  # noqa: S603  our own
    found = set(redis.scan_iter())
    assert {b"second-bot:runs:due", b"second-bot:audit:head", b"second-bot:rq:queues"} <= found
    assert {key for key in found if not key.startswith(b"second-bot:")} == set()
