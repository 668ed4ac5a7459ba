"""Who changed what a check found wrong in Entra, from the directory's audit log."""

import asyncio
from datetime import timedelta

import pytest

from jobs.checks.check import name_changers, set_back
from jobs.clock import now
from jobs.model import Access, Change, Finding, Scope, State, Text
from jobs.probes import all_probes
from jobs.runs.run import Event, Kind
from jobs.steps import all_steps

AUDITS = "GET /auditLogs/directoryAudits"
STEPS = {**all_steps(), **all_probes()}


def row(activity: str, minutes: int, by, result: str = "success"):
    at = now() - timedelta(minutes=minutes)
    return {
        "activityDateTime": at.isoformat(),
        "activityDisplayName": activity,
        "result": result,
        "initiatedBy": by,
    }


ADA = {"user": {"userPrincipalName": "ada@contoso.com"}, "app": None}
TOOL = {"user": None, "app": {"displayName": "CIPP"}}


def named(ctx, allowed: set[Access]) -> list[tuple[str, str]]:
    """Return who changed the grant and how, as the check's run has it afterwards."""
    asyncio.run(name_changers(ctx, allowed))
    found = ctx.store.load(ctx.run.id).findings["smtp_grant"]
    return [(each.by, each.event) for each in found.signals.changes]


@pytest.fixture
def broken(given):
    """Return the context of a check that found the grant of the app gone."""
    gone = Finding("smtp_grant", State.WRONG, cause="consent_missing")
    found = Event(Kind.FOUND, now(), step="smtp_grant", finding=gone)
    return given(kind="check", facts={"sp_id": "sp-1"}, events=(found,))


def test_the_newest_fitting_change_is_named(broken, cloud):
    """Of all changes of the object only those count that succeeded and may bring the cause about."""
    cloud.on(
        AUDITS,
        [
            row("Remove delegated permission grant", 30, ADA),
            row("Remove delegated permission grant", 20, TOOL),
            row("Remove delegated permission grant", 5, ADA, "failure"),
            row("Update service principal", 1, ADA),
            row("Remove delegated permission grant", 60 * 24 * 8, ADA),
        ],
    )
    assert named(broken, {Access.NONE, Access.APP}) == [
        ("CIPP", "Remove delegated permission grant")
    ]


def test_a_log_that_cannot_be_read_says_nothing(broken, cloud):
    """Without access nothing is asked, and a refusal leaves the finding as it is."""
    cloud.refuse(AUDITS, 403, "Authorization_RequestDenied")
    assert named(broken, {Access.NONE}) == []
    assert cloud.asked == []
    assert named(broken, {Access.ADMIN}) == []
    assert [what for what, _ in cloud.asked] == [AUDITS]


def test_a_healthy_channel_reads_no_log(given, cloud):
    """A check without a cause in Entra costs no request more than before."""
    fine = Finding("smtp_grant", State.OK)
    found = Event(Kind.FOUND, now(), step="smtp_grant", finding=fine)
    ctx = given(kind="check", facts={"sp_id": "sp-1"}, events=(found,))
    assert named(ctx, {Access.ADMIN}) == []
    assert cloud.asked == []


def fixed(given, kind: str = "fix", scope: Scope = Scope.MAILBOX):
    """Record a run that has set SMTP AUTH right."""
    line = Change("smtp_auth", "M2", Text("a"), Text("seen.off"), Text("seen.on"), scope, "x")
    wrong = Finding("smtp_auth", State.WRONG)
    made = (
        Event(Kind.CHANGING, now(), step="smtp_auth", finding=wrong, changes=(line,)),
        Event(Kind.CHANGED, now(), step="smtp_auth"),
    )
    ctx = given(kind=kind, events=made)
    ctx.store.end(ctx.run, Event(Kind.FINISHED, now()))
    return ctx


def test_a_value_that_is_wrong_again_was_set_back(given):
    """The newest run that has set the value is named, from the second time on with its baselines."""
    first = fixed(given, "setup")
    known = set_back(first.store, first.channel.mailbox, STEPS)
    assert {name: (each.run, each.baselines) for name, each in known.items()} == {
        "smtp_auth": (first.run.id, ())
    }
    second = fixed(given)
    (again,) = set_back(first.store, first.channel.mailbox, STEPS).values()
    ids = STEPS["smtp_auth"].baselines
    assert (again.run, again.baselines, again.after) == (second.run.id, ids, Text("seen.on"))


def test_an_object_of_the_app_was_not_set_back(given):
    """An expired secret is no value that somebody has set back."""
    ctx = fixed(given, scope=Scope.APP)
    assert set_back(ctx.store, ctx.channel.mailbox, STEPS) == {}
