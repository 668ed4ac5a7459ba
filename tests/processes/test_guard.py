"""Guard of a launcher's processes, which leaves nothing behind if the launcher is killed."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from practice.guard import Guard
from practice.processes import Process, words
from tests.fixtures.waiting import until

ROOT = Path(__file__).parents[2]
STUBBORN = (
    "import os, signal, time; signal.signal(15, signal.SIG_IGN); os.fork() or os.setpgrp(); "
    "time.sleep(600)"
)
POLITE = "import time; time.sleep(600)"
LAUNCHER = """
import os, sys, time
from pathlib import Path
from practice.guard import Guard
from practice.processes import Process, session, words
guard, folder = Guard(), Path(sys.argv[1])
kept = [
    Process(name, words(sys.executable, "-c", code), dict(os.environ), folder, folder / name, guard)
    for name, code in (("a", sys.argv[2]), ("b", sys.argv[3]))
]
for one in kept:
    one.start()
while len(found := [pid for one in kept for pid in session(one.running.pid)]) < 3:
    time.sleep(0.02)
print(*found, flush=True)
time.sleep(600)
"""


def _runs(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text("utf-8").rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def test_nothing_outlives_a_killed_launcher(tmp_path: Path):
    """SIGKILL to the launcher ends its processes and their children.

    Even processes that ignore SIGTERM end.
    """
    command = [sys.executable, "-c", LAUNCHER, str(tmp_path), STUBBORN, POLITE]
    env = os.environ | {"PYTHONPATH": str(ROOT)}
    with subprocess.Popen(  # noqa: S603  our own code
        command, cwd=ROOT, env=env, stdout=subprocess.PIPE, text=True
    ) as launcher:
        assert launcher.stdout is not None
        pids = [int(word) for word in launcher.stdout.readline().split()]
        assert (len(pids), [pid for pid in pids if not _runs(pid)]) == (3, [])
        launcher.kill()
    until(lambda: not any(map(_runs, pids)), "the end of them all")


@pytest.mark.parametrize("stopped", [True, False])
def test_what_was_stopped_is_forgotten(tmp_path: Path, *, stopped: bool):
    """A normal end of the guard kills only processes that it still watches.

    It forgets a stopped process, because the number of that process may be reused.
    """
    guard = Guard()
    process = Process(
        "one",
        words(sys.executable, "-c", POLITE),
        dict(os.environ),
        tmp_path,
        tmp_path / "one.log",
        guard,
    )
    process.start()
    assert process.running is not None
    if stopped:
        guard.forget(process.running.pid)
    guard.close()
    assert process.alive is stopped
    process.stop()
