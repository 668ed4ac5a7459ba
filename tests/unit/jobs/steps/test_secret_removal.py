"""Rows E3 and C6: removal of secrets that are lost, replaced or unused."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from jobs.clock import now
from jobs.clouds.errors import CloudError, CloudReply, Forbidden, Transient
from jobs.engine.engine import Engine
from jobs.model import Change, Channel, Finding, Person, Scope, State, Text, Turn
from jobs.runs.run import Event, Kind, Origin, Plan
from jobs.runs.run_store import RunStore
from jobs.runtime import no_listener
from jobs.steps import all_steps, steps_of
from jobs.steps.client_secret import LABEL, ClientSecret, LostSecret, OldSecret, UnusedSecret
from jobs.storage.vault import Vault
from tests.unit.jobs.conftest import Cloud, Given
from tests.unit.jobs.steps.app_states import READ
from tests.unit.jobs.steps.looks_of_apps import ADD, secret

OLD, NEW, STEP, UNUSED = ClientSecret(), LostSecret(), OldSecret(), UnusedSecret()
REMOVE, BY_ID = "POST /applications/object-1/removePassword", "GET /applications/object-1"
FACTS = {"object_id": "object-1"}
LOST = {"new_secret": "k1"}


def listed(key_id: str, name: str, days: float = 300) -> dict[str, str]:
    """Return a client secret as Graph lists it."""
    return secret(name, days, key_id)


def made(key_id: str, run_id: str, days: float = 300) -> dict[str, str]:
    """Return a client secret that a run has created."""
    return listed(key_id, f"Webex Connect {run_id}", days)


def app(*secrets: dict[str, str]) -> dict[str, Any]:
    """Return the app with these client secrets."""
    return {"passwordCredentials": list(secrets)}


def test_a_run_without_a_loss_has_no_such_step(given: Given):
    """Only a run whose secret was lost has the step that removes it."""
    runs = [
        given(channel=Channel(f"{name}@contoso.com"), answers=answers).run
        for name, answers in (("a", {}), ("b", LOST))
    ]
    assert [("lost_secret" in steps_of(run)) for run in runs] == [False, True]


async def test_a_lost_secret_counts_no_more(given: Given, cloud: Cloud, store: RunStore):
    """A lost secret no longer counts, even though it was shown.

    So a new one is due at once, without a wait for the directory.
    """
    ctx = given(
        facts=FACTS | {"key_id": "k1"},
        answers=LOST,
        changed={"client_secret": now() - timedelta(minutes=1)},
    )
    store.record_secret_shown("k1")
    cloud.on(READ, app(made("k1", ctx.run.id)))
    found = await OLD.inspect(ctx)
    assert (found.state, found.seen) == (State.WRONG, Text("seen.none"))


async def test_it_is_no_orphan(given: Given, cloud: Cloud):
    """After a crash only the unfinished successor is removed.

    The lost secret stays until another one is shown.
    """
    trying = Event(
        Kind.CHANGING,
        now() + timedelta(seconds=1),
        step="client_secret",
        finding=OLD.wrong(Text("seen.none")),
    )
    ctx = given(facts=FACTS, answers=LOST, events=(trying, trying))
    left = app(made("k1", ctx.run.id), made("k3", ctx.run.id))
    cloud.on(READ, left, app(left["passwordCredentials"][0])).on(
        ADD, {"keyId": "k4", "secretText": "s", "endDateTime": ""}
    )
    end = (now() + timedelta(days=300)).isoformat()
    await OLD.apply(ctx, OLD.wrong(Text("seen.none"), facts={"renew_until": end}))
    assert [body["keyId"] for what, body in cloud.writes if what == REMOVE] == ["k3"]


async def test_it_waits_for_the_one_time_page(given: Given, cloud: Cloud, store: RunStore):
    """The lost secret is removed once its successor was shown, and nothing else is removed."""
    ctx = given(facts=FACTS | {"key_id": "k2"}, answers=LOST)
    both = [made("k1", ctx.run.id), made("k2", ctx.run.id)]
    cloud.on(READ, app(*both))
    assert await NEW.inspect(ctx) == NEW.waits_for(Turn.NOBODY, Text("seen.lost_secret_stays"))
    store.record_secret_shown("k2")
    found = await NEW.inspect(ctx)
    assert found.state is State.WRONG
    await NEW.apply(ctx, found)
    assert cloud.writes == [(REMOVE, {"keyId": "k1"})]
    cloud.on(READ, app(*both[1:]))
    assert await NEW.inspect(ctx) == NEW.ok(Text("seen.lost_secret_removed"))


async def test_a_sealed_successor_holds(given: Given, cloud: Cloud, vault: Vault):
    """A successor that is stored in encrypted form counts, because it can be shown once."""
    ctx = given(facts=FACTS, answers=LOST)
    vault.put(f"secret:{ctx.run.id}", "value", 60)
    vault.put(f"secret-key:{ctx.run.id}", "k2", 60)
    cloud.on(READ, app(made("k1", ctx.run.id), made("k2", ctx.run.id)))
    found = await OLD.inspect(ctx)
    assert (found.state, found.facts["key_id"]) == (State.OK, "k2")


async def test_one_that_was_shown_before_it_was_read_back_holds(
    given: Given, cloud: Cloud, store: RunStore, vault: Vault
):
    """A successor counts if it was shown before the directory listed it.

    So no other one is created.
    """
    ctx = given(facts=FACTS, answers=LOST)
    vault.put(f"secret-key:{ctx.run.id}", "k2", 60)
    store.record_secret_shown("k2")
    cloud.on(READ, app(made("k1", ctx.run.id), made("k2", ctx.run.id)))
    assert (await OLD.inspect(ctx)).state is State.OK


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
    cloud.on(READ, app(listed("k1", name, 9), listed("k2", "made by hand")))
    ctx = given(facts=FACTS, kind="fix")
    lines = ClientSecret().plan(ctx, await ClientSecret().inspect(ctx))
    assert ([line.step for line in lines], lines[1]) == (["client_secret", "old_secret"], LINE)
    planned = replace(ctx.run, plan=Plan("p", lines, now()))
    assert [("old_secret" in steps_of(run)) for run in (ctx.run, planned)] == [False, True]


async def test_the_new_one_does_not_count_as_its_removal(
    given: Given, cloud: Cloud, store: RunStore, channel: Any, asker: Person
):
    """The new secret does not count as the removal of the old one, though one plan shows both."""
    old = made("k1", before(store, channel, asker), 9)
    store.record_secret_shown("k1")
    ctx = given(facts=FACTS, kind="fix")
    there, after = (app(old), app(old, made("k2", ctx.run.id)))
    cloud.on(READ, there, there, after).on(ADD, {"keyId": "k2", "secretText": "s"})
    lines = ClientSecret().plan(ctx, await ClientSecret().inspect(ctx))
    word = Event(Kind.APPROVED, now(), data={"plan": "p", "scope": "mailbox"})
    store.append(ctx.run.id, Event(Kind.PLANNED, now(), data={"plan": "p"}, changes=lines), word)
    await Engine(ctx, {"client_secret": ClientSecret()}, no_listener, lambda: True).apply_plan()
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
    cloud.on(READ, app(made("k1", before(store, channel, asker), 9)))
    ctx = given(facts=FACTS)
    assert [line.step for line in ClientSecret().plan(ctx, await ClientSecret().inspect(ctx))] == [
        "client_secret"
    ]


async def test_only_what_the_bot_made_before_is_removed(
    given: Given, cloud: Cloud, store: RunStore, channel: Any, asker: Person
):
    """Only the bot's earlier secrets are removed, never this run's own or a person's."""
    ours = made("k1", before(store, channel, asker), 9)
    ctx = given(facts=FACTS, kind="fix")
    kept = [made("k2", ctx.run.id), listed("k3", "Webex Connect by Kim"), listed("k4", "by hand")]
    cloud.on(READ, app(ours, *kept), app(ours, *kept), app(*kept))
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


