from __future__ import annotations

import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

from redis import Redis
from rq import Worker
from rq.job import Job

from bot.events import handler
from bot.processes.worker import FEW, MORE, queues_of, wait_for_redis
from bot.queue import CARDS, NAME, RUNS, WATCH, make_queue
from bot.queue.events import EventQueue, WebhookEvent
from bot.settings import BotSettings
from jobs.clock import now
from jobs.storage import generation, keys
from tests.fixtures.waiting import LIMIT_S, until


def a_while_ago() -> str:
    """Return a time so long ago that Webex would show its events by now."""
    return (now() - handler.API_LAG).isoformat()


def test_a_worker_leaves_data_of_a_newer_layout(
    worker: subprocess.Popen[bytes], redis: Redis, webex_script: Any
):
    """A worker ends with exit code 2 once a newer version has changed the layout.

    An event of that time is left for the newer version's workers.
    """
    until(lambda: len(Worker.all(connection=redis)) == len(FEW))
    redis.set(keys.schema(), generation.LAYOUT + 1)
    EventQueue(redis).add(WebhookEvent("messages", "newer", "ann", "room", a_while_ago()))
    assert worker.wait(LIMIT_S) == 2
    assert ("GET", "/messages/newer", None) not in webex_script.asked
    assert redis.zcard(keys.due()) == 1


def test_a_worker_registers_webhooks_takes_events_and_stops(
    worker: subprocess.Popen[bytes], redis: Redis, webex_script: Any
):
    """A worker starts a process for each list of queues, registers three webhooks and ends with 0.

    Meanwhile it handles an event, whose message is fetched from Webex. SIGTERM ends the worker.
    """
    until(lambda: len(Worker.all(connection=redis)) == len(FEW))
    until(lambda: sum(method == "POST" for method, _, _ in webex_script.asked) == 3)
    EventQueue(redis).add(WebhookEvent("messages", "gone", "ann", "room", a_while_ago()))
    until(lambda: ("GET", "/messages/gone", None) in webex_script.asked)
    until(lambda: redis.zcard(keys.due()) == 0)
    worker.terminate()
    assert (worker.wait(LIMIT_S), Worker.all(connection=redis)) == (0, [])


def test_a_webex_that_hangs_holds_up_no_run(
    worker: subprocess.Popen[bytes], redis: Redis, webex_script: Any, reply: Any
):
    """A run is carried on at once while many events wait for Webex.

    There are more of these events than worker processes.
    """
    until(lambda: len(Worker.all(connection=redis)) == len(FEW))
    goes_on = threading.Event()
    for number in range(9):
        webex_script.on("GET", f"/messages/m{number}", reply(404, {}, after=goes_on))
        EventQueue(redis).add(WebhookEvent("messages", f"m{number}", "ann", "room", ""))
    until(lambda: redis.hlen(keys.locks_held()) == 1)
    run = make_queue(redis, RUNS).enqueue("jobs.advance.advance", "no-such-run", result_ttl=0)
    until(lambda: not Job.exists(run.id, connection=redis))
    assert sum(each.startswith(b"event:") for each in redis.hkeys(keys.locks_held())) == 1
    goes_on.set()


def test_an_event_comes_again_by_itself(
    worker: subprocess.Popen[bytes], redis: Redis, webex_script: Any, reply: Any
):
    """An event that Webex puts off is handed out again when Webex said, and not before."""
    webex_script.on("GET", "/messages/late", reply(429, {}, {"Retry-After": "4"}), reply(404, {}))
    arrived = WebhookEvent("messages", "late", "ann", "", a_while_ago())
    began = time.monotonic()
    EventQueue(redis).add(arrived)
    until(lambda: ("GET", "/messages/late", None) in webex_script.asked)
    until(lambda: redis.get(keys.event(arrived.key)) == b"")
    assert time.monotonic() - began > 4


def test_who_takes_what():
    """One RQ worker takes runs and no commands, and one takes commands and no runs.

    The first also watches channels; from four workers on that is the work of another. Each further
    worker takes commands, runs and cards.
    """
    assert queues_of(2) == ((RUNS, WATCH), (NAME, CARDS))
    assert queues_of(3) == (*queues_of(2), MORE)
    assert queues_of(4) == ((RUNS,), (NAME, CARDS), (WATCH,), MORE)
    assert queues_of(6) == (*queues_of(4), MORE, MORE)
    assert MORE == (NAME, RUNS, CARDS)


def test_a_job_is_told_of_sigterm(redis: Redis, settings: BotSettings, tmp_path: Path):
    """A job learns of SIGTERM at once and ends by itself, long before it would be killed."""
    (tmp_path / "probe.py").write_text(PROBE, encoding="utf-8")
    worker = subprocess.Popen(  # noqa: S603  our own command line
        [sys.executable, "-c", PROBING, settings.redis_url, str(tmp_path)],
        stderr=subprocess.DEVNULL,
    )
    job = make_queue(redis, RUNS).enqueue("probe.job", str(tmp_path))
    until((tmp_path / "began").exists)
    worker.terminate()
    assert (worker.wait(LIMIT_S), (tmp_path / "told").exists()) == (0, True)
    assert not Job.exists(job.id, connection=redis)


PROBE = """
import time
from pathlib import Path

def job(folder):
    (Path(folder) / "began").touch()
    for _ in range(400):
        time.sleep(0.05)
        if shutdown.requested():
            (Path(folder) / "told").touch()
            return
"""
PROBING = """
import sys
sys.path.insert(0, sys.argv[2])
from bot import queue
from bot.processes import worker
from jobs.runtime import Shutdown
import probe
queue.ALLOWED, probe.shutdown = frozenset({"probe.job"}), Shutdown()
sys.exit(worker.work(sys.argv[1], (queue.RUNS,), probe.shutdown))
"""


def test_a_worker_waits_for_redis(free_port: int):
    """A worker that starts before Redis waits for it and then connects."""
    server = subprocess.Popen([sys.executable, "-c", LATE.format(port=free_port)])  # noqa: S603  our own
    assert wait_for_redis(f"redis://127.0.0.1:{free_port}/0").ping()
    server.terminate()
    server.wait()


LATE = """
import tempfile, time
from pathlib import Path
from bot.processes import redis_server
time.sleep(1)
redis_server.main({port}, Path(tempfile.mkdtemp()))
"""
