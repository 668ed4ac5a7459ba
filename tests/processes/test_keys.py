"""Names of the Redis keys of a whole worker."""

from __future__ import annotations

import os
import subprocess
import sys

from redis import Redis

from tests.fixtures.waiting import LIMIT_S

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


def test_nothing_lies_outside_the_prefix(redis: Redis, redis_url: str):
    """Every Redis key of a run, a lock, a finished job and RQ begins with REDIS_PREFIX."""
    line = [sys.executable, "-c", EVERYTHING, redis_url]
    env = {**os.environ, "REDIS_PREFIX": "second-bot:"}
    subprocess.run(line, env=env, timeout=LIMIT_S, check=True)  # noqa: S603  our own
    found = set(redis.scan_iter())
    assert {b"second-bot:due", b"second-bot:audit:head", b"second-bot:rq:queues"} <= found
    assert {key for key in found if not key.startswith(b"second-bot:")} == set()
