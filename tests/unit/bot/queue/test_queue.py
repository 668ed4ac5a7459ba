from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from redis import Redis
from rq.job import Job

from bot.queue import ADVANCE, ALLOWED, Doorbell, NotAllowedError, SafeJob, make_queue

BURST = "import sys; from bot.processes.worker import work; sys.exit(work(sys.argv[1], burst=True))"


def run_worker(redis_url: str) -> None:
    """A real worker, in a process of its own, until the queue is empty."""
    subprocess.run([sys.executable, "-c", BURST, redis_url], check=True, timeout=60, capture_output=True)  # noqa: S603  our own


def fetched(job: Job, redis: Redis) -> SafeJob:
    """A job as it is now."""
    found: SafeJob = SafeJob.fetch(job.id, connection=redis, serializer="json")
    return found


@pytest.mark.parametrize("function", ["os.system", "builtins.exec", "bot.events.handler.receive.__globals__", "subprocess.run"])
def test_only_listed_functions_run(redis: Redis, redis_url: str, tmp_path: Path, function: str):
    """Whoever can write to Redis cannot make the worker run a function of his choice."""
    trace = tmp_path / "trace"
    job = make_queue(redis).enqueue_call(function, args=(f"touch {trace}",))
    run_worker(redis_url)
    result = fetched(job, redis).latest_result()
    assert (result is not None and "NotAllowedError" in str(result.exc_string), trace.exists()) == (True, False)


def test_a_callback_is_a_function_too(redis: Redis):
    """A job that brings a callback, which would be called by its name, is refused."""
    job = make_queue(redis).create_job("bot.events.handler.receive")
    job._success_callback_name = job._failure_callback_name = job._stopped_callback_name = "os.system"  # noqa: SLF001  what an intruder writes
    for name in ("success_callback", "failure_callback", "stopped_callback"):
        with pytest.raises(NotAllowedError):
            getattr(job, name)


def test_a_job_without_callbacks_is_fine(redis: Redis):
    """No callback is no offence."""
    job = make_queue(redis).create_job("bot.events.handler.receive")
    assert (job.success_callback, job.failure_callback, job.stopped_callback) == (None, None, None)


def test_arguments_are_json(redis: Redis):
    """No pickle: what cannot be written as JSON is refused when it is enqueued."""
    with pytest.raises(TypeError):
        make_queue(redis).enqueue_call("jobs.advance.advance", args=(object(),))
    job = make_queue(redis).enqueue_call("jobs.advance.advance", args=("run-1",))
    assert (job.data[:1], job.func_name in ALLOWED) == (b"[", True)


def test_the_doorbell_calls_a_function_with_an_id(redis: Redis):
    """And nothing else; a job that fails is kept for an hour."""
    queue = make_queue(redis)
    Doorbell(queue, ADVANCE).ring("run-1")
    (job,) = queue.get_jobs()
    assert (job.func_name, job.args, job.kwargs, job.result_ttl, job.failure_ttl) == (ADVANCE, ["run-1"], {}, 0, 3600)
