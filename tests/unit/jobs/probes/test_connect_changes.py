"""Tests of the changes in Webex Connect: the suspects, and the reasons why the log is not read."""

from datetime import UTC, datetime, timedelta

import pytest
from msgspec.structs import replace

from jobs.checks.verdict import judge
from jobs.clock import now
from jobs.model import ConnectChange, Finding, Signals, State, Text, second_of
from jobs.probes import all_probes
from jobs.probes.contact_center import MOST
from jobs.runs.run import Brief
from jobs.runs.run_store import ChannelIndex, Record
from tests.fixtures.parsed import table
from tests.unit.jobs.probes.trace_rows import look

ANSWERS = table("outside")

AT = datetime(2026, 11, 25, 12, 0, tzinfo=UTC)
PROBES = all_probes()


def ago(minutes: float) -> datetime:
    """Return the time so many minutes before ``AT``."""
    return AT - timedelta(minutes=minutes)


def change(minutes: float, event: str = "updateApp") -> ConnectChange:
    """Return a change that was made so many minutes before ``AT``."""
    return ConnectChange(at=ago(minutes), by="kim@contoso.com", event=event)


def good(step: str, minutes: float, **more) -> Finding:
    """Return the finding that mail passed so many minutes before ``AT``."""
    return Finding(step, State.OK, signals=Signals(at=ago(minutes), **more))


def lost(step: str, minutes: float, cause: str = "no_task") -> Finding:
    """Return the finding that mail has been lost since so many minutes before ``AT``."""
    return Finding(step, State.WRONG, cause=cause, signals=Signals(since=ago(minutes)))


def none(step: str) -> Finding:
    """Return the finding of a step that was skipped, because there was no mail."""
    return Finding(step, State.SKIPPED, seen=Text("skipped.no_mail"))


def suspects(*others: Finding, changes: tuple[ConnectChange, ...]) -> list[float]:
    """Return the ages in minutes of the changes that the verdict calls possible causes."""
    own = Finding("connect_changes", State.OK, signals=Signals(changes=changes))
    verdict = judge(PROBES, {each.step: each for each in (own, *others)})
    found = verdict.weighed["connect_changes"]
    assert verdict.causes == tuple(each.step for each in others if each.state is State.WRONG)
    assert ("connect_changes" in verdict.possible) is (found.state is State.POSSIBLE)
    if found.state is State.OK:
        return []
    newest = found.signals.changes[0]
    values = {"event": newest.event, "by": "kim@contoso.com", "at": second_of(newest.at)}
    assert (found.cause, found.seen) == ("connect_changed", Text("seen.connect_suspect", values))
    return [(AT - each.at).total_seconds() / 60 for each in found.signals.changes]


TASKS_WERE, ANSWERS_WERE = good("agent_tasks", 60), good("answers", 50)
NO_TASK = lost("mail_to_task", 30)


@pytest.mark.parametrize(
    ("others", "minutes", "found"),
    [
        # No sign of an end: whatever is newer than the last good mail of the two ways.
        ((TASKS_WERE, ANSWERS_WERE), (20, 55, 70), [20, 55]),
        ((TASKS_WERE, none("answers")), (20, 70), [20]),
        ((none("agent_tasks"), ANSWERS_WERE), (20, 55), [20]),
        ((none("agent_tasks"), none("answers")), (20, 5000), [20, 5000]),
        ((good("agent_tasks", 5), good("answers", 4)), (10, 70), []),
        # Mail is lost since a moment: nothing later is the reason, and an app's change may be late.
        ((TASKS_WERE, ANSWERS_WERE, NO_TASK), (20, 29.5, 40, 100, 200), [29.5, 40, 100]),
        ((TASKS_WERE, good("answers", 50, unanswered=ago(30))), (20, 40), [40]),
        ((TASKS_WERE, good("answers", 50, unproven=ago(30))), (20, 40), [40]),
        ((TASKS_WERE, ANSWERS_WERE, lost("sign_ins", 30, "scope_wrong")), (20, 40), [40]),
        ((TASKS_WERE, lost("answers", 30, "send_as_denied")), (20, 40), [40]),
        # A sign from before the last good mail is history.
        ((good("agent_tasks", 5), good("answers", 4, unanswered=ago(30))), (10, 40), []),
    ],
)
def test_between_the_last_good_mail_and_the_first_bad_sign(others, minutes, found):
    """A change is a suspect only if it lies between the last good mail and the first bad sign.

    A suspect is only possible and never a cause, whatever else is wrong.
    """
    assert suspects(*others, changes=tuple(map(change, minutes))) == found


