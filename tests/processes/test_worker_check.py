"""Command ``worker --check``, with which a container platform probes a worker."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from redis import Redis

from tests.fixtures.waiting import LIMIT_S, until
from tests.processes.test_start_sentences import ENV, run

CHECK = ("worker", "--check")


def test_the_check_follows_the_worker(redis: Redis, redis_url: str, tmp_path: Path):
    """The check exits with 0 while the worker lives.

    Before the worker's start and after its end, the check exits with 1.
    """

    def checked() -> tuple[int, str]:
        code, _, done = run(CHECK, tmp_path, REDIS_URL=redis_url)
        return code, done.stdout

    assert checked()[0] == 1
    worker = subprocess.Popen(
        [sys.executable, "-m", "bot", "worker"],
        env=ENV | {"REDIS_URL": redis_url},
        cwd=tmp_path,
        stderr=subprocess.DEVNULL,
    )
    until(lambda: checked() == (0, "4 RQ workers live.\n"))
    worker.terminate()
    assert (worker.wait(LIMIT_S), checked()[0]) == (0, 1)


def test_without_redis_nothing_is_known(tmp_path: Path, free_port: int):
    """Without Redis the check exits with 0, so that the platform does not restart the worker.

    A new start of the worker would not bring Redis back.
    """
    code, last, _ = run(CHECK, tmp_path, REDIS_URL=f"redis://127.0.0.1:{free_port}/0")
    assert (code, last.startswith("Nothing is known: Redis does not answer")) == (0, True)
