"""Free ports of loopback for the servers of a stack, a test or a bench.

Linux gives outgoing connections ports from 32768 on, and the same to a server that names none. Such a
port can be free when it is chosen and taken when its server starts, or starts again. So these ports lie
below. Each process has a block of its own, because two processes would choose the same ones.
"""

from __future__ import annotations

import fcntl
import itertools
import os
import socket
import tempfile
from collections.abc import Iterator
from functools import cache
from pathlib import Path

FIRST, BLOCK, BLOCKS = 16_000, 200, 80
HOST = "127.0.0.1"


class NoPortError(OSError):
    """Error because other programs use every port of this process, or every block is taken."""


def free_port() -> int:
    """Return a port that nobody uses now, and that no other process of this machine chooses.

    Raises:
        NoPortError: There is none.
    """
    for port in itertools.islice(_ports(), BLOCK):
        if _is_free(port):
            return port
    raise NoPortError(f"none of {BLOCK} ports is free")


@cache
def _ports() -> Iterator[int]:
    """Return the ports of this process, again and again."""
    first = FIRST + BLOCK * claim_block()[0]
    return itertools.cycle(range(first, first + BLOCK))


def claim_block() -> tuple[int, int]:
    """Return the number of a block that no process has, and the descriptor of its locked file.

    The lock lasts until the descriptor is closed, or the process ends.

    Raises:
        NoPortError: Other processes have every block.
    """
    folder = Path(tempfile.gettempdir()) / "practice-ports"
    folder.mkdir(exist_ok=True)
    for number in range(BLOCKS):
        file = os.open(folder / str(number), os.O_CREAT | os.O_WRONLY)
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(file)
        else:
            return number, file
    raise NoPortError(f"{BLOCKS} processes hold all blocks of {BLOCK} ports")


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        try:
            probe.bind((HOST, port))
        except OSError:
            return False
    return True
