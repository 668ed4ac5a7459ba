"""Rows E3 and C6: the client secrets, and their removal if they are lost, replaced or unused."""

from datetime import datetime, timedelta

import pytest

from adaptive_cards.texts import render
from jobs.clock import now
from jobs.clouds.errors import Forbidden, Transient
from jobs.engine.engine import Engine
from jobs.model import Change, Channel, Finding, Scope, State, Text, Turn
from jobs.runs.run import Event, Kind, Origin, Plan
from jobs.runs.run_store import Record
from jobs.runtime import no_listener
from jobs.steps import all_steps, steps_of
from jobs.steps.client_secret import LABEL
from tests.fixtures.copies import replace
from tests.unit.jobs.steps.looks_of_apps import ADD, READ, secret

NEW, OWN, REMOVAL, OLD, UNUSED = (
    all_steps()[f"{name}_secret"] for name in ("client", "check", "lost", "old", "unused")
)
REMOVE, BY_ID = "POST /applications/object-1/removePassword", "GET /applications/object-1"
FACTS = {"object_id": "object-1"}
LOST = {"new_secret": "k1"}
ADDED = {"keyId": "k9", "secretText": "s3cret~value", "endDateTime": "2027-11-25T00:00:00Z"}
WANTED = NEW.wrong(Text("seen.none"), facts={"renew_until": "2027-11-25T09:00:00+00:00"})


def listed(key_id: str, name: str, days: float = 300) -> dict[str, str]:
    """Return a client secret as Graph lists it."""
    return secret(name, days, key_id)


def made(key_id: str, run_id: str, days: float = 300) -> dict[str, str]:
    """Return a client secret that a run has created."""
    return listed(key_id, f"Webex Connect {run_id}", days)


def app(*secrets: dict[str, str]):
    """Return the app with these client secrets."""
    return {"passwordCredentials": list(secrets)}


async def test_a_secret_is_made_and_sealed(given, cloud, vault):
    """The value of a new secret is stored only in the vault."""
    cloud.on(ADD, ADDED)
    ctx = given(facts=FACTS)
    await NEW.apply(ctx, WANTED)
    name, end = f"Webex Connect {ctx.run.id}", "2027-11-25T09:00:00Z"
    credential = {"displayName": name, "endDateTime": end}
    assert cloud.writes == [(ADD, {"passwordCredential": credential})]
    told = vault.get(f"secret:{ctx.run.id}"), vault.get(f"secret-key:{ctx.run.id}")
    assert told == ("s3cret~value", "k9")


@pytest.mark.parametrize(("names", "state"), [([LABEL], State.OK), ([], State.WRONG)])
async def test_a_refused_secret_is_kept_as_long_as_the_app_lists_it(
    given, cloud, vault, names, state
):
    """Entra may refuse a secret of the bot that is a minute old; another would be as new."""
    refused = Finding("check_secret", State.WRONG, cause="own_secret_refused")
    ctx = given(facts=FACTS, events=(Event(Kind.FOUND, now(), step=OWN.name, finding=refused),))
    vault.put(f"rehearsal-secret:{ctx.run.id}", "s3cret~value", 60)
    cloud.on(BY_ID, app(*(listed("k1", name) for name in names)))
    assert (await OWN.inspect(ctx)).state is state


async def test_an_interrupted_try_leaves_no_orphan(given, cloud):
    """After a crash, the secret whose value was not stored is removed before a new one is made."""
    begun = Event(Kind.CHANGING, now(), step="client_secret", finding=WANTED)
    events = Event(Kind.RESUMED, now()), begun
    ctx = given(facts=FACTS, changed={"client_secret": now()}, events=events)
    cloud.on(READ, app(made("k1", ctx.run.id), made("k2", "OTHER"))).on(ADD, ADDED)
    await NEW.apply(ctx, WANTED)
    told = [(what, (body or {}).get("keyId")) for what, body in cloud.writes]
    assert told == [(REMOVE, "k1"), (ADD, None)]