def test_a_deleted_flow_counts_at_once():
    """The deletion of a flow stops mail at once, so it is no suspect if mail passed after it.

    After a change of the app, mail goes on until the app's token ends.
    """
    others = (TASKS_WERE, ANSWERS_WERE, NO_TASK)
    changes = (change(40, "deleteFlow"), change(100, "deleteFlow"), change(101))
    assert suspects(*others, changes=changes) == [40, 101]


@pytest.mark.parametrize("missing", ["agent_tasks", "answers"])
def test_nothing_is_a_suspect_before_the_newest_mail_is_known(missing):
    """While a check runs, no change is a suspect before the newest task and answer are known."""
    others = [each for each in (TASKS_WERE, ANSWERS_WERE) if each.step != missing]
    assert suspects(*others, changes=(change(20),)) == []


def row(minutes: float, event: str = "updateApp"):
    """Return a log entry of so many minutes ago."""
    created = (now() - timedelta(minutes=minutes)).isoformat()
    return {"created": created, "eventDescription": event, "actorEmail": "kim@contoso.com"}


@pytest.mark.parametrize("method", ["POST", "GET"])
def test_the_changes_of_the_last_days(given, configured, outside, method):
    """The log is read with POST or GET, and only the newest changes are kept.

    Entries of other actions, such as a login, do not count.
    """
    rows = [row(each) for each in range(1, MOST + 3)] + [row(0.5, "login")]
    outside.on(f"{method} /audit", {"totalRecords": len(rows), "auditLogs": rows})
    found = look("connect_changes", given(settings=configured()))
    assert (found.state, found.seen.key) == (State.OK, "seen.connect_changed")
    assert found.seen.values["count"] == str(MOST + 2)
    ages = [round((now() - each.at).total_seconds() / 60) for each in found.signals.changes]
    assert ages == list(range(1, MOST + 1))
    headers, body = outside.asked[-1][2:]
    assert (headers["authorization"], body["range"]) == ("Bearer token-2", "custom")


def test_the_setup_itself_is_no_suspect(given, configured, outside):
    """Changes from before the setup saved its token belong to the setup and are left out."""
    outside.on("POST /audit", {"totalRecords": 2, "auditLogs": [row(5), row(20)]})
    ctx = given(settings=configured())
    for token, count in ((10, 1), (30, 2), (1, 0)):
        brief = Brief(token_at=now() - timedelta(minutes=token))
        ctx.run = replace(ctx.run, brief=brief)
        assert len(look("connect_changes", ctx).signals.changes) == count
    assert look("connect_changes", ctx).seen == Text("seen.connect_unchanged", {"days": "7"})


def test_the_proof_ends_the_setup(given, configured, outside, monkeypatch):
    """Changes from before the proof of the setup are left out.

    The app is registered after its token was saved. A channel that was made by hand has no setup.
    """
    outside.on("POST /audit", {"totalRecords": 2, "auditLogs": [row(5), row(20)]})
    ctx = given(settings=configured())
    proven = Record("R1", now() - timedelta(minutes=10), ctx.channel)
    monkeypatch.setattr(ChannelIndex, "record", lambda *_: proven)
    assert len(look("connect_changes", ctx).signals.changes) == 2
    ctx.run = replace(ctx.run, brief=Brief(token_at=now() - timedelta(minutes=30)))
    assert len(look("connect_changes", ctx).signals.changes) == 1


@pytest.mark.parametrize(("status", "reason"), ANSWERS["audit_log"])
def test_what_is_not_read_breaks_nothing(given, configured, outside, status, reason):
    """If the log cannot be read, the probe is skipped with its reason.

    Nothing is called wrong, and the token is not shown.
    """
    for method in ("POST", "GET"):
        outside.on(f"{method} /audit", {"code": str(status), "description": "No"}, status)
    found = look("connect_changes", given(settings=configured()))
    assert (found.state, found.seen, found.cause) == (State.SKIPPED, Text(f"skipped.{reason}"), "")
    assert ("No" in found.evidence[0].text, "token-2" in str(found)) == (True, False)
    verdict = judge(PROBES, {each.step: each for each in (found, TASKS_WERE, ANSWERS_WERE)})
    assert (verdict.causes, verdict.possible, verdict.skipped) == ((), (), ("connect_changes",))
