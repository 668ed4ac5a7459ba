"""Time that each process needs to import its code, in a new interpreter with compiled files.

The processor time counts: it is the elapsed time of a quiet machine with fast disks. The packages with the
most time of their own are named, as ``python -X importtime`` measures them.
"""

import subprocess
import sys
from collections import Counter

from bench.table import median, table, verdict

REPEATS = 5
TARGET_S = 0.4
COMMAND = "bot.processes.command_line"
MODULES = {
    "web": (COMMAND, "bot.web.wsgi"),
    "worker": (COMMAND, "bot.processes.worker"),
    "doctor": (COMMAND, "bot.processes.operator_commands"),
}
"""Modules that each command imports before it does anything."""
TIMED = """
import time
processor, elapsed = time.process_time(), time.perf_counter()
import {modules}
print(time.process_time() - processor, time.perf_counter() - elapsed)
"""


def main() -> bool:
    """Import the modules of each process a few times, and return whether each is fast enough."""
    rows, slow = [], []
    for name, modules in MODULES.items():
        times = [_timed(modules) for _ in range(REPEATS + 1)][1:]  # the first one compiles
        processor, elapsed = (median([each[part] for each in times]) for part in (0, 1))
        rows.append((name, processor, elapsed, _packages(modules)))
        if processor > TARGET_S:
            slow.append(name)
    table(
        f"Imports, s, median of {REPEATS}",
        ("process", "processor", "elapsed", "packages, ms of their own"),
        rows,
    )
    return verdict(f"{TARGET_S} s each; above it: {', '.join(slow) or 'none'}", not slow)


def _timed(modules: tuple[str, ...]) -> tuple[float, float]:
    processor, elapsed = _run("-c", TIMED.format(modules=", ".join(modules))).stdout.split()
    return float(processor), float(elapsed)


def _packages(modules: tuple[str, ...]) -> str:
    """Return the five packages whose import takes longest, with their milliseconds."""
    spent: Counter[str] = Counter()
    for line in _run("-X", "importtime", "-c", f"import {', '.join(modules)}").stderr.splitlines():
        own, _, name = line.removeprefix("import time:").partition("|")
        if own.strip().isdigit():
            spent[name.rpartition("|")[2].strip().partition(".")[0]] += int(own)
    return ", ".join(f"{name} {spent_us // 1000}" for name, spent_us in spent.most_common(5))


def _run(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(  # noqa: S603  our own command line
        [sys.executable, *arguments], check=True, capture_output=True, text=True
    )