async def test_six_months_are_six_months(given, channel, cloud):
    """A new secret gets the lifetime that the requester asked for."""
    cloud.on(READ, {})
    ctx = given(channel=replace(channel, lifetime_months=6), facts=FACTS)
    end = datetime.fromisoformat((await NEW.inspect(ctx)).facts["renew_until"])
    assert timedelta(days=180) < end - now() < timedelta(days=185)


@pytest.mark.parametrize(("kind", "state"), [("check", State.POSSIBLE), ("fix", State.WRONG)])
@pytest.mark.parametrize(
    ("days", "cause"), [(-1, "client_secret_expired"), (None, "client_secret_gone")]
)
async def test_a_secret_made_by_hand_may_be_used(given, cloud, store, kind, state, days, cause):
    """A check warns that an unknown valid secret may be in use, and a fix creates a known one."""
    store.mark_secret_shown("k1")
    ours = [made("k1", "EARLIER", days)] if days else []
    cloud.on(READ, app(*ours, listed("k9", "by hand", 90)))
    ctx = given(facts=FACTS | {"key_id": "k1"}, kind=kind)
    store.channels.keep(Record(ctx.run.id, now(), ctx.channel))
    found = await NEW.inspect(ctx)
    assert (found.state, found.cause) == (state, cause)


async def test_a_secret_of_a_lost_run_is_named_on_the_plan(given, cloud):
    """The plan names a secret of a run that was lost with the data in Redis.

    The secret's name, first characters and day show which one to delete. The plan does not name an
    ended secret, a person's secret, or a secret of a known run.
    """
    ctx, begun = given(facts=FACTS), {"startDateTime": "2026-11-20T10:00:00Z"}
    others = made("k2", "OLDONE", -1), listed("k3", "made by hand"), made("k4", ctx.run.id)
    cloud.on(READ, app(made("k1", "LOSTID") | begun, *others))
    (line,) = NEW.plan(ctx, await NEW.inspect(ctx))
    said = render(line.before)
    assert '"Webex Connect LOSTID" (begins with abc, of 2026-11-20)' in said
    assert [name for name in ("OLDONE", "by hand", ctx.run.id) if name in said] == []


def test_a_run_without_a_loss_has_no_such_step(given):
    """Only a run whose secret was lost has the step that removes it."""
    asked = {"a@contoso.com": {}, "b@contoso.com": LOST}
    runs = [given(channel=Channel(name), answers=answers).run for name, answers in asked.items()]
    assert [("lost_secret" in steps_of(run)) for run in runs] == [False, True]


async def test_it_is_no_orphan(given, cloud):
    """After a crash only the unfinished successor is removed.

    The lost secret stays until another one is shown.
    """
    later = now() + timedelta(seconds=1)
    trying = Event(Kind.CHANGING, later, step="client_secret", finding=WANTED)
    ctx = given(facts=FACTS, answers=LOST, events=(trying, trying))
    left = app(made("k1", ctx.run.id), made("k3", ctx.run.id))
    cloud.on(READ, left, app(left["passwordCredentials"][0])).on(ADD, ADDED)
    await NEW.apply(ctx, WANTED)
    assert [body["keyId"] for what, body in cloud.writes if what == REMOVE] == ["k3"]


async def test_it_waits_for_the_one_time_page(given, cloud, store):
    """The lost secret is removed once its successor was shown, and nothing else is removed."""
    ctx = given(facts=FACTS | {"key_id": "k2"}, answers=LOST)
    both = [made("k1", ctx.run.id), made("k2", ctx.run.id)]
    cloud.on(READ, app(*both))
    got = await REMOVAL.inspect(ctx)
    assert got == REMOVAL.waits_for(Turn.NOBODY, Text("seen.lost_secret_stays"))
    store.mark_secret_shown("k2")
    found = await REMOVAL.inspect(ctx)
    assert found.state is State.WRONG
    await REMOVAL.apply(ctx, found)
    assert cloud.writes == [(REMOVE, {"keyId": "k1"})]
    cloud.on(READ, app(*both[1:]))
    assert await REMOVAL.inspect(ctx) == REMOVAL.ok(Text("seen.lost_secret_removed"))


