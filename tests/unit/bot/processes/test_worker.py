import asyncio
import contextvars
import subprocess
import sys
import threading
from contextlib import suppress

import pytest
import structlog
from rq import Worker
from rq.job import Job

from adaptive_cards import locale
from bot import queue
from bot.processes import worker as processes
from bot.processes.worker import BotWorker
from bot.queue import SERIALIZER, SafeJob, make_queue
from jobs.clouds import http
from jobs.runtime import Shutdown

PERSON: contextvars.ContextVar[str] = contextvars.ContextVar("person", default="")
seen: list[object] = []


def leave_traces(person: str) -> None:
    """Note what is left of the job before, and leave as much as a job can."""
    http.run_job(_leave_traces(person))
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
def worker(redis, monkeypatch):
    """Worker of one queue whose jobs are the functions of this module."""
    names = {f"{__name__}.{each.__name__}" for each in (leave_traces, fail, hang)}
    monkeypatch.setattr(queue, "ALLOWED", frozenset(names))
    monkeypatch.setitem(sys.modules, __name__, sys.modules[leave_traces.__module__])
    seen.clear()
    http.keep_loop()
    yield BotWorker([make_queue(redis)], connection=redis, job_class=SafeJob, serializer=SERIALIZER)
    if kept := http._kept.get():  # noqa: SLF001  the worker's process would end here
        kept.runner.close()
    http._kept.set(None)  # noqa: SLF001


def do(worker: BotWorker, function: str, *arguments: str, seconds: int = 900) -> Job:
    """Run one job as the worker does after it has dequeued it."""
    name = f"{__name__}.{function}"
    job = make_queue(worker.connection).enqueue_call(name, args=arguments, timeout=seconds)
    worker.execute_job(job, worker.queues[0])
    return job


def test_two_peoples_jobs_after_one_another(worker):
    """A job sees no context, no language, no log context and no task of the job before."""
    do(worker, "leave_traces", "ann")
    left = seen.pop(1)
    do(worker, "leave_traces", "bob")
    assert seen == [(1, ""), ("", "en", None)] * 2
    assert isinstance(left, asyncio.Task)
    assert left.cancelled()


@pytest.mark.parametrize(
    ("function", "seconds", "error"),
    [
        ("fail", 900, "this job fails"),
        pytest.param("hang", 1, "maximum timeout value (1 seconds)", marks=pytest.mark.slow),
    ],
)
def test_a_job_that_failed_or_hangs(worker, function, seconds, error):
    """A job that fails or takes too long is kept with its error, and the worker takes the next."""
    failed = do(worker, function, seconds=seconds)
    done = do(worker, "leave_traces", "bob")
    result = failed.latest_result()
    assert error in str(result and result.exc_string)
    assert (len(seen), Job.exists(done.id, connection=worker.connection)) == (2, False)


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
from bot.processes import worker as processes
from bot.processes.worker import BotWorker
processes.HUNG_S, processes.generation.layout_problem = 1, lambda _: ""
worker = BotWorker.__new__(BotWorker)
worker.connection = None
worker.stopping = processes.runtime.Shutdown()
worker._perform = lambda job, queue: re.match("(a+)+$", "a" * 60 + "b")
worker.execute_job(SimpleNamespace(timeout=1), None)
"""


def test_after_sigterm_no_job_begins(worker):
    """A job that was dequeued as SIGTERM came is left to another worker."""
    worker.stopping = Shutdown()
    worker.handle_warm_shutdown_request()
    with suppress(processes.StopRequested):
        do(worker, "leave_traces", "ann")
    assert seen == []


@pytest.mark.parametrize(("name", "most"), [("MOST_MIB", 0), ("MOST_JOBS", 1)])
def test_a_worker_is_replaced(worker, monkeypatch, name, most):
    """A worker ends between two jobs after many of them, or once it has taken much memory."""
    monkeypatch.setattr(processes, name, most)
    worker.jobs_left = processes.MOST_JOBS
    do(worker, "leave_traces", "ann")
    assert worker._stop_requested  # noqa: SLF001
    assert len(seen) == 3


def test_signs_of_life(worker, monkeypatch):
    """A worker says that it lives while its job goes on, and after Redis has lost its data."""
    monkeypatch.setattr(processes, "BEAT_S", 0.01)
    worker.register_birth()
    worker.connection.flushall()
    worker.subscribe()
    try:
        while not (lives := Worker.all(connection=worker.connection)):
            pass
    finally:
        worker.unsubscribe()
    assert [each.name for each in lives] == [worker.name]


PRELOADED = """
import sys, tomllib
from bot.processes import worker
worker.preload()
before = set(sys.modules)

def fail(*_arguments, **_named):
    raise AssertionError("read again")

tomllib.loads = fail
from adaptive_cards import locale, texts
from bot import commands
for language in locale.languages():
    assert texts.own_text("command.help", language)
assert "setup-email" in commands.by_typed_name()
from webexteamssdk import WebexTeamsAPI
print(sorted(set(sys.modules) - before))
"""


@pytest.mark.slow
def test_the_texts_of_every_language_and_the_sdk_are_there():
    """A worker loads all texts and the SDK before it forks.

    Reading the texts again took more time than the rest of a command.
    """
    line = [sys.executable, "-c", PRELOADED]
    done = subprocess.run(line, capture_output=True, text=True, check=False)  # noqa: S603  our own
    assert (done.stdout.strip(), done.stderr) == ("[]", "")
