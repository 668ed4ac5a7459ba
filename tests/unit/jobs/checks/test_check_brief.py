"""Facts from a channel's runs that a check knows before any sign-in."""

from datetime import UTC, datetime, timedelta

import pytest

from jobs.checks.check import brief_for
from jobs.model import Finding, State
from jobs.runs.run import Brief, Event, Kind, Origin

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
    later = MOMENT + timedelta(hours=5)
    known = Brief(client_id="new", token_at=later, changed_at=MOMENT)
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
