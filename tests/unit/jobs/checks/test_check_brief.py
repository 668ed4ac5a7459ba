"""What a check knows from the channel's runs before anybody signs in."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from jobs.checks.check import brief_for
from jobs.model import Channel, Finding, Person, State
from jobs.runs.origin import Brief, Origin
from jobs.runs.run import Event, Kind
from jobs.runs.run_store import RunStore

MOMENT = datetime(2026, 11, 25, 9, 0, tzinfo=UTC)


def ran(store: RunStore, channel: Channel, asker: Person, hours: int, client_id: str, *steps: str) -> None:
    """A run that found this app, changed these steps and was told that the token is saved, so many hours later."""
    run, at = store.open(channel, asker, Origin("room-1", message=f"m{hours}")), MOMENT + timedelta(hours=hours)
    store.append(
        run.id, Event(Kind.FOUND, at, step="application", finding=Finding("application", State.OK, facts={"client_id": client_id}))
    )
    for step in steps:
        store.append(run.id, Event(Kind.CHANGING, at, step=step, finding=Finding(step, State.WRONG)), Event(Kind.CHANGED, at, step=step))
    store.append(run.id, Event(Kind.ANSWERED, at, data={"question": "token_saved", "value": "yes"}))
    store.end(store.load(run.id), Event(Kind.FINISHED, at))


def test_the_newest_of_each(store: RunStore, channel: Channel, asker: Person):
    """A fix may have made the app anew, asked for another token and set the forwarding: what the setup knew is old then."""
    ran(store, channel, asker, 0, "old", "forwarding", "smtp_auth")
    ran(store, channel, asker, 5, "new", "smtp_auth")
    later = MOMENT + timedelta(hours=5)
    assert brief_for(store, channel.mailbox) == Brief(client_id="new", token_at=later, changed_at=MOMENT)


def test_an_app_that_was_only_looked_at_is_not_in_webex_connect(store: RunStore, channel: Channel, asker: Person):
    """A fix that was left finds the app that is there; Webex Connect has the one that its token was generated with."""
    ran(store, channel, asker, 0, "given", "client_secret")
    run = store.open(channel, asker, Origin("room-1", message="m2"))
    seen = Finding("application", State.OK, facts={"client_id": "found"})
    store.append(run.id, Event(Kind.FOUND, MOMENT + timedelta(hours=2), step="application", finding=seen))
    assert brief_for(store, channel.mailbox).client_id == "given"


@pytest.mark.parametrize(
    ("shared", "told"), [("", Brief(upn="s1@contoso.com")), ("yes", Brief(shared=True)), ("blocked", Brief(shared=True))]
)
def test_whose_mailbox_the_login_opens(store: RunStore, channel: Channel, asker: Person, shared: str, told: Brief):
    """A shared one is named by its address, whoever's the token is (facts/microsoft.md 2.1)."""
    run = store.open(channel, asker, Origin("room-1", message="m1"))
    facts = {"upn": "s1@contoso.com"} | ({"shared": shared} if shared else {})
    store.append(run.id, Event(Kind.FOUND, MOMENT, step="mailbox_user", finding=Finding("mailbox_user", State.OK, facts=facts)))
    assert brief_for(store, channel.mailbox) == told


def test_of_an_unknown_mailbox_nothing(store: RunStore, redis: Any):
    """There is no run."""
    assert brief_for(store, "nobody@contoso.com") == Brief()
