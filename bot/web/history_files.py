"""Files of a channel's history to take along: CSV and JSON.

A spreadsheet runs a cell that begins as a formula does, so such a cell gets an apostrophe in front
(OWASP, "CSV Injection"). Every value is guarded, because an address or a code may come from outside.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta

from jobs.watch.figures import Figures, time_to_fix
from jobs.watch.model import Incident

FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "\uff1d", "\uff0b", "\uff0d", "\uff20")
"""Beginnings of a cell that a spreadsheet takes for a formula.

Their full-width forms are included.
"""
DAY_COLUMNS = ("day", "state", "broken_s", "mails", "looks")
INCIDENT_COLUMNS = (
    "id",
    "mailbox",
    "kind",
    "cause",
    "step",
    "station",
    "turn",
    "since",
    "noticed",
    "confirmed",
    "ended",
    "lasted_s",
    "to_notice_s",
    "to_fix_s",
    "late_mails",
    "bounced_mails",
    "flaps",
    "acting",
    "fixed_by_run",
    "check_run",
)


def guarded(value: object) -> str:
    """Return the value as a cell that no spreadsheet runs; None is empty."""
    cell = "" if value is None else str(value)
    return f"'{cell}" if cell.lstrip(" ").startswith(FORMULA) else cell


def days_csv(found: Figures) -> str:
    """Return a CSV file with the column names and one line for each day, oldest first."""
    return _table(DAY_COLUMNS, (each.values() for each in day_rows(found)))


def incidents_csv(incidents: Iterable[Incident]) -> str:
    """Return a CSV file with the column names and one line for each incident, oldest first."""
    return _table(INCIDENT_COLUMNS, (each.values() for each in incident_rows(incidents)))


def as_json(mailbox: str, found: Figures, incidents: Iterable[Incident]) -> str:
    """Return the figures, the days and the incidents.

    Times are ISO 8601 in UTC, and spans are in seconds.
    """
    whole = {
        "mailbox": mailbox,
        "since": found.since.isoformat(),
        "until": found.until.isoformat(),
        "availability": found.availability,
        "watched_s": found.watched.total_seconds(),
        "broken_s": found.broken.total_seconds(),
        "to_notice_s": _seconds(found.to_notice),
        "to_fix_s": _seconds(found.to_fix),
        "mails": found.mails,
        "days": day_rows(found),
        "incidents": incident_rows(incidents),
    }
    return json.dumps(whole, indent=2, ensure_ascii=False) + "\n"


def day_rows(found: Figures) -> list[dict[str, object]]:
    """Return each day's values by the names of their columns."""
    return [
        {
            "day": each.date.isoformat(),
            "state": str(each.state),
            "broken_s": round(each.broken.total_seconds()),
            "mails": each.mails,
            "looks": each.looks,
        }
        for each in found.days
    ]


def incident_rows(incidents: Iterable[Incident]) -> list[dict[str, object]]:
    """Return each incident's values by the names of their columns."""
    return [dict(zip(INCIDENT_COLUMNS, _incident(each), strict=True)) for each in incidents]


def _incident(each: Incident) -> Sequence[object]:
    return (
        each.id,
        each.mailbox,
        str(each.sight),
        each.cause,
        each.step,
        str(each.station or ""),
        str(each.turn),
        _iso(each.since),
        _iso(each.noticed),
        _iso(each.confirmed),
        _iso(each.ended),
        _seconds(each.duration),
        _seconds(each.time_to_notice),
        _seconds(time_to_fix(each)),
        each.damage.late,
        each.damage.bounced,
        each.flaps,
        each.acting,
        each.fixed_by,
        each.check,
    )


def _iso(at: datetime | None) -> str | None:
    return at.isoformat() if at is not None else None


def _seconds(span: timedelta | None) -> int | None:
    return round(span.total_seconds()) if span is not None else None


def _table(head: Sequence[str], rows: Iterable[Iterable[object]]) -> str:
    """Return the head and the rows as a CSV file in the format of RFC 4180."""
    written = io.StringIO()
    writer = csv.writer(written, lineterminator="\r\n")
    writer.writerow(head)
    writer.writerows([guarded(cell) for cell in row] for row in rows)
    return written.getvalue()
