"""Article row E3: removal of the secret that a fix has replaced, once the new one is proven."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

from jobs.clock import now
from jobs.engine.engine import Engine
from jobs.microsoft.app_manifest import unique_name
from jobs.model import Change, Finding, Person, Scope, State, Text
from jobs.runs.run import Event, Kind, Origin, Plan
from jobs.runs.run_store import RunStore
from jobs.runtime import NoListener
from jobs.steps import all_steps, steps_of
from jobs.steps.client_secret import ClientSecret, OldSecret
from tests.unit.jobs.conftest import Cloud, Given

STEP = OldSecret()
APP = f"GET /applications(uniqueName='{unique_name('support@contoso.com')}')"
REMOVE = "POST /applications/object-1/removePassword"
FACTS = {"object_id": "object-1"}
ONE = Text("seen.old_secret", {"count": "1"})
LINE = Change(
    "old_secret",
    "E3",
    Text("step.old_secret"),
    ONE,
    Text("after.old_secret"),
    Scope.APP,
    "Graph POST /applications/{id}/removePassword",
    reversible=False,
)


def secret(key_id: str, name: str, days: float = 9) -> dict[str, str]:
    """Return a client secret as Graph lists it."""
    return {
        "keyId": key_id,
        "displayName": name,
        "endDateTime": (now() + timedelta(days=days)).isoformat(),
    }


def before(store: RunStore, channel: Any, asker: Person) -> str:
    """Return the ID of an earlier run of the mailbox, which has ended."""
    run = store.open(channel, asker, Origin("room-1"))
    store.end(run, Event(Kind.FINISHED, now()))
    return run.id


async def test_the_plan_shows_it_from_the_start(
    given: Given, cloud: Cloud, store: RunStore, channel: Any, asker: Person
):
    """In a fix, the plan lists the removal of the old secret together with the new secret."""
    name = f"Webex Connect {before(store, channel, asker)}"
    store.record_secret_shown("k1")
    cloud.on(APP, {"passwordCredentials": [secret("k1", name), secret("k2", "made by hand")]})
    ctx = given(facts=FACTS, kind="fix")
    lines = ClientSecret().plan(ctx, await ClientSecret().inspect(ctx))
    assert ([line.step for line in lines], lines[1]) == (["client_secret", "old_secret"], LINE)
    planned = replace(ctx.run, plan=Plan("p", lines, now()))
    assert [("old_secret" in steps_of(run)) for run in (ctx.run, planned)] == [False, True]


async def test_the_new_one_does_not_count_as_its_removal(
    given: Given, cloud: Cloud, store: RunStore, channel: Any, asker: Person
):
    """The new secret does not count as the removal of the old one, though one plan shows both."""
    old = secret("k1", f"Webex Connect {before(store, channel, asker)}")
    store.record_secret_shown("k1")
    ctx = given(facts=FACTS, kind="fix")
    there, after = (
        {"passwordCredentials": [old]},
        {"passwordCredentials": [old, secret("k2", f"Webex Connect {ctx.run.id}", 300)]},
    )
    cloud.on(APP, there, there, after).on(
        "POST /applications/object-1/addPassword", {"keyId": "k2", "secretText": "s"}
    )
    lines = ClientSecret().plan(ctx, await ClientSecret().inspect(ctx))
    word = Event(Kind.APPROVED, now(), data={"plan": "p", "scope": "mailbox"})
    store.append(ctx.run.id, Event(Kind.PLANNED, now(), data={"plan": "p"}, changes=lines), word)
    await Engine(ctx, {"client_secret": ClientSecret()}, NoListener(), lambda: True).apply_plan()
    done = [
        change.step for made in ctx.run.changed.values() if made.done for change in made.changes
    ]
    assert ([line.step for line in lines], done) == (
        ["client_secret", "old_secret"],
        ["client_secret"],
    )


async def test_a_setup_removes_nothing(
    given: Given, cloud: Cloud, store: RunStore, channel: Any, asker: Person
):
    """A setup does not plan to remove an old secret, because nobody asked for that."""
    cloud.on(
        APP,
        {"passwordCredentials": [secret("k1", f"Webex Connect {before(store, channel, asker)}")]},
    )
    ctx = given(facts=FACTS)
    assert [line.step for line in ClientSecret().plan(ctx, await ClientSecret().inspect(ctx))] == [
        "client_secret"
    ]


async def test_only_what_the_bot_made_before_is_removed(
    given: Given, cloud: Cloud, store: RunStore, channel: Any, asker: Person
):
    """Only the bot's earlier secrets are removed, never this run's own or a person's."""
    ours = secret("k1", f"Webex Connect {before(store, channel, asker)}")
    ctx = given(facts=FACTS, kind="fix")
    kept = [
        secret("k2", f"Webex Connect {ctx.run.id}"),
        secret("k3", "Webex Connect by Kim"),
        secret("k4", "by hand"),
    ]
    cloud.on(
        APP,
        {"passwordCredentials": [ours, *kept]},
        {"passwordCredentials": [ours, *kept]},
        {"passwordCredentials": kept},
    )
    found = await STEP.inspect(ctx)
    assert (found.state, found.seen, STEP.plan(ctx, found)) == (State.WRONG, ONE, (LINE,))
    await STEP.apply(ctx, found)
    assert await STEP.inspect(ctx) == Finding(
        "old_secret", State.OK, seen=Text("seen.old_secret_removed")
    )
    await STEP.apply(ctx, found)
    assert cloud.writes == [(REMOVE, {"keyId": "k1"})]


def test_it_comes_after_every_proof():
    """The old secret is removed last, after the new one and every proof, as Microsoft says."""
    assert set(STEP.after) == {"token", "own_login", "test_mail", "agent_answer"}
    assert {"client_secret", *STEP.after} <= all_steps().keys()
