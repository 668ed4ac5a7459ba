"""Processes of the practice, which are started and stopped without leaving any behind."""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path

import pytest

from practice.processes import Process, session, words
from tests.fixtures.waiting import until

FORKING = (
    "import os, signal, time; signal.signal(15, signal.SIG_IGN); os.fork() or os.setpgrp(); "
    "print('up', flush=True); time.sleep(600)"
)


def make(tmp_path: Path, code: str) -> Process:
    """Return a process that runs this Python code."""
    return Process(
        "one", words(sys.executable, "-c", code), dict(os.environ), tmp_path, tmp_path / "one.log"
    )


def wait_for(process: Process, text: str) -> None:
    """Wait until the log of the process contains the text."""
    until(lambda: text in process.tail(), text)


def test_nothing_is_left_behind(tmp_path: Path) -> None:
    """A process that ignores SIGTERM is killed with its child, which has a group of its own."""
    process = make(tmp_path, FORKING)
    process.start()
    wait_for(process, "up\nup")
    assert process.running is not None
    members = list(session(process.running.pid))
    code = process.stop(0.2)
    alive = [pid for pid in members if Path(f"/proc/{pid}").exists()]
    assert (len(members), code, alive) == (2, -signal.SIGKILL, [])


def test_a_signal_reaches_the_process_itself(tmp_path: Path) -> None:
    """A process gets signals and returns its exit code without a shell, and can be restarted."""
    process = make(
        tmp_path,
        "import signal, sys, time; signal.signal(15, lambda *_: sys.exit(7)); "
        "print('up', flush=True); time.sleep(600)",
    )
    process.start()
    wait_for(process, "up")
    assert process.stop() == 7
    process.start()
    with pytest.raises(RuntimeError, match="runs already"):
        process.start()
    process.kill(signal.SIGKILL)
    assert process.stop() == -signal.SIGKILL
