"""Chaos command: makes the kills on parallel stacks, prints a line for each run, then a table."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

from practice.chaos.kills import AT_ANY_TIME, EFFECTS, Kill, runs
from practice.chaos.lane import Lane, Outcome
from practice.stack import NotStartedError

TARGET_S: Final = 30.0
HEAD: Final = (
    "side effect",
    "kills",
    "recovered",
    "slowest s",
    "doubles",
    "orphans",
    "not told",
    "wrong end",
)


@dataclass(slots=True)
class Row:
    """Row of the table."""

    name: str
    kills: int = 0
    recovered: int = 0
    slowest: float = 0.0
    doubles: int = 0
    orphans: int = 0
    not_told: int = 0
    wrong: int = 0

    def add(self, seconds: float | None, outcome: Outcome) -> None:
        """Count a kill of this side effect.

        An error in a run with several kills counts for each of them.
        """
        self.kills += 1
        self.recovered += seconds is not None and seconds <= TARGET_S
        self.slowest = max(self.slowest, seconds or 0.0)
        self.doubles, self.orphans = self.doubles + outcome.doubles, self.orphans + outcome.orphans
        self.not_told, self.wrong = (
            self.not_told + (not outcome.told),
            self.wrong + bool(outcome.trouble),
        )

    @property
    def good(self) -> bool:
        """Return whether every kill was recovered and nothing was lost."""
        return self.recovered == self.kills and not (
            self.doubles or self.orphans or self.not_told or self.wrong
        )

    def cells(self) -> tuple[str, ...]:
        """Return the cells as they are printed."""
        numbers = (self.doubles, self.orphans, self.not_told, self.wrong)
        return (
            self.name,
            str(self.kills),
            str(self.recovered),
            f"{self.slowest:.1f}",
            *map(str, numbers),
        )


@dataclass(slots=True)
class Score:
    """Results of all lanes."""

    wanted: int
    schedule: Iterator[tuple[Kill, ...]]
    started: float = field(default_factory=time.monotonic)
    rows: dict[str, Row] = field(
        default_factory=lambda: {
            name: Row(name) for name in (*(e.name for e in EFFECTS), AT_ANY_TIME)
        }
    )
    runs: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock)

    @property
    def kills(self) -> int:
        """Number of kills so far."""
        return sum(row.kills for row in self.rows.values())

    def next(self) -> tuple[Kill, ...] | None:
        """Return the kills of the next run, or None if enough kills have happened."""
        with self._lock:
            return next(self.schedule) if self.kills < self.wanted else None

    def add(self, outcome: Outcome) -> None:
        """Count a run and print its line."""
        with self._lock:
            self.runs += 1
            for hit in outcome.hits:
                self.rows[hit.kill.name].add(hit.seconds, outcome)
            _say(self._line(outcome))

    def _line(self, outcome: Outcome) -> str:
        share = min(1.0, self.kills / self.wanted)
        bar = "█" * round(share * 20) + "░" * (20 - round(share * 20))
        good = not (outcome.trouble or outcome.doubles or outcome.orphans) and outcome.told
        killed = ", ".join(
            f"{h.kill.name} {h.kill.when if h.kill.effect else ''} {h.kill.victim} {_seconds(h.seconds)}"
            for h in outcome.hits
        )
        after = time.monotonic() - self.started
        line = (
            f"{bar} {self.kills:3}/{self.wanted} {after:5.0f} s  "
            f"{'right' if good else 'WRONG'}  {outcome.seconds:4.0f} s  "
            f"{killed or 'not reached'}"
        )
        details = (
            f" doubles {outcome.doubles}, orphans {outcome.orphans}, told {outcome.told}; "
            f"{outcome.trouble}"
        )
        return line if good else f"{line}\n          {details}"


def run(kills: int, seed: int, lanes: int) -> int:
    """Run the kills and return the exit code.

    The code is 0 if every run ended correctly, within 30 seconds after each kill.
    """
    score, failed = Score(kills, runs(seed)), list[BaseException]()
    _say(f"{kills} kills, seed {seed}, on {lanes} stacks")
    threads = [
        threading.Thread(target=_lane, args=(score, failed), name=f"lane {number}")
        for number in range(1, lanes + 1)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for error in failed:
        _say(f"A stack stopped: {error}")
    _say(table(score))
    return (
        0
        if not failed and score.kills >= kills and all(row.good for row in score.rows.values())
        else 1
    )


def table(score: Score) -> str:
    """Return the table: a row for each side effect, and the total."""
    total = Row(f"{score.runs} runs")
    for row in score.rows.values():
        for name in ("kills", "recovered", "doubles", "orphans", "not_told", "wrong"):
            setattr(total, name, getattr(total, name) + getattr(row, name))
        total.slowest = max(total.slowest, row.slowest)
    lines = [HEAD, *(row.cells() for row in (*score.rows.values(), total))]
    widths = [max(len(line[column]) for line in lines) for column in range(len(HEAD))]
    return "\n".join(
        "  ".join(
            [
                line[0].ljust(widths[0]),
                *(c.rjust(w) for c, w in zip(line[1:], widths[1:], strict=True)),
            ]
        )
        for line in lines
    )


def _lane(score: Score, failed: list[BaseException]) -> None:
    try:
        with Lane() as lane:
            while kills := score.next():
                score.add(lane.run(kills))
    except (NotStartedError, AssertionError, OSError) as error:
        failed.append(error)


def _seconds(seconds: float | None) -> str:
    return "never" if seconds is None else f"{seconds:.1f} s"


def _say(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()