ONE = Text("seen.old_secret", {"count": "1"})
COMMAND = "Graph POST /applications/{id}/removePassword"
TEXTS = Text("step.old_secret"), ONE, Text("after.old_secret")
LINE = Change("old_secret", "E3", *TEXTS, Scope.APP, COMMAND, reversible=False)


def before(store, channel, asker) -> str:
    """Return the ID of an earlier run of the mailbox, which has ended."""
    run = store.open(channel, asker, Origin("room-1"))
    store.end(run, Event(Kind.FINISHED, now()))
    return run.id


async def test_the_plan_shows_it_from_the_start(given, cloud, store, channel, asker):
    """In a fix, the plan lists the removal of the old secret together with the new secret."""
    name = f"Webex Connect {before(store, channel, asker)}"
    store.mark_secret_shown("k1")
    cloud.on(READ, app(listed("k1", name, 9), listed("k2", "made by hand")))
    ctx = given(facts=FACTS, kind="fix")
    lines = NEW.plan(ctx, await NEW.inspect(ctx))
    assert ([line.step for line in lines], lines[1]) == (["client_secret", "old_secret"], LINE)
    planned = replace(ctx.run, plan=Plan("p", lines, now()))
    assert [("old_secret" in steps_of(run)) for run in (ctx.run, planned)] == [False, True]


async def test_the_new_one_does_not_count_as_its_removal(given, cloud, store, channel, asker):
    """The new secret does not count as the removal of the old one, though one plan shows both."""
    old = made("k1", before(store, channel, asker), 9)
    store.mark_secret_shown("k1")
    ctx = given(facts=FACTS, kind="fix")
    there, after = (app(old), app(old, made("k9", ctx.run.id)))
    cloud.on(READ, there, there, after).on(ADD, ADDED)
    lines = NEW.plan(ctx, await NEW.inspect(ctx))
    word = Event(Kind.APPROVED, now(), data={"plan": "p", "scope": "mailbox"})
    store.append(ctx.run.id, Event(Kind.PLANNED, now(), data={"plan": "p"}, changes=lines), word)
    await Engine(ctx, {"client_secret": NEW}, no_listener, lambda: True).apply_plan()
    changes = [each.changes for each in ctx.run.changed.values() if each.done]
    told = [line.step for line in lines], [line.step for made in changes for line in made]
    assert told == (["client_secret", "old_secret"], ["client_secret"])


async def test_a_setup_removes_nothing(given, cloud, store, channel, asker):
    """A setup does not plan to remove an old secret, because nobody asked for that."""
    cloud.on(READ, app(made("k1", before(store, channel, asker), 9)))
    ctx = given(facts=FACTS)
    assert ([line.step for line in NEW.plan(ctx, await NEW.inspect(ctx))]) == ["client_secret"]


async def test_only_what_the_bot_made_before_is_removed(given, cloud, store, channel, asker):
    """Only the bot's earlier secrets are removed, never this run's own or a person's."""
    ours = made("k1", before(store, channel, asker), 9)
    ctx = given(facts=FACTS, kind="fix")
    kept = [made("k2", ctx.run.id), listed("k3", "Webex Connect by Kim"), listed("k4", "by hand")]
    cloud.on(READ, app(ours, *kept), app(ours, *kept), app(*kept))
    found = await OLD.inspect(ctx)
    assert (found.state, found.seen, OLD.plan(ctx, found)) == (State.WRONG, ONE, (LINE,))
    await OLD.apply(ctx, found)
    told = await OLD.inspect(ctx)
    assert told == Finding("old_secret", State.OK, seen=Text("seen.old_secret_removed"))
    await OLD.apply(ctx, found)
    assert cloud.writes == [(REMOVE, {"keyId": "k1"})]


