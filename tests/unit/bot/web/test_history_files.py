"""Files of a channel's history: a spreadsheet runs none of their cells."""

from __future__ import annotations

import csv
import io
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from bot.web.history_files import guarded, incidents_csv
from jobs.watch.model import Incident, Sight

AT = datetime(2026, 11, 27, 12, 0, tzinfo=UTC)
INCIDENT = Incident(
    "I1", "support@contoso.com", "room-1", Sight.BROKEN, "not_forwarded", AT, AT, AT
)


@pytest.mark.parametrize(
    "cell",
    [
        "=1+1",
        "+1",
        "-1",
        "@SUM(A1)",
        "\t=1",
        "\r=1",
        "\n=1",
        "  =1",
        "\uff1d1",
        "=cmd|' /C calc'!A0",
    ],
)
def test_a_cell_that_begins_as_a_formula_is_guarded(cell: str):
    """A cell that begins like a formula gets an apostrophe in front, which spreadsheets hide."""
    assert guarded(cell) == f"'{cell}"


@pytest.mark.parametrize("cell", ["", "support@contoso.com", "2026-11-27", 0, 12, "a=b"])
def test_any_other_cell_stays(cell: object):
    """Cells with numbers, dates or addresses stay as they are."""
    assert guarded(cell) == str(cell)


def test_what_came_from_outside_is_guarded():
    """Text from outside is guarded in the files.

    An address may begin with a sign that a spreadsheet runs, and it may hold quotes and commas.
    """
    hostile = replace(
        INCIDENT, mailbox='=HYPERLINK("https://evil.example","x")@contoso.com', acting="+1@x.y"
    )
    (row,) = csv.DictReader(io.StringIO(incidents_csv([hostile])))
    assert row["mailbox"] == '\'=HYPERLINK("https://evil.example","x")@contoso.com'
    assert row["acting"] == "'+1@x.y"


def test_spans_are_seconds_and_an_open_end_is_empty():
    """Durations are in seconds and an open end is empty, so that spreadsheets can calculate."""
    ended = replace(INCIDENT, confirmed=AT + timedelta(minutes=1), ended=AT + timedelta(hours=1))
    rows = list(csv.DictReader(io.StringIO(incidents_csv([INCIDENT, ended]))))
    assert [(each["ended"], each["lasted_s"], each["to_fix_s"]) for each in rows] == [
        ("", "", ""),
        ("2026-11-27T13:00:00+00:00", "3600", "3540"),
    ]
