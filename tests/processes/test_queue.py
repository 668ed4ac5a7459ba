"""Jobs that a worker in a process of its own takes from the queue."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from redis import Redis
from rq.job import Job

from bot.queue import SafeJob, make_queue
from tests.fixtures.waiting import LIMIT_S

BURST = "import sys; from bot.processes.worker import work; sys.exit(work(sys.argv[1], burst=True))"


def run_worker(redis_url: str) -> None:
    """Run a real worker in a process of its own until the queue is empty."""
    subprocess.run(  # noqa: S603  our own
        [sys.executable, "-c", BURST, redis_url], check=True, timeout=LIMIT_S, capture_output=True
    )


def fetched(job: Job, redis: Redis) -> SafeJob:
    """Return the job in its present state."""
    found: SafeJob = SafeJob.fetch(job.id, connection=redis, serializer="json")
    return found


@pytest.mark.parametrize(
    "function",
    ["os.system", "builtins.exec", "bot.events.handler.receive.__globals__", "subprocess.run"],
)
def test_only_listed_functions_run(redis: Redis, redis_url: str, tmp_path: Path, function: str):
    """Write access to Redis cannot make the worker run a function of the attacker's choice."""
    trace = tmp_path / "trace"
    job = make_queue(redis).enqueue_call(function, args=(f"touch {trace}",))
    run_worker(redis_url)
    result = fetched(job, redis).latest_result()
    assert (result is not None and "NotAllowedError" in str(result.exc_string), trace.exists()) == (
        True,
        False,
    )
