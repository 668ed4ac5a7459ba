"""Tests of the signals of a finding, which are stored without defaults and read back unchanged."""

from datetime import UTC, datetime

from jobs.model import NO_SIGNALS, ConnectChange, Finding, Signals, State, Station
from jobs.storage.codec import dump, load

AT = datetime(2026, 11, 25, 9, 30, tzinfo=UTC)
FULL = Signals(since=AT, disproved_by=(), token_lives=True, station=Station.FORWARD, missed=3)


def test_what_is_not_set_is_not_written():
    """Only signals that are set are stored, so most events hold just an empty object."""
    assert dump(NO_SIGNALS) == b"{}"
    assert dump(Signals(missed=3)) == b'{"missed":3}'


def test_they_are_read_back_as_they_were():
    """Signals are read back with their types.

    An empty list of disproving steps is not the same as a missing list.
    """
    found = Finding("copies", State.WRONG, signals=FULL)
    assert load(dump(found), Finding) == found
    assert load(b'{"step": "copies", "state": "ok"}', Finding).signals == NO_SIGNALS
    deleted = ConnectChange(at=AT, by="kim@contoso.com", event="deleteApp", failed=True)
    changed = Finding("connect_changes", State.OK, signals=Signals(changes=(deleted,)))
    assert load(dump(changed), Finding) == changed


def test_later_ones_win():
    """If two sets of signals are joined, each value of the later set wins.

    A value that only the earlier set has stays.
    """
    both = FULL | Signals(station=Station.CONNECT, unproven=AT)
    assert (both.station, both.unproven, both.since, both.missed) == (Station.CONNECT, AT, AT, 3)
    assert FULL | NO_SIGNALS == FULL


def test_people_read_them_as_text():
    """Signals are written as plain text for the TAC file and the audit trail."""
    told = {"since": AT.isoformat(), "disproved_by": "", "token_lives": "yes"}
    assert FULL.texts() == told | {"station": "forward", "missed": "3"}
    changed = ConnectChange(at=AT, by="kim@contoso.com", event="updateApp")
    words = " ".join(2 * [f"{AT.isoformat()} updateApp kim@contoso.com"])
    assert Signals(changes=(changed, changed)).texts() == {"changes": words}
