"""What a check knows before any sign-in, and who changed what it found wrong in Entra."""

import asyncio
from datetime import UTC, datetime, timedelta

import pytest

from jobs.checks.check import brief_for, name_changers, set_back
from jobs.clock import now
from jobs.model import Access, Change, Finding, Scope, State, Text
from jobs.probes import all_probes
from jobs.runs.run import Brief, Event, Kind, Origin
from jobs.steps import all_steps

MOMENT = datetime(2026, 11, 25, 9, 0, tzinfo=UTC)


def ran(store, channel, asker, hours: int, client_id: str, *steps: str) -> None:
    """Record a run that found this app, changed these steps and had its token saved.

    ``hours`` is the time after MOMENT.
    """
    run = store.open(channel, asker, Origin("room-1", message=f"m{hours}"))
    at = MOMENT + timedelta(hours=hours)
    app = Finding("application", State.OK, facts={"client_id": client_id})
    store.append(run.id, Event(Kind.FOUND, at, step="application", finding=app))
    for step in steps:
        wrong = Event(Kind.CHANGING, at, step=step, finding=Finding(step, State.WRONG))
        store.append(run.id, wrong, Event(Kind.CHANGED, at, step=step))
    store.append(run.id, Event(Kind.ANSWERED, at, data={"question": "token_saved", "value": "yes"}))
    store.end(store.load(run.id), Event(Kind.FINISHED, at))


def test_the_newest_of_each(store, channel, asker):
    """The brief has the newest app, token time and change time of the channel's runs.

    A fix may have made a new app, asked for a new token or set the forwarding again.
    """
    ran(store, channel, asker, 0, "old", "forwarding", "smtp_auth")
    ran(store, channel, asker, 5, "new", "smtp_auth")
    known = Brief(client_id="new", token_at=MOMENT + timedelta(hours=5), changed_at=MOMENT)
    assert brief_for(store, channel.mailbox) == known


def test_an_app_that_was_only_looked_at_is_not_in_webex_connect(store, channel, asker):
    """An app that a run only found is not taken as the app in Webex Connect.

    Webex Connect has the app that its token was generated with.
    """
    ran(store, channel, asker, 0, "given", "client_secret")
    run = store.open(channel, asker, Origin("room-1", message="m2"))
    seen = Finding("application", State.OK, facts={"client_id": "found"})
    at = MOMENT + timedelta(hours=2)
    store.append(run.id, Event(Kind.FOUND, at, step="application", finding=seen))
    assert brief_for(store, channel.mailbox).client_id == "given"


IN = {"question": "mailbox_sign_in", "value": "yes"}
SIGNED_IN = Event(Kind.ANSWERED, MOMENT, by="agent@contoso.com", data=IN)
NAMED = Event(Kind.ANSWERED, MOMENT, data={"question": "delegate", "value": "other@contoso.com"})


@pytest.mark.parametrize(
    ("shared", "events", "told"),
    [
        ("", (SIGNED_IN,), Brief(upn="s1@contoso.com")),
        ("yes", (), Brief(shared=True)),
        ("blocked", (NAMED,), Brief(shared=True, delegate="other@contoso.com")),
        ("blocked", (NAMED, SIGNED_IN), Brief(shared=True, delegate="agent@contoso.com")),
    ],
)
def test_who_logs_in(store, channel, asker, shared, events, told):
    """For a shared mailbox, the brief names the delegate who logs in.

    The user who signed in for the rehearsal counts first, because the bot has that user's sign-in.
    """
    run = store.open(channel, asker, Origin("room-1", message="m1"))
    facts = {"upn": "s1@contoso.com"} | ({"shared": shared} if shared else {})
    found = Finding("mailbox_user", State.OK, facts=facts)
    store.append(run.id, Event(Kind.FOUND, MOMENT, step="mailbox_user", finding=found), *events)
    assert brief_for(store, channel.mailbox) == told


def test_the_newest_run_names_the_delegate(store, channel, asker):
    """If a later run has no rehearsal of its own, the brief keeps an earlier run's delegate."""
    shared = Finding("mailbox_user", State.OK, facts={"shared": "yes"})
    for number, events in enumerate(((SIGNED_IN,), ())):
        run = store.open(channel, asker, Origin("room-1", message=f"m{number}"))
        seen = Event(Kind.FOUND, MOMENT, step="mailbox_user", finding=shared)
        store.append(run.id, seen, *events)
        store.end(store.load(run.id), Event(Kind.CANCELLED, MOMENT))
    assert brief_for(store, channel.mailbox).delegate == "agent@contoso.com"


def test_of_an_unknown_mailbox_nothing(store, redis):
    """The brief of an unknown mailbox is empty, because it has no run."""
    assert brief_for(store, "nobody@contoso.com") == Brief()


AUDITS = "GET /auditLogs/directoryAudits"


STEPS = {**all_steps(), **all_probes()}


def row(activity: str, minutes: int, by, result: str = "success"):
    at = now() - timedelta(minutes=minutes)
    what = {"activityDateTime": at.isoformat(), "activityDisplayName": activity}
    return what | {"result": result, "initiatedBy": by}


ADA = {"user": {"userPrincipalName": "ada@contoso.com"}, "app": None}


TOOL = {"user": None, "app": {"displayName": "CIPP"}}


def named(ctx, access: Access) -> list[tuple[str, str]]:
    """Return who changed the grant and how, as the check's run has it afterwards."""
    ctx.access = access
    asyncio.run(name_changers(ctx))
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
    gone = "Remove delegated permission grant"
    rows = [row(gone, 30, ADA), row(gone, 20, TOOL), row(gone, 5, ADA, "failure")]
    rows += [row("Update service principal", 1, ADA), row(gone, 60 * 24 * 8, ADA)]
    cloud.on(AUDITS, rows)
    assert named(broken, Access.APP) == [("CIPP", gone)]


def test_nobody_is_named_for_a_secret_that_ran_out(given, cloud):
    """A secret expires by itself, whoever changed anything else of the app before."""
    ended = Finding("client_secret", State.WRONG, cause="client_secret_expired")
    found = Event(Kind.FOUND, now(), step="client_secret", finding=ended)
    cloud.on(AUDITS, [row("Update application", 5, ADA)])
    ctx = given(kind="check", facts={"object_id": "app-1"}, events=(found,))
    asyncio.run(name_changers(ctx))
    assert ctx.store.load(ctx.run.id).findings["client_secret"].signals.changes == ()


def test_a_log_that_cannot_be_read_says_nothing(broken, cloud):
    """Without access nothing is asked, and a refusal leaves the finding as it is."""
    cloud.refuse(AUDITS, 403, "Authorization_RequestDenied")
    assert named(broken, Access.NONE) == []
    assert cloud.asked == []
    assert named(broken, Access.ADMIN) == []
    assert [what for what, _ in cloud.asked] == [AUDITS]


def test_a_healthy_channel_reads_no_log(given, cloud):
    """A check without a cause in Entra costs no request more than before."""
    fine = Finding("smtp_grant", State.OK)
    found = Event(Kind.FOUND, now(), step="smtp_grant", finding=fine)
    assert named(given(kind="check", facts={"sp_id": "sp-1"}, events=(found,)), Access.ADMIN) == []
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
    assert (again.run, again.baselines) == (second.run.id, STEPS["smtp_auth"].baselines)


def test_an_object_of_the_app_was_not_set_back(given):
    """An expired secret is no value that somebody has set back."""
    ctx = fixed(given, scope=Scope.APP)
    assert set_back(ctx.store, ctx.channel.mailbox, STEPS) == {}
