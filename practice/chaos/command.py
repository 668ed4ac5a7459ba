"""Chaos command, which makes kills and pauses on parallel stacks.

It prints a line for each kill and pause, and then a table.
"""

import os
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from practice.chaos.kills import AT_ANY_TIME, PLACES, Kill, Pause, pauses, runs
from practice.chaos.lane import RECOVERS_S, Lane, Outcome
from practice.processes import has_other_host
from practice.stack import NotStartedError

HEAD: Final = (
    "side effect",
    "kills",
    "pauses",
    "recovered",
    "slowest s",
    "doubles",
    "orphans",
    "after an end",
    "not told",
    "wrong end",
)
COUNTED: Final = ("kills", "pauses", "recovered", "doubles", "orphans", "late", "not_told", "wrong")


@dataclass(slots=True)
class Row:
    """Row of the result table: the counts of one side effect."""

    name: str
    kills: int = 0
    pauses: int = 0
    recovered: int = 0
    slowest: float = 0.0
    doubles: int = 0
    orphans: int = 0
    late: int = 0
    not_told: int = 0
    wrong: int = 0

    def add(self, seconds: float | None, outcome: Outcome) -> None:
        """Count a kill or a pause at this side effect.

        An error in a run with several kills counts for each of them.
        """
        self.kills += outcome.between is None
        self.pauses += outcome.between is not None
        self.recovered += seconds is not None and seconds <= RECOVERS_S
        self.slowest = max(self.slowest, seconds or 0.0)
        self.doubles, self.orphans = self.doubles + outcome.doubles, self.orphans + outcome.orphans
        self.late += outcome.late
        self.not_told, self.wrong = (
            self.not_told + (not outcome.told),
            self.wrong + bool(outcome.trouble),
        )

    @property
    def good(self) -> bool:
        """Return whether the setup recovered from every kill and pause and nothing was lost."""
        return self.recovered == self.kills + self.pauses and not (
            self.doubles or self.orphans or self.late or self.not_told or self.wrong
        )

    def cells(self) -> tuple[str, ...]:
        """Return the row's cells as texts for the printed table."""
        numbers = (self.doubles, self.orphans, self.late, self.not_told, self.wrong)
        return (
            self.name,
            str(self.kills),
            str(self.pauses),
            str(self.recovered),
            f"{self.slowest:.1f}",
            *map(str, numbers),
        )


@dataclass(slots=True)
class Score:
    """Score of all lanes, which are the stacks that run at the same time."""

    wanted: int
    schedule: Iterator[tuple[Kill, ...]]
    wanted_pauses: int = 0
    paused: Iterator[Pause] = field(default_factory=lambda: pauses(1))
    started: float = field(default_factory=time.monotonic)
    rows: dict[str, Row] = field(
        default_factory=lambda: {
            name: Row(name) for name in (*(place.name for place in PLACES), AT_ANY_TIME)
        }
    )
    runs: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock)

    @property
    def kills(self) -> int:
        """Return the number of kills so far."""
        return sum(row.kills for row in self.rows.values())

    @property
    def pauses(self) -> int:
        """Return the number of pauses so far."""
        return sum(row.pauses for row in self.rows.values())

    @property
    def good(self) -> bool:
        """Return whether enough kills and pauses have happened, and every row is good."""
        enough = self.kills >= self.wanted and self.pauses >= self.wanted_pauses
        return enough and all(row.good for row in self.rows.values())

    def next(self) -> tuple[Kill, ...] | Pause | None:
        """Return the kills or the pause of the next run, or None if there were enough of both."""
        with self._lock:
            if self.kills < self.wanted:
                return next(self.schedule)
            return next(self.paused) if self.pauses < self.wanted_pauses else None

    def add(self, outcome: Outcome) -> None:
        """Count a run and print its line."""
        with self._lock:
            self.runs += 1
            for hit in outcome.hits:
                self.rows[hit.kill.name].add(hit.seconds, outcome)
            _say(self._outcome_line(outcome))
            if outcome.evidence:
                place = Path(tempfile.gettempdir()) / f"chaos-{os.getpid()}-{self.runs}.txt"
                place.write_text(outcome.evidence, "utf-8")
                _say(f"           messages, mails and logs: {place}")

    def _outcome_line(self, outcome: Outcome) -> str:
        made, wanted = self.kills + self.pauses, self.wanted + self.wanted_pauses
        counted = outcome.doubles or outcome.orphans or outcome.late
        good = not (outcome.trouble or counted) and outcome.told
        after, killed = time.monotonic() - self.started, _killed(outcome) or "not reached"
        line = (
            f"{_bar(min(1.0, made / wanted))} {made:3}/{wanted} {after:5.0f} s  "
            f"{'right' if good else 'WRONG'}  {outcome.seconds:4.0f} s  {killed}"
        )
        details = (
            f" doubles {outcome.doubles}, orphans {outcome.orphans}, after an end {outcome.late}, "
            f"told {outcome.told}; {outcome.trouble}"
        )
        return line if good else f"{line}\n          {details}"