def test_it_comes_after_every_proof():
    """The old secret is removed last, after the new one and every proof, as Microsoft says."""
    assert set(OLD.after) == {"token", "own_login", "test_mail", "agent_answer"}
    assert {"client_secret", *OLD.after} <= all_steps().keys()


BOTS = {"displayName": LABEL, "keyId": "own"}
THEIRS = {"displayName": "Webex Connect X", "keyId": "theirs"}
MADE = Event(Kind.FOUND, now(), step="check_secret", finding=Finding("check_secret", State.OK))
TRIED = replace(MADE, kind=Kind.CHANGING, finding=Finding("check_secret", State.WRONG))


@pytest.mark.parametrize(
    ("answer", "events", "there"),
    [
        ("skip:away", (MADE,), True),
        ("skip:away", (TRIED,), True),
        ("skip:away", (), False),
        ("yes", (MADE,), False),
    ],
)
def test_where_it_is_part_of_a_run(given, answer, events, there):
    """A run has this step only if the bot's secret may exist and the rehearsal was skipped."""
    ctx = given(channel=Channel("a@contoso.com"), answers={"rehearse": answer}, events=events)
    assert ("unused_secret" in steps_of(ctx.run)) is there


async def test_it_is_removed_once_and_proven(given, cloud):
    """The unused secret is found by its name and removed, and Webex Connect's own stays."""
    cloud.on(BY_ID, app(THEIRS)).on(READ, app(BOTS, THEIRS))
    ctx = given(facts=FACTS)
    assert (await UNUSED.inspect(ctx)).state is State.WRONG
    await UNUSED.apply(ctx, UNUSED.wrong(Text("seen.unused_secret_there")))
    assert cloud.writes == [(REMOVE, {"keyId": "own"})]
    after = given(channel=Channel("a@contoso.com"), facts=FACTS, changed={"unused_secret": now()})
    assert await UNUSED.inspect(after) == UNUSED.ok(Text("seen.undo_removed"))


async def test_while_it_is_listed_it_is_not_removed(given, cloud):
    """A removed secret counts as removed only once the app no longer lists it."""
    cloud.on(BY_ID, app(BOTS))
    ctx = given(facts=FACTS, changed={"unused_secret": now()})
    assert (await UNUSED.inspect(ctx)).state is State.WRONG


@pytest.mark.parametrize(
    ("error", "state"),
    [
        (Forbidden("request_rejected", "graph"), State.WARNING),
        (Transient("service_unavailable", "graph"), None),
    ],
)
def test_one_that_may_not_be_removed_is_named(given, error, state):
    """A secret that cannot be removed is a warning with its name, and no run waits for it.

    The engine handles a temporary error.
    """
    found = UNUSED.explain_error(given(), error)
    told = found and found.state, found and found.seen and found.seen.values
    assert told == (state, state and {"name": LABEL})


async def test_it_replaces_what_was_left_behind(given, cloud, vault):
    """A new secret of the bot replaces an unused older one and keeps all other secrets.

    It ends no later than Webex Connect's secret.
    """
    end = now() + timedelta(days=30)
    cloud.on(READ, app(BOTS | {"keyId": "old"}, THEIRS)).on(
        ADD, {"keyId": "new", "secretText": "own~secret"}
    )
    ctx = given(facts=FACTS | {"expires": end.isoformat()})
    await OWN.apply(ctx, Finding("check_secret", State.WRONG))
    credential = {"displayName": LABEL, "endDateTime": f"{end:%Y-%m-%dT%H:%M:%SZ}"}
    assert cloud.writes == [(REMOVE, {"keyId": "old"}), (ADD, {"passwordCredential": credential})]
    got = vault.get(f"rehearsal-secret:{ctx.run.id}"), vault.get("check-secret:support@contoso.com")
    assert got == ("own~secret", None)
