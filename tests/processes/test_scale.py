"""Measurements of ``make scale`` with a few channels, and of the memory."""

from __future__ import annotations

import os
import re
import subprocess
import sys

import pytest

from practice.environment import ROOT


def test_every_event_is_answered_once_by_one_worker_and_by_two():
    """No event is refused, lost or doubled by one worker or by two.

    The events are commands and setups at once, through real processes.
    """
    kept = {name: value for name, value in os.environ.items() if "proxy" not in name.lower()}
    command = [sys.executable, "-m", "bench", "scale-small"]
    done = subprocess.run(  # noqa: S603  our own
        command, cwd=ROOT, env=kept, capture_output=True, text=True, check=False
    )
    assert "met: 100 events: 0 refused, 0 lost, 0 doubled" in done.stdout, done.stdout + done.stderr
    rows = [re.split(r"\s{2,}", line.strip()) for line in done.stdout.splitlines()]
    loads = [row for row in rows if len(row) == 13 and row[0].isdigit()]
    assert [(row[0], row[-3:]) for row in loads] == [
        (workers, ["0", "0", "0"]) for workers in ("1", "2", "1", "2")
    ]
    assert done.returncode == 0


def rows_of_memory(printed: str) -> dict[str, list[float]]:
    """Return the numbers of each row of the table of the memory, by the row's name."""
    found = [re.split(r"\s{2,}", line.strip()) for line in printed.splitlines()]
    rows = [row for row in found if len(row) == 7 and row[0] != "part"]
    return {row[0]: [float(cell) for cell in row[1:]] for row in rows}


@pytest.mark.skipif(sys.platform != "linux", reason="the memory is read from /proc")
def test_the_memory_of_the_smallest_installation_is_printed_by_part():
    """In the table of the memory every process of the bot is in one row.

    The last row is the sum.
    """
    kept = {name: value for name, value in os.environ.items() if "proxy" not in name.lower()}
    command = [sys.executable, "-m", "bench", "memory"]
    done = subprocess.run(  # noqa: S603  our own
        command, cwd=ROOT, env=kept, capture_output=True, text=True, check=False
    )
    rows = rows_of_memory(done.stdout)
    together = rows.pop("together")
    assert sorted(rows) == ["RQ workers", "Redis", "supervisor", "web"], done.stdout + done.stderr
    assert together[0] == sum(row[0] for row in rows.values()) == 5
    assert together[1] == pytest.approx(sum(row[1] for row in rows.values()), abs=0.5)
