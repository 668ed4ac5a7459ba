"""Disks and memory of Redis that are full: the embedded server, and another one with snapshots.

``test_outages.py`` has a setup with a full memory, and one with a full disk of the append-only file.
Here ``/readyz`` and ``doctor`` are asked, and the start on a full disk.
"""

from __future__ import annotations

import resource
import shlex
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest
from redis import Redis
from redis.exceptions import ResponseError

from bot.processes import redis_server
from practice.client import People
from practice.conversation import Walk, words
from practice.environment import ROOT
from practice.stack import Stack
from tests.fixtures.redis_servers import free_port
from tests.fixtures.waiting import until

NO_SPACE = "free memory or disk space"


def is_ready(stack: Stack) -> tuple[int, str]:
    """The status of ``/readyz``, and its word about Redis."""
    answer = httpx.get(f"{stack.public_url}/readyz", trust_env=False, timeout=10)
    return answer.status_code, answer.json()["redis"]


def doctor(stack: Stack) -> str:
    """The line of ``doctor`` about Redis."""
    line = [sys.executable, "-m", "bot", "doctor"]
    env = stack.processes["web"].env
    told = subprocess.run(line, env=env, cwd=ROOT, capture_output=True, check=False).stdout.decode()  # noqa: S603  our own
    return next(each for each in told.splitlines() if " Redis: " in each)


@contextmanager
def no_memory(redis: Redis) -> Iterator[None]:
    """Redis refuses writes, because it may use no more memory (OOM)."""
    redis.config_set("maxmemory", 1)
    yield
    redis.config_set("maxmemory", 0)


@contextmanager
def no_disk_for_snapshots(redis: Redis) -> Iterator[None]:
    """Redis refuses writes, because its last snapshot failed (MISCONF).

    That is the default of a server that the bot did not start. A limit on the size of files
    imitates the full disk, for the process that saves, too.
    """
    pid = int(redis.info("server")["process_id"])
    redis.config_set("appendonly", "no")
    redis.config_set("save", "3600 1")
    before = resource.prlimit(pid, resource.RLIMIT_FSIZE, (0, resource.RLIM_INFINITY))
    redis.bgsave()
    until(lambda: redis.info("persistence")["rdb_last_bgsave_status"] == "err", "a failed snapshot")
    yield
    resource.prlimit(pid, resource.RLIMIT_FSIZE, before)
    until(lambda: _saved(redis), "a snapshot")
    redis.config_set("save", "")
    redis.config_set("appendonly", "yes")


def _saved(redis: Redis) -> bool:
    """Save again, as Redis does by itself at the next of its times; return whether it succeeded."""
    found = redis.info("persistence")
    if found["rdb_bgsave_in_progress"] or found["aof_rewrite_in_progress"]:
        return False
    if found["rdb_last_bgsave_status"] == "ok":
        return True
    redis.bgsave()
    return False


@pytest.mark.parametrize(
    ("full", "word"),
    [(no_memory, "OOM"), (no_disk_for_snapshots, "MISCONF")],
    ids=["memory", "disk"],
)
def test_another_redis_that_is_full(
    stack: Stack,
    people: People,
    walk: Walk,
    full: Callable[[Redis], Iterator[None]],
    word: str,
) -> None:
    """Nobody is answered, ``/readyz`` and ``doctor`` name it, and no process ends.

    Webex delivers again what it could not deliver. With space again the command is answered, and
    the run goes on.
    """
    plan = walk.plan(profile="least")
    worker = stack.processes["worker"].log
    deaths = worker.read_text("utf-8").count("child died")
    with Redis(port=stack.ports.redis) as redis:
        with full(redis):  # type: ignore[attr-defined]  # a context manager
            with pytest.raises(ResponseError, match=word):
                redis.set("full", "x")
            until(lambda: is_ready(stack) == (503, "unwritable"), "the word of /readyz")
            line = doctor(stack)
            said = (line.startswith("WRONG"), word in line, NO_SPACE in line)
            assert said == (True, True, True), line
        until(lambda: is_ready(stack) == (200, "ok"), "a ready web process")
    assert worker.read_text("utf-8").count("child died") == deaths
    assert "What the bot does here" in words(walk.type("/help"))
    walk.approve(plan)
    assert walk.secret(walk.form(60))
    assert walk.writes().count("graph.add_password") == 1


def test_the_embedded_server_starts_on_a_full_disk(tmp_path: Path) -> None:
    """It says once what is full, waits, and starts with its data as soon as there is space."""
    port, folder = free_port(), tmp_path / "data"
    command = [sys.executable, "-m", "bot", "redis", "--port", str(port), "--folder", str(folder)]
    started = subprocess.Popen(command, cwd=ROOT, stderr=subprocess.DEVNULL)  # noqa: S603  our own
    until(lambda: redis_server.answers(port), "the server")
    with Redis(port=port) as redis:
        redis.set("key", "value")
    started.terminate()
    assert started.wait(60) == 0
    line = f"ulimit -S -f 0; exec {shlex.join(command)}"
    with subprocess.Popen(["/bin/bash", "-c", line], cwd=ROOT, stderr=subprocess.PIPE) as waiting:  # noqa: S603  our own
        assert waiting.stderr is not None
        told = waiting.stderr.readline().decode()
        assert ("free some space" in told, waiting.poll()) == (True, None), told
        assert not redis_server.answers(port)
        no_limit = (resource.RLIM_INFINITY, resource.RLIM_INFINITY)
        resource.prlimit(waiting.pid, resource.RLIMIT_FSIZE, no_limit)
        until(lambda: redis_server.answers(port), "the server, with space")
        with Redis(port=port) as redis:
            assert redis.get("key") == b"value"
        waiting.terminate()
