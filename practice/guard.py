"""Guard that ends the processes of a launcher that was killed (SIGKILL, the OOM killer).

The guard is a separate process that reads from a pipe held only by the launcher. When the pipe
ends, the launcher is gone. The kernel's signal for this (PR_SET_PDEATHSIG) would come too early: it
follows the thread that started the child, and the practice space starts its processes from threads
that end.
"""

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterable
from pathlib import Path
from typing import TextIO

from practice.processes import session

ROOT = Path(__file__).parents[1]
PATIENCE_S = 5.0
PACE_S = 0.05
GRACE_S = 10.0


class Guard:
    """Launcher's side of the guard.

    Call ``watch`` for each started session, ``forget`` for each stopped one, and ``close`` at the
    end.
    """

    def __init__(self) -> None:
        env = {"PATH": os.environ.get("PATH", ""), "PYTHONPATH": str(ROOT)}
        self._process = subprocess.Popen(
            [sys.executable, "-m", "practice.guard"],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            env=env,
            text=True,
            start_new_session=True,
        )

    def watch(self, pid: int) -> None:
        """Have the guard end this session when the launcher dies."""
        self._tell(f"+{pid}")

    def forget(self, pid: int) -> None:
        """Stop guarding this session, which has ended; its number may be reused soon."""
        self._tell(f"-{pid}")

    def close(self) -> None:
        """Close the pipe and wait until the guard has ended."""
        if pipe := self._process.stdin:
            with contextlib.suppress(OSError):
                pipe.close()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(PATIENCE_S + GRACE_S)

    def _tell(self, line: str) -> None:
        if (pipe := self._process.stdin) and not pipe.closed:
            with contextlib.suppress(OSError):  # a guard that was killed is no reason to fail
                pipe.write(f"{line}\n")
                pipe.flush()


def guard(lines: TextIO) -> None:
    """Read until the launcher is gone, then end its sessions.

    The processes get SIGTERM first and SIGKILL after that.
    """
    left = _leaders(lines)
    _send(left, signal.SIGTERM)
    deadline = time.monotonic() + PATIENCE_S
    while any(map(_there, _members(left))) and time.monotonic() < deadline:
        time.sleep(PACE_S)
    _send(_members(left), signal.SIGKILL)


def _leaders(lines: TextIO) -> list[int]:
    """Return the leaders of the sessions that still run when the input ends, oldest first."""
    left: dict[int, None] = {}
    for line in lines:
        pid = int(line[1:])
        if line.startswith("+"):
            left[pid] = None
        else:
            left.pop(pid, None)
    return list(left)


def _members(leaders: list[int]) -> list[int]:
    return [pid for leader in leaders for pid in session(leader)]


def _send(pids: Iterable[int], number: signal.Signals) -> None:
    for pid in pids:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, number)


def _there(pid: int) -> bool:
    """Return whether the process with this number runs.

    A zombie does not count: in some containers the first process does not collect dead processes.
    """
    with contextlib.suppress(OSError):
        return Path(f"/proc/{pid}/stat").read_text("utf-8").rpartition(")")[2].split()[0] != "Z"
    return False


if __name__ == "__main__":
    guard(sys.stdin)
