"""Command ``worker --check``, with which a container platform probes a worker."""

from __future__ import annotations

import os
import signal
import subprocess
from pathlib import Path

from redis import Redis

from bot.processes.worker import FEW
from bot.queue import connect_for_web
from bot.queue.health import all_workers
from bot.settings import BotSettings
from practice.processes import session
from tests.fixtures.site import create_app
from tests.fixtures.waiting import until
from tests.processes.conftest import running
from tests.processes.test_start_sentences import run

CHECK = ("worker", "--check")


def test_the_check_follows_the_worker(redis: Redis, redis_url: str, tmp_path: Path):
    """The check exits with 0 while the worker lives.

    Before the worker's start and after its end, the check exits with 1.
    """

    def checked() -> tuple[int, str]:
        code, _, done = run(CHECK, tmp_path, REDIS_URL=redis_url)
        return code, done.stdout

    assert checked()[0] == 1
    with running(
        "worker", {"REDIS_URL": redis_url}, cwd=tmp_path, stderr=subprocess.DEVNULL
    ) as worker:
        until(lambda: checked() == (0, "2 RQ workers live.\n"))
    assert (worker.returncode, checked()[0]) == (0, 1)


def test_a_dispatcher_that_hangs_is_not_green(
    settings: BotSettings, redis: Redis, redis_url: str, tmp_path: Path
):
    """If nothing is handed out, the check fails and ``/readyz`` says so, until it goes on.

    Every process of the worker is stopped but its RQ workers, which say that they live. A strange
    lock does not stop the dispatcher.
    """
    redis.hset("locks:held", "run:NOBODY", "garbage")
    page = create_app(settings, connect_for_web(redis_url)).test_client()
    ready = lambda: page.get("/readyz").status_code == 200  # noqa: E731  for until
    options = {"cwd": tmp_path, "stderr": subprocess.DEVNULL, "start_new_session": True}
    with running("worker", {"REDIS_URL": redis_url}, **options) as worker:
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


def test_without_redis_nothing_is_known(tmp_path: Path, free_port: int):
    """Without Redis the check exits with 0, so that the platform does not restart the worker.

    A new start of the worker would not bring Redis back.
    """
    code, last, _ = run(CHECK, tmp_path, REDIS_URL=f"redis://127.0.0.1:{free_port}/0")
    assert (code, last.startswith("Nothing is known: Redis does not answer")) == (0, True)
