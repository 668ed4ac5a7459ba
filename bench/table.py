"""Output of a bench: the machine, a title with its baseline, and rows in columns."""

import os
import platform
import statistics
import sys
from collections.abc import Sequence
from importlib.metadata import version

PACKAGES = ("rq", "redis", "msal", "httpx", "flask", "waitress", "webexteamssdk")


def say(line: str = "") -> None:
    """Print a line and flush the output."""
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def machine() -> str:
    """Return the versions, the cores and the load of this machine.

    Without them a measured number means nothing.
    """
    packages = ", ".join(f"{name} {version(name)}" for name in PACKAGES)
    return (
        f"Python {platform.python_version()}, {os.cpu_count()} cores, load "
        f"{os.getloadavg()[0]:.2f}; {packages}"
    )


def table(title: str, head: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    """Print a title, a head and rows. Numbers are right-aligned with at most three decimals."""
    cells = [[_text(cell) for cell in row] for row in (head, *rows)]
    widths = [max(len(row[column]) for row in cells) for column in range(len(head))]
    say(f"\n{title}")
    for number, row in enumerate(cells):
        source = head if number == 0 else rows[number - 1]
        say(
            "  "
            + "  ".join(
                _aligned(text, width, cell, number)
                for text, width, cell in zip(row, widths, source, strict=True)
            ).rstrip()
        )


def verdict(what: str, good: bool) -> bool:  # noqa: FBT001  a line with its result
    """Print whether a target was met, and return whether it was."""
    say(f"  {'met' if good else 'NOT MET'}: {what}")
    return good


def percentile(values: Sequence[float], share: float) -> float:
    """Return the value below which the given share of the values is."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))]


def median(values: Sequence[float]) -> float:
    """Return the median of the values."""
    return statistics.median(values)


def _text(cell: object) -> str:
    return f"{cell:.3f}".rstrip("0").rstrip(".") if isinstance(cell, float) else str(cell)


def _aligned(text: str, width: int, cell: object, number: int) -> str:
    return text.rjust(width) if number and isinstance(cell, int | float) else text.ljust(width)
