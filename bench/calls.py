"""Calls to the clouds during a part of a run, each with the steps that requested it.

The calls come from the practice cloud's journal, which records when a call was answered and how
long the cloud took. The step is in the worker's log (LOG_LEVEL=DEBUG), under the
``client-request-id`` that both contain.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

Json = dict[str, Any]
ROUNDING_S = 0.003
"""Tolerance in seconds, because the journal's times are whole milliseconds and its durations are
rounded too.
"""


@dataclass(frozen=True, slots=True)
class Call:
    """One call to a cloud.

    ``start`` is in seconds since the epoch, ``seconds`` is how long the cloud took, and ``steps``
    are the steps that waited for the answer.
    """

    start: float
    seconds: float
    method: str
    path: str
    steps: frozenset[str]

    @property
    def end(self) -> float:
        """Return when the cloud had answered, in seconds since the epoch."""
        return self.start + self.seconds

    def precedes(self, other: Call) -> bool:
        """Return whether this call was answered before the other one began."""
        return self.end <= other.start + ROUNDING_S


def read(items: Iterable[Json], *logs: Path) -> list[Call]:
    """Return the journal's calls, oldest first."""
    lines = [line for log in logs for line in _lines(log)]
    wanted: dict[str, set[str]] = {}
    for line in lines:
        if line.get("event") == "call":
            wanted.setdefault(str(line.get("id")), set()).add(str(line.get("step", "")))
    found = sorted(
        (_call(item, wanted.get(str(item.get("request_id")), set())) for item in items),
        key=lambda call: call.start,
    )
    return _joined(
        found, {str(item.get("request_id")): call for item, call in _pairs(items, found)}, lines
    )


def _call(item: Json, steps: set[str]) -> Call:
    seconds = float(item["seconds"])
    start = datetime.fromisoformat(item["at"]).timestamp() - seconds
    return Call(start, seconds, item["method"], item["path"], frozenset(steps - {""}))


def _pairs(items: Iterable[Json], calls: list[Call]) -> list[tuple[Json, Call]]:
    by_start = {(call.start, call.path, call.method): call for call in calls}
    return [
        (item, by_start[made.start, made.path, made.method])
        for item in items
        for made in [_call(item, set())]
    ]


def _joined(calls: list[Call], by_id: dict[str, Call], lines: list[Json]) -> list[Call]:
    """Return the calls, each with the steps that shared its answer.

    A step shares an answer if it reads the same data while another step's call is in progress.
    """
    reads = [
        (str(line.get("read")), by_id[str(line["id"])])
        for line in lines
        if line.get("read") and str(line.get("id")) in by_id
    ]
    more: dict[int, set[str]] = {}
    for line in lines:
        if line.get("event") == "read shared":
            at = datetime.fromisoformat(line["timestamp"]).timestamp()
            for key, call in reads:
                if key == line.get("key") and call.start - 0.1 <= at <= call.end + ROUNDING_S:
                    more.setdefault(id(call), set()).add(str(line.get("step", "")))
    return [
        Call(c.start, c.seconds, c.method, c.path, c.steps | more.get(id(c), set())) for c in calls
    ]


def _lines(log: Path) -> list[Json]:
    found = []
    for line in log.read_text("utf-8", "replace").splitlines():
        if line.startswith("{"):
            try:
                found.append(json.loads(line))
            except ValueError:
                continue
    return found