def _bar(share: float) -> str:
    return "█" * round(share * 20) + "░" * (20 - round(share * 20))


def _killed(outcome: Outcome) -> str:
    """Return a text about each kill or the pause of a run.

    The text has the seconds until work began again.
    """
    paused = f"paused, in between {outcome.between}" if outcome.between else ""
    return ", ".join(
        f"{h.kill.name} {h.kill.when if h.kill.effect else ''} {paused or h.kill.victim} "
        f"{'never' if h.seconds is None else f'{h.seconds:.1f} s'}"
        for h in outcome.hits
    )


def run(kills: int, paused: int, seed: int, lanes: int) -> int:
    """Run the kills and the pauses, and return the exit code.

    The code is 0 if every run ended correctly, work resumed within 30 seconds after each kill and
    pause, and nothing was written after an end.
    """
    score, failed = Score(kills, runs(seed), paused, pauses(seed)), list[BaseException]()
    _say(f"{kills} kills and {paused} pauses, seed {seed}, on {lanes} stacks")
    if not has_other_host():
        _say("No second host: unshare is not permitted, so a second worker of this one takes over")
    _run_lanes(score, failed, lanes)
    for error in failed:
        _say(f"A stack stopped: {error}")
    _say(table(score))
    return 0 if score.good and not failed else 1


def _run_lanes(score: Score, failed: list[BaseException], lanes: int) -> None:
    """Run the stacks side by side until there were enough kills and pauses."""
    threads = [
        threading.Thread(target=_lane, args=(score, failed), name=f"lane {number}")
        for number in range(1, lanes + 1)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def table(score: Score) -> str:
    """Return the result table, with a row for each side effect and a row with the total."""
    total = Row(f"{score.runs} runs")
    for row in score.rows.values():
        for name in COUNTED:
            setattr(total, name, getattr(total, name) + getattr(row, name))
        total.slowest = max(total.slowest, row.slowest)
    lines = [HEAD, *(row.cells() for row in (*score.rows.values(), total))]
    widths = [max(len(line[column]) for line in lines) for column in range(len(HEAD))]
    return "\n".join(_aligned(line, widths) for line in lines)


def _aligned(cells: tuple[str, ...], widths: list[int]) -> str:
    """Return a line of the table: its name at the left, its numbers at the right."""
    numbers = (cell.rjust(width) for cell, width in zip(cells[1:], widths[1:], strict=True))
    return "  ".join([cells[0].ljust(widths[0]), *numbers])


def _lane(score: Score, failed: list[BaseException]) -> None:
    try:
        with Lane() as lane:
            while task := score.next():
                score.add(lane.pause(task) if isinstance(task, Pause) else lane.run(task))
    except (NotStartedError, AssertionError, OSError) as error:
        failed.append(error)


def _say(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()
