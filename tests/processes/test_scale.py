"""Measurements of ``make scale`` with a few channels, and of the memory."""

import os
import re
import sys

from practice.environment import ROOT
from tests.fixtures.waiting import ran


def test_every_event_is_answered_once_by_one_worker_and_by_two():
    """No event is refused, lost or doubled by one worker or by two.

    The events are commands and setups at once, through real processes.
    """
    kept = {name: value for name, value in os.environ.items() if "proxy" not in name.lower()}
    line = (sys.executable, "-m", "bench", "scale-small")
    done = ran(*line, cwd=ROOT, env=kept, timeout=None)
    assert "met: 104 events: 0 refused, 0 lost, 0 doubled" in done.stdout, done.stdout + done.stderr
    rows = [re.split(r"\s{2,}", line.strip()) for line in done.stdout.splitlines()]
    loads = [row for row in rows if len(row) == 13 and row[0].isdigit()]
    assert [(row[0], row[-3:]) for row in loads] == [
        (workers, ["0", "0", "0"]) for workers in ("1", "2", "1", "2")
    ]
    assert done.returncode == 0
