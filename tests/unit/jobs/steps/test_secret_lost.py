"""Article row E3: a client secret that was shown and lost, and its successor."""

from __future__ import annotations

from datetime import timedelta

from jobs.clock import now
from jobs.model import Channel, State, Text, Turn
from jobs.runs.run import Event, Kind
from jobs.runs.run_store import RunStore
from jobs.steps import steps_of
from jobs.steps.client_secret import ClientSecret, LostSecret
from jobs.storage.vault import Vault
from tests.unit.jobs.conftest import Cloud, Given

OLD, NEW = ClientSecret(), LostSecret()
APP = "GET /applications(uniqueName='webexconnect-support-contoso-com-eb962f')"
REMOVE = "POST /applications/obj-1/removePassword"
FACTS = {"object_id": "obj-1", "key_id": "k2"}
LOST = {"new_secret": "k1"}


def secret(key_id: str, run_id: str) -> dict[str, str]:
    """Return a client secret that a run has created."""
    return {
        "keyId": key_id,
        "displayName": f"Webex Connect {run_id}",
        "endDateTime": (now() + timedelta(days=300)).isoformat(),
    }


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
        facts={"object_id": "obj-1", "key_id": "k1"},
        answers=LOST,
        changed={"client_secret": now() - timedelta(minutes=1)},
    )
    store.record_secret_shown("k1")
    cloud.on(APP, {"passwordCredentials": [secret("k1", ctx.run.id)]})
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
    ctx = given(facts={"object_id": "obj-1"}, answers=LOST, events=(trying, trying))
    left = {"passwordCredentials": [secret("k1", ctx.run.id), secret("k3", ctx.run.id)]}
    cloud.on(APP, left, {"passwordCredentials": left["passwordCredentials"][:1]}).on(
        "POST /applications/obj-1/addPassword",
        {"keyId": "k4", "secretText": "s", "endDateTime": ""},
    )
    end = (now() + timedelta(days=300)).isoformat()
    await OLD.apply(ctx, OLD.wrong(Text("seen.none"), facts={"renew_until": end}))
    assert [body["keyId"] for what, body in cloud.writes if what == REMOVE] == ["k3"]


async def test_it_waits_for_the_one_time_page(given: Given, cloud: Cloud, store: RunStore):
    """The lost secret is removed once its successor was shown, and nothing else is removed."""
    ctx = given(facts=FACTS, answers=LOST)
    both = [secret("k1", ctx.run.id), secret("k2", ctx.run.id)]
    cloud.on(APP, {"passwordCredentials": both})
    assert await NEW.inspect(ctx) == NEW.waits_for(Turn.NOBODY, Text("seen.lost_secret_stays"))
    store.record_secret_shown("k2")
    found = await NEW.inspect(ctx)
    assert found.state is State.WRONG
    await NEW.apply(ctx, found)
    assert cloud.writes == [(REMOVE, {"keyId": "k1"})]
    cloud.on(APP, {"passwordCredentials": both[1:]})
    assert await NEW.inspect(ctx) == NEW.ok(Text("seen.lost_secret_removed"))


async def test_a_sealed_successor_holds(given: Given, cloud: Cloud, vault: Vault):
    """A successor that is stored in encrypted form counts, because it can be shown once."""
    ctx = given(facts={"object_id": "obj-1"}, answers=LOST)
    vault.put(f"secret:{ctx.run.id}", "value", 60)
    vault.put(f"secret-key:{ctx.run.id}", "k2", 60)
    cloud.on(APP, {"passwordCredentials": [secret("k1", ctx.run.id), secret("k2", ctx.run.id)]})
    found = await OLD.inspect(ctx)
    assert (found.state, found.facts["key_id"]) == (State.OK, "k2")


async def test_one_that_was_shown_before_it_was_read_back_holds(
    given: Given, cloud: Cloud, store: RunStore, vault: Vault
):
    """A successor counts if it was shown before the directory listed it.

    So no other one is created.
    """
    ctx = given(facts={"object_id": "obj-1"}, answers=LOST)
    vault.put(f"secret-key:{ctx.run.id}", "k2", 60)
    store.record_secret_shown("k2")
    cloud.on(APP, {"passwordCredentials": [secret("k1", ctx.run.id), secret("k2", ctx.run.id)]})
    assert (await OLD.inspect(ctx)).state is State.OK
