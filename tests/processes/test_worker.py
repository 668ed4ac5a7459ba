"""Real worker: what it takes, when it ends, what its check says, and the lines of its log."""

import json
import os
import signal
import subprocess
import threading
import time

import pytest
from rq import Worker
from rq.job import Job

from bot import queue
from bot.events import handler
from bot.processes.worker import FEW, MORE, queues_of, wait_for_redis
from bot.queue import EventQueue, WebhookEvent, connect_for_web, make_queue
from bot.queue.health import all_workers
from jobs.clock import now
from jobs.storage import generation, keys
from jobs.storage.counters import EVENTS_HANDLED, read
from practice.processes import session
from tests.fixtures.site import create_app
from tests.fixtures.waiting import LIMIT_S, until
from tests.processes.conftest import run, running


def a_while_ago():
    """Return a time so long ago that Webex would show its events by now."""
    return (now() - handler.API_LAG).isoformat()


def test_a_worker_leaves_data_of_a_newer_layout(worker, redis, webex_script):
    """A worker ends with exit code 2 once a newer version has changed the layout.

    An event of that time is left for the newer version's workers.
    """
    until(lambda: len(Worker.all(connection=redis)) == len(FEW))
    redis.set(keys.schema(), generation.LAYOUT + 1)
    EventQueue(redis).add(WebhookEvent("messages", "newer", "ann", "room", a_while_ago()))
    assert worker.wait(LIMIT_S) == 2
    assert ("GET", "/messages/newer", None) not in webex_script.asked
    assert redis.zcard(keys.due()) == 1


def test_a_worker_registers_webhooks_takes_events_and_stops(worker, redis, webex_script):
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


def test_a_webex_that_hangs_holds_up_no_run(worker, redis, webex_script, reply):
    """A run is carried on at once while many events wait for Webex.

    There are more of these events than worker processes.
    """
    until(lambda: len(Worker.all(connection=redis)) == len(FEW))
    goes_on = threading.Event()
    for number in range(9):
        webex_script.on("GET", f"/messages/m{number}", reply(404, {}, after=goes_on))
        EventQueue(redis).add(WebhookEvent("messages", f"m{number}", "ann", "room", ""))

    def held() -> int:
        return sum(each.startswith(b"event:") for each in redis.hkeys(keys.locks_held()))

    until(lambda: held() == 1)
    run = make_queue(redis, queue.RUNS).enqueue("jobs.advance.advance", "no-such-run", result_ttl=0)
    until(lambda: not Job.exists(run.id, connection=redis))
    assert held() == 1
    goes_on.set()


def test_an_event_comes_again_by_itself(worker, redis, webex_script, reply):
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
    assert queues_of(2) == ((queue.RUNS, queue.WATCH), (queue.NAME, queue.CARDS))
    assert queues_of(3) == (*queues_of(2), MORE)
    assert queues_of(4) == ((queue.RUNS,), (queue.NAME, queue.CARDS), (queue.WATCH,), MORE)
    assert queues_of(6) == (*queues_of(4), MORE, MORE)
    assert MORE == (queue.NAME, queue.RUNS, queue.CARDS)


def test_a_job_is_told_of_sigterm(spawn, redis, settings, tmp_path):
    """A job learns of SIGTERM at once and ends by itself, long before it would be killed."""
    (tmp_path / "probe.py").write_text(PROBE, encoding="utf-8")
    worker = spawn("-c", PROBING, settings.redis_url, tmp_path)
    job = make_queue(redis, queue.RUNS).enqueue("probe.job", str(tmp_path))
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


def test_a_worker_waits_for_redis(spawn, free_port):
    """A worker that starts before Redis waits for it and then connects."""
    spawn("-c", LATE.format(port=free_port))
    assert wait_for_redis(f"redis://127.0.0.1:{free_port}/0").ping()


LATE = """
import tempfile, time
from pathlib import Path
from bot.processes import redis_server
time.sleep(1)
redis_server.main({port}, Path(tempfile.mkdtemp()))
"""


CHECK = ("worker", "--check")


def test_the_check_follows_the_worker(redis, redis_url, tmp_path):
    """The check exits with 0 while the worker lives.

    Before the worker's start and after its end, the check exits with 1.
    """

    def checked():
        code, _, done = run(CHECK, tmp_path, REDIS_URL=redis_url)
        return code, done.stdout

    assert checked()[0] == 1
    own = {"env": {"REDIS_URL": redis_url}, "cwd": tmp_path, "stderr": subprocess.DEVNULL}
    with running("-m", "bot", "worker", **own) as worker:
        until(lambda: checked() == (0, "2 RQ workers live.\n"))
    assert (worker.returncode, checked()[0]) == (0, 1)


def test_a_dispatcher_that_hangs_is_not_green(settings, redis, redis_url, tmp_path):
    """If nothing is handed out, the check fails and ``/readyz`` says so, until it goes on.

    Every process of the worker is stopped but its RQ workers, which say that they live. A strange
    lock does not stop the dispatcher.
    """
    redis.hset("locks:held", "run:NOBODY", "garbage")
    page = create_app(settings, connect_for_web(redis_url)).test_client()
    ready = lambda: page.get("/readyz").status_code == 200  # noqa: E731  for until
    own = {"env": {"REDIS_URL": redis_url}, "cwd": tmp_path, "stderr": subprocess.DEVNULL}
    with running("-m", "bot", "worker", **own, start_new_session=True) as worker:
        until(lambda: len(all_workers(redis)) == len(FEW) and ready(), "the start")
        assert not redis.hexists("locks:held", "run:NOBODY")
        hung = {*session(worker.pid)} - {each.pid for each in all_workers(redis)}
        for pid in hung:
            os.kill(pid, signal.SIGSTOP)
        until(lambda: not ready(), "the answer 503")
        told = page.get("/readyz").json or {}
        code, _, done = run(CHECK, tmp_path, REDIS_URL=redis_url)
        for pid in hung:
            os.kill(pid, signal.SIGCONT)
        until(ready, "the answer 200")
        assert (told["workers"], code) == ("ok", 1)
        assert told["dispatch"].startswith("nothing that is due is handed out since ")
        assert "nothing that is due is handed out since " in done.stdout


def test_without_redis_nothing_is_known(tmp_path, free_port):
    """Without Redis the check exits with 0, so that the platform does not restart the worker.

    A new start of the worker would not bring Redis back.
    """
    code, last, _ = run(CHECK, tmp_path, REDIS_URL=f"redis://127.0.0.1:{free_port}/0")
    assert (code, last.startswith("Nothing is known: Redis does not answer")) == (0, True)


ROUNDS = 3


@pytest.fixture
def lines(worker, redis, webex_script, tmp_path):
    """Return a function that returns the lines so far of a real worker's log.

    The worker's webhooks are in order.
    """
    until(lambda: len(Worker.all(connection=redis)) == len(FEW), "the worker")
    until(lambda: sum(method == "POST" for method, _, _ in webex_script.asked) == 3)
    log = tmp_path / "worker.log"
    return lambda: [json.loads(line) for line in log.read_text("utf-8").splitlines()]


def beats(redis):
    """Return the last sign of life of each RQ worker, which comes with every round of waiting."""
    return {each.name: str(each.last_heartbeat) for each in Worker.all(connection=redis)}


def test_an_idle_worker_says_nothing(lines, redis):
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


def test_an_event_is_one_line_with_its_ids(lines, redis):
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
