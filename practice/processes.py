"""Child processes with logs, each in its own session.

A stop ends all processes of the session.
"""

import contextlib
import os
import shlex
import signal
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Protocol

from practice.patience import patient

STOP_S = 15.0
KILL_S = 5.0
OTHER_HOST = ("unshare", "--pid", "--uts", "--fork", "--kill-child", "--mount-proc")
"""Command that runs another command with its own process numbers and host name (util-linux).

The product then sees processes of another machine, and cannot know that they are dead.
"""


class Watcher(Protocol):
    """Observer of every session that starts or ends (:class:`practice.guard.Guard`)."""

    def watch(self, pid: int) -> None:
        """Note that the session of this process has started."""

    def forget(self, pid: int) -> None:
        """Note that the session of this process has ended."""


@dataclass(slots=True)
class Process:
    """Process of the stack, with its command line from the Procfile and the file of its output."""

    name: str
    command: str
    env: dict[str, str] = field(repr=False)
    folder: Path
    log: Path
    watcher: Watcher | None = None
    running: subprocess.Popen[bytes] | None = None

    @property
    def alive(self) -> bool:
        """Return whether the process runs."""
        return self.running is not None and self.running.poll() is None

    def start(self) -> None:
        """Start the process; its output is appended to the log.

        Raises:
            RuntimeError: when it runs already.
        """
        if self.alive:
            raise RuntimeError(f"{self.name} runs already")
        with self.log.open("ab") as log:
            self.running = subprocess.Popen(  # noqa: S603 - the project's own command lines
                ["/bin/sh", "-c", f"exec {self.command.removeprefix('exec ')}"],
                env=self.env,
                cwd=self.folder,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        if self.watcher:
            self.watcher.watch(self.running.pid)

    def kill(self, number: int = signal.SIGTERM, *, whole: bool = False) -> None:
        """Send a signal to the process, or to its ``whole`` session."""
        if self.running is None:
            return
        targets = list(session(self.running.pid)) if whole else [self.running.pid]
        for pid in targets:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, number)

    def stop(self, seconds: float = STOP_S) -> int | None:
        """Stop the process and return its exit code, or None if it was not started.

        It gets SIGTERM and up to ``seconds`` to end. The rest of its session is then killed.
        """
        if self.running is None:
            return None
        self.kill(signal.SIGTERM)
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.running.wait(patient(seconds))
        self.kill(signal.SIGKILL, whole=True)
        code = self.running.wait(patient(KILL_S))
        _until_gone(self.running.pid)
        if self.watcher:
            self.watcher.forget(self.running.pid)
        self.running = None
        return code

    def tail(self, lines: int = 40) -> str:
        """Return the end of the log; a traceback inside a JSON line is shown on separate lines."""
        kept = (
            self.log.read_text("utf-8", "replace").splitlines()[-lines:]
            if self.log.exists()
            else []
        )
        return "\n".join(kept).replace("\\n", "\n")


def session(leader: int) -> Iterator[int]:
    """Yield the processes of a session, the leader last.

    A worker's children have their own process groups but the same session.
    """
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and int(entry.name) != leader:
            with contextlib.suppress(OSError, IndexError):
                if int((entry / "stat").read_text().rpartition(")")[2].split()[3]) == leader:
                    yield int(entry.name)
    yield leader


@cache
def has_other_host() -> bool:
    """Return whether this user may run :data:`OTHER_HOST`, which needs root or user namespaces."""
    with contextlib.suppress(OSError):
        tried = subprocess.run([*OTHER_HOST, "true"], capture_output=True, check=False)  # noqa: S603
        return tried.returncode == 0
    return False


def procfile(path: Path) -> dict[str, str]:
    """Return the command lines of a Procfile by name, without comments and empty lines."""
    entries = (
        line.partition(":")
        for line in path.read_text("utf-8").splitlines()
        if ":" in line and not line.lstrip().startswith("#")
    )
    return {name.strip(): command.strip() for name, _, command in entries}


def words(*parts: str | Path) -> str:
    """Return a command line that consists of these parts, quoted."""
    return shlex.join(map(str, parts))


def _until_gone(leader: int, seconds: float = KILL_S) -> None:
    deadline = time.monotonic() + patient(seconds)
    while (
        any(Path(f"/proc/{pid}").exists() for pid in session(leader) if pid != leader)
        and time.monotonic() < deadline
    ):
        time.sleep(0.02)
