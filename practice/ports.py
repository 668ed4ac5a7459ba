"""Free ports of loopback for the servers of a stack, a test or a bench.

Linux gives ports from 32768 on to outgoing connections, and to servers that name no port. Such a
port can be free when it is chosen and taken when its server starts, or starts again. So these ports
are lower. Each process has a block of its own, because two processes would choose the same ones.
"""

import itertools
import socket
from collections.abc import Iterator
from functools import cache

FIRST, BLOCK, BLOCKS = 16_000, 200, 80
HOST = "127.0.0.1"


class NoPortError(OSError):
    """Error because no port is free: other programs use this process's ports or all blocks."""


def free_port() -> int:
    """Return a free port, which no other process of this machine chooses.

    Raises:
        NoPortError: There is no free port.
    """
    for port in itertools.islice(_ports(), BLOCK):
        if (probe := _bound(port)) is not None:
            probe.close()
            return port
    raise NoPortError(f"none of {BLOCK} ports is free")


@cache
def _ports() -> Iterator[int]:
    """Return an endless iterator over the ports of this process's block.

    The process holds the block's first port until it ends, which keeps other processes away.
    """
    held = claim_block()
    first = int(held.getsockname()[1])
    held.detach()
    return itertools.cycle(range(first + 1, first + BLOCK))


def claim_block() -> socket.socket:
    """Return a socket with the first port of a block that no other process has.

    The block is taken as long as the socket is open.

    Raises:
        NoPortError: Other processes have every block.
    """
    for port in range(FIRST, FIRST + BLOCK * BLOCKS, BLOCK):
        if (held := _bound(port)) is not None:
            return held
    raise NoPortError(f"{BLOCKS} processes hold all blocks of {BLOCK} ports")


def _bound(port: int) -> socket.socket | None:
    """Return a socket with this port, or None if the port is taken."""
    made = socket.socket()
    try:
        made.bind((HOST, port))
    except OSError:
        made.close()
        return None
    return made
