"""Article row C6, rehearsed: the bot's own client secret."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from jobs.clock import now
from jobs.microsoft.app_manifest import unique_name
from jobs.model import Change, Finding, Scope, State, Text
from jobs.runs.run import Event, Kind
from jobs.runs.run_store import RunStore
from jobs.steps.client_secret import LABEL, CheckSecret
from jobs.storage.vault import Vault
from tests.unit.jobs.conftest import Cloud, Given

STEP = CheckSecret()
APP = f"GET /applications(uniqueName='{unique_name('support@contoso.com')}')"
ADD, REMOVE = (
    "POST /applications/object-1/addPassword",
    "POST /applications/object-1/removePassword",
)
FACTS = {"object_id": "object-1"}
KEPT = "check-secret:support@contoso.com"


async def test_a_skipped_rehearsal_needs_none(given: Given):
    """If somebody skipped the rehearsal, no secret of the bot's own is created."""
    found = await STEP.inspect(given(answers={"rehearse": "skip:away"}))
    assert found == Finding("check_secret", State.SKIPPED, seen=Text("skipped.rehearsal"))


@pytest.mark.parametrize(
    ("sealed", "seen", "by_run", "state"),
    [
        ("rehearsal-secret:{run}", {}, False, State.OK),
        (KEPT, {"own_secret": "yes"}, False, State.OK),
        (KEPT, {}, False, State.WRONG),
        (KEPT, {}, True, State.OK),
    ],
)
async def test_a_sealed_secret_counts_while_the_app_has_it(
    given: Given, vault: Vault, sealed: str, seen: dict[str, str], by_run: bool, state: State
):
    """A secret kept for checks is of no use if its app was deleted or somebody removed it.

    The run's own secret counts at once, because Microsoft may not list it yet.
    """
    ctx = given(facts=FACTS | seen, changed={STEP.name: now()} if by_run else {})
    vault.put(sealed.format(run=ctx.run.id), "value", 60)
    found = await STEP.inspect(ctx)
    assert (found.state, found.values) == (state, {"made": "yes" if state is State.OK else ""})


async def test_a_proven_channel_is_not_rehearsed_again(given: Given, store: RunStore):
    """If an earlier run has proven the channel, the step is skipped."""
    earlier = given()
    store.end(earlier.run, Event(Kind.FINISHED, now()))
    assert await STEP.inspect(given()) == Finding(
        "check_secret", State.SKIPPED, seen=Text("skipped.proven_before")
    )


async def test_it_is_planned_with_the_others(given: Given):
    """The plan notes that the bot's own secret is created only if somebody rehearses."""
    ctx = given(facts=FACTS)
    found = await STEP.inspect(ctx)
    words = Text("step.check_secret"), Text("seen.none"), Text("after.check_secret")
    line = Change(
        "check_secret", "C6", *words, Scope.APP, "Graph POST /applications/{id}/addPassword"
    )
    assert STEP.plan(ctx, found) == (replace(line, note=Text("note.check_secret")),)


async def test_it_replaces_what_was_left_behind(given: Given, cloud: Cloud, vault: Vault):
    """A new secret of the bot replaces an unused older one and keeps all other secrets.

    It ends no later than Webex Connect's secret.
    """
    end = now() + timedelta(days=30)
    left = [
        {"displayName": LABEL, "keyId": "old"},
        {"displayName": "Webex Connect X", "keyId": "theirs"},
    ]
    cloud.on(APP, {"passwordCredentials": left}).on(
        ADD, {"keyId": "new", "secretText": "own~secret"}
    )
    ctx = given(facts=FACTS | {"expires": end.isoformat()})
    await STEP.apply(ctx, Finding("check_secret", State.WRONG))
    credential = {"displayName": LABEL, "endDateTime": f"{end:%Y-%m-%dT%H:%M:%SZ}"}
    assert cloud.writes == [(REMOVE, {"keyId": "old"}), (ADD, {"passwordCredential": credential})]
    assert (vault.get(f"rehearsal-secret:{ctx.run.id}"), vault.get(KEPT)) == ("own~secret", None)