OWN, THEIRS = (
    {"displayName": LABEL, "keyId": "own"},
    {"displayName": "Webex Connect X", "keyId": "theirs"},
)
MADE = Event(Kind.FOUND, now(), step="check_secret", finding=Finding("check_secret", State.OK))
TRIED = Event(
    Kind.CHANGING, now(), step="check_secret", finding=Finding("check_secret", State.WRONG)
)


@pytest.mark.parametrize(
    ("answer", "events", "there"),
    [
        ("skip:away", (MADE,), True),
        ("skip:away", (TRIED,), True),
        ("skip:away", (), False),
        ("yes", (MADE,), False),
    ],
)
def test_where_it_is_part_of_a_run(
    given: Given, answer: str, events: tuple[Event, ...], there: bool
):
    """A run has this step only if the bot's secret may exist and the rehearsal was skipped."""
    ctx = given(channel=Channel("a@contoso.com"), answers={"rehearse": answer}, events=events)
    assert ("unused_secret" in steps_of(ctx.run)) is there


async def test_it_is_removed_once_and_proven(given: Given, cloud: Cloud):
    """The unused secret is found by its name and removed, and Webex Connect's own stays."""
    cloud.on(BY_ID, app(THEIRS)).on(READ, app(OWN, THEIRS))
    ctx = given(facts=FACTS)
    assert (await UNUSED.inspect(ctx)).state is State.WRONG
    await UNUSED.apply(ctx, UNUSED.wrong(Text("seen.unused_secret_there")))
    assert cloud.writes == [(REMOVE, {"keyId": "own"})]
    after = given(channel=Channel("a@contoso.com"), facts=FACTS, changed={"unused_secret": now()})
    assert await UNUSED.inspect(after) == UNUSED.ok(Text("seen.undo_removed"))


async def test_while_it_is_listed_it_is_not_removed(given: Given, cloud: Cloud):
    """A removed secret counts as removed only once the app no longer lists it."""
    cloud.on(BY_ID, app(OWN))
    assert (
        await UNUSED.inspect(given(facts=FACTS, changed={"unused_secret": now()}))
    ).state is State.WRONG


@pytest.mark.parametrize(
    ("error", "state"),
    [
        (Forbidden("request_rejected", CloudReply("graph")), State.WARNING),
        (Transient("service_unavailable", CloudReply("graph")), None),
    ],
)
def test_one_that_may_not_be_removed_is_named(given: Given, error: CloudError, state: State | None):
    """A secret that cannot be removed is a warning with its name, and no run waits for it.

    The engine handles a temporary error.
    """
    found = UNUSED.explain_error(given(), error)
    assert (found and found.state, found and found.seen and found.seen.values) == (
        state,
        state and {"name": LABEL},
    )
