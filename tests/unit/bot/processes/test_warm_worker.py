from __future__ import annotations

import asyncio
import contextvars
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import suppress

import pytest
import structlog
from redis import Redis
from rq import Worker
from rq.job import Job

from adaptive_cards import locale
from bot import queue
from bot.processes import warm_worker
from bot.processes.warm_worker import BotWorker
from bot.queue import SERIALIZER, SafeJob, make_queue
from jobs.clouds import warm_loop
from jobs.runtime import Shutdown

PERSON: contextvars.ContextVar[str] = contextvars.ContextVar("person", default="")
seen: list[object] = []


def leave_traces(person: str) -> None:
    """Note what is left of the job before, and leave as much as a job can."""
    warm_loop.run(_leave_traces(person))
    bound = structlog.contextvars.get_contextvars().get("person")
    seen.append((PERSON.get(), locale.current().language, bound))
    PERSON.set(person)
    structlog.contextvars.bind_contextvars(person=person)
    locale.drawn_for(locale.Locale("de")).__enter__()


async def _leave_traces(person: str) -> None:
    seen.append((len(asyncio.all_tasks()), PERSON.get()))
    PERSON.set(person)
    if person == "ann":
        seen.append(asyncio.create_task(asyncio.sleep(3600)))


def fail() -> None:
    """Fail."""
    raise ValueError("this job fails")


def hang() -> None:
    """Wait longer than the job may take."""
    threading.Event().wait(60)


@pytest.fixture
def worker(redis: Redis, monkeypatch: pytest.MonkeyPatch) -> Iterator[BotWorker]:
    """Worker of one queue whose jobs are the functions of this module."""
    names = {f"{__name__}.{each.__name__}" for each in (leave_traces, fail, hang)}
    monkeypatch.setattr(queue, "ALLOWED", frozenset(names))
    monkeypatch.setitem(sys.modules, __name__, sys.modules[leave_traces.__module__])
    seen.clear()
    warm_loop.keep()
    yield BotWorker([make_queue(redis)], connection=redis, job_class=SafeJob, serializer=SERIALIZER)
    if kept := warm_loop._kept.get():  # noqa: SLF001  the worker's process would end here
        kept.runner.close()
    warm_loop._kept.set(None)  # noqa: SLF001


def do(worker: BotWorker, function: str, *arguments: str, seconds: int = 900) -> Job:
    """Run one job as the worker does after it has dequeued it."""
    name = f"{__name__}.{function}"
    job = make_queue(worker.connection).enqueue_call(name, args=arguments, timeout=seconds)
    worker.execute_job(job, worker.queues[0])
    return job


def exc_of(job: Job) -> str:
    """Return the error that is kept with a failed job."""
    result = job.latest_result()
    return str(result and result.exc_string)


def test_two_peoples_jobs_after_one_another(worker):
    """A job sees no context, no language, no log context and no task of the job before."""
    do(worker, "leave_traces", "ann")
    left = seen.pop(1)
    do(worker, "leave_traces", "bob")
    assert seen == [(1, ""), ("", "en", None)] * 2
    assert isinstance(left, asyncio.Task)
    assert left.cancelled()


def test_a_job_that_failed(worker):
    """A job that fails is kept with its error, and the worker takes the next one."""
    failed = do(worker, "fail")
    done = do(worker, "leave_traces", "bob")
    assert "this job fails" in exc_of(failed)
    assert not Job.exists(done.id, connection=worker.connection)


@pytest.mark.slow
def test_a_job_that_hangs_ends_at_its_timeout(worker):
    """A job that takes too long fails, and the worker takes the next one."""
    job = do(worker, "hang", seconds=1)
    do(worker, "leave_traces", "bob")
    assert "maximum timeout value (1 seconds)" in exc_of(job)
    assert len(seen) == 2


@pytest.mark.slow
def test_a_job_that_cannot_be_interrupted():
    """A process whose job holds the interpreter ends some time after the job's timeout."""
    ended = subprocess.run(  # noqa: S603  our own command line
        [sys.executable, "-c", STUCK], capture_output=True, text=True, check=False, timeout=60
    )
    assert (ended.returncode, "Timeout" in ended.stderr) == (1, True)


STUCK = """
import re
from types import SimpleNamespace
from bot.processes import warm_worker
from bot.processes.warm_worker import BotWorker
warm_worker.HUNG_S, warm_worker.generation.layout_problem = 1, lambda _: ""
worker = BotWorker.__new__(BotWorker)
worker.connection = None
worker._stopping = warm_worker.Shutdown()
worker._perform = lambda job, queue: re.match("(a+)+$", "a" * 60 + "b")
worker.execute_job(SimpleNamespace(timeout=1), None)
"""


def test_after_sigterm_no_job_begins(worker):
    """A job that was dequeued as SIGTERM came is left to another worker."""
    worker._stopping = Shutdown()  # noqa: SLF001
    worker.handle_warm_shutdown_request()
    with suppress(warm_worker.StopRequested):
        do(worker, "leave_traces", "ann")
    assert seen == []


@pytest.mark.parametrize(("name", "most"), [("MOST_MIB", 0), ("MOST_JOBS", 1)])
def test_a_worker_is_replaced(worker, monkeypatch, name, most):
    """A worker ends between two jobs after many of them, or once it has taken much memory."""
    monkeypatch.setattr(warm_worker, name, most)
    worker._jobs_left = warm_worker.MOST_JOBS  # noqa: SLF001
    do(worker, "leave_traces", "ann")
    assert worker._stop_requested  # noqa: SLF001
    assert len(seen) == 3


def test_signs_of_life(worker, monkeypatch):
    """A worker says that it lives while its job goes on, and after Redis has lost its data."""
    monkeypatch.setattr(warm_worker, "BEAT_S", 0.01)
    worker.register_birth()
    worker.connection.flushall()
    worker.subscribe()
    try:
        while not (lives := Worker.all(connection=worker.connection)):
            pass
    finally:
        worker.unsubscribe()
    assert [each.name for each in lives] == [worker.name]
