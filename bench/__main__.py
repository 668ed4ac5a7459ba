"""Command ``python -m bench [NAME ...]``: run all benches or the named ones, one after the other.

The bench ``scale`` takes longer than the others and runs only if it is named. Exit code 0 means
that every target was met.
"""

import os
import sys
import time
from collections.abc import Callable

from bench import (
    checkup,
    cost,
    defaults,
    error_reports,
    everything,
    firstcard,
    imports,
    memory,
    overlap,
    recovery,
    scale,
    trail,
    watch,
    watch_faults,
    watch_load,
    webhook,
)
from bench.table import machine, say

BENCHES: dict[str, Callable[[], bool]] = {
    "webhook": webhook.main,
    "firstcard": firstcard.main,
    "overlap": overlap.main,
    "check": checkup.main,
    "recovery": recovery.main,
    "cost": cost.main,
    "reports": error_reports.main,
    "everything": everything.main,
    "audit": trail.main,
    "imports": imports.main,
    "memory": memory.main,
}
SCALE: dict[str, Callable[[], bool]] = {
    "scale": scale.main,
    "scale-short": scale.short,
    "scale-small": scale.small,
    "memory-growth": memory.growth,
}
"""Benches with many channels, workers or commands, which run only if they are named."""
WATCH: dict[str, Callable[[], bool]] = {
    "watch": watch.quarter,
    "watchfaults": watch_faults.main,
    "defaults": defaults.main,
    "watchload": watch_load.main,
}
"""Benches of the watch, which take long and run only if they are named."""


def main(names: list[str]) -> int:
    """Run the benches and return the exit code."""
    began = time.monotonic()
    say(machine())
    good = [_run(name) for name in names or BENCHES]
    say(f"\n{time.monotonic() - began:.0f} s")
    return 0 if all(good) else 1


def _run(name: str) -> bool:
    """Run one bench.

    If the processor's cores are busy, a warning says that the measured times are longer.
    """
    load, cores = os.getloadavg()[0], os.cpu_count() or 1
    if load > cores / 2:
        say(
            f"\n  before {name}: load {load:.1f} on {cores} cores, so times are "
            "longer than on a quiet machine"
        )
    return (BENCHES | WATCH | SCALE)[name]()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
