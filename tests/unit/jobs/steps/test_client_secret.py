"""Row E3: the client secret of Webex Connect."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from adaptive_cards.texts import render
from jobs.clock import now
from jobs.microsoft.app_manifest import unique_name
from jobs.model import Channel, Finding, State, Text, day_of
from jobs.runs.channel_index import Record
from jobs.runs.run import Event, Kind
from jobs.runs.run_store import RunStore
from jobs.steps.client_secret import ClientSecret
from jobs.storage.vault import Vault
from tests.unit.jobs.conftest import Cloud, Given

STEP = ClientSecret()
CLIENT_SECRET_APP = f"GET /applications(uniqueName='{unique_name('support@contoso.com')}')"
POLICY = "GET /policies/defaultAppManagementPolicy"
ADD, REMOVE = (
    "POST /applications/object-1/addPassword",
    "POST /applications/object-1/removePassword",
)
CLIENT_SECRET_FACTS = {"object_id": "object-1"}


def secret(key_id: str, label: str, days: float) -> dict[str, str]:
    """Return a client secret as Graph lists it, ``days`` from its end."""
    return {
        "keyId": key_id,
        "displayName": label,
        "hint": "abc",
        "endDateTime": (now() + timedelta(days=days)).isoformat(),
    }


def restricted(*restrictions: dict[str, str]) -> dict[str, object]:
    """Return an app-management policy with these restrictions."""
    return {
        "isEnabled": True,
        "applicationRestrictions": {"passwordCredentials": list(restrictions)},
    }


async def test_a_sealed_secret_holds(given: Given, cloud: Cloud, vault: Vault):
    """The step is OK if the run still has the secret in encrypted form and can show it once."""
    ctx = given(facts=CLIENT_SECRET_FACTS)
    made = secret("k1", f"Webex Connect {ctx.run.id}", 300)
    vault.put(f"secret:{ctx.run.id}", "value", 60)
    vault.put(f"secret-key:{ctx.run.id}", "k1", 60)
    cloud.on(CLIENT_SECRET_APP, {"passwordCredentials": [made]})
    facts = {"key_id": "k1", "hint": "abc", "expires": made["endDateTime"]}
    end = datetime.fromisoformat(made["endDateTime"])
    seen = Text("seen.secret", {"expires": day_of(end)})
    assert await STEP.inspect(ctx) == Finding(
        "client_secret", State.OK, seen=seen, facts=facts, values={"key_id": "k1"}
    )


@pytest.mark.parametrize("limit", ["P30D", "P7D", "P1D", "PT1H"])
async def test_the_secret_that_a_run_has_made_is_never_replaced(
    given: Given, cloud: Cloud, vault: Vault, limit: str
):
    """A run never replaces its own secret, however short the tenant's limit is.

    A new secret would end no later, so the run would create one after the other.
    """
    ctx = given(facts=CLIENT_SECRET_FACTS)
    vault.put(f"secret:{ctx.run.id}", "value", 60)
    vault.put(f"secret-key:{ctx.run.id}", "k1", 60)
    made = secret("k1", f"Webex Connect {ctx.run.id}", 1 / 48)
    cloud.on(CLIENT_SECRET_APP, {"passwordCredentials": [made]}).on(
        POLICY, restricted({"restrictionType": "passwordLifetime", "maxLifetime": limit})
    )
    assert (await STEP.inspect(ctx)).state is State.OK


async def test_a_secret_is_made_and_sealed(given: Given, cloud: Cloud, vault: Vault):
    """The value of a new secret is stored only in the vault."""
    cloud.on(
        ADD, {"keyId": "k9", "secretText": "s3cret~value", "endDateTime": "2027-11-25T00:00:00Z"}
    )
    ctx = given(facts=CLIENT_SECRET_FACTS)
    await STEP.apply(
        ctx,
        Finding("client_secret", State.WRONG, facts={"renew_until": "2027-11-25T09:00:00+00:00"}),
    )
    credential = {
        "displayName": f"Webex Connect {ctx.run.id}",
        "endDateTime": "2027-11-25T09:00:00Z",
    }
    assert cloud.writes == [(ADD, {"passwordCredential": credential})]
    assert (vault.get(f"secret:{ctx.run.id}"), vault.get(f"secret-key:{ctx.run.id}")) == (
        "s3cret~value",
        "k9",
    )


async def test_an_interrupted_try_leaves_no_orphan(given: Given, cloud: Cloud):
    """After a crash, the secret whose value was not stored is removed before a new one is made."""
    begun = Event(
        Kind.CHANGING, now(), step="client_secret", finding=Finding("client_secret", State.WRONG)
    )
    ctx = given(
        facts=CLIENT_SECRET_FACTS,
        changed={"client_secret": now()},
        events=(Event(Kind.RESUMED, now()), begun),
    )
    mine, other = (
        secret("k1", f"Webex Connect {ctx.run.id}", 300),
        secret("k2", "Webex Connect OTHER", 300),
    )
    cloud.on(CLIENT_SECRET_APP, {"passwordCredentials": [mine, other]}).on(
        ADD, {"keyId": "k9", "secretText": "value"}
    )
    await STEP.apply(
        ctx,
        Finding("client_secret", State.WRONG, facts={"renew_until": "2027-11-25T09:00:00+00:00"}),
    )
    assert [(what, (body or {}).get("keyId")) for what, body in cloud.writes] == [
        (REMOVE, "k1"),
        (ADD, None),
    ]


async def test_six_months_are_six_months(given: Given, channel: Channel, cloud: Cloud):
    """A new secret gets the lifetime that the requester asked for."""
    cloud.on(CLIENT_SECRET_APP, {})
    found = await STEP.inspect(
        given(channel=replace(channel, lifetime_months=6), facts=CLIENT_SECRET_FACTS)
    )
    assert (
        timedelta(days=180)
        < datetime.fromisoformat(found.facts["renew_until"]) - now()
        < timedelta(days=185)
    )


@pytest.mark.parametrize(("kind", "state"), [("check", State.POSSIBLE), ("fix", State.WRONG)])
@pytest.mark.parametrize(
    ("days", "cause"), [(-1, "client_secret_expired"), (None, "client_secret_gone")]
)
async def test_a_secret_made_by_hand_may_be_the_one_in_use(
    given: Given,
    cloud: Cloud,
    store: RunStore,
    kind: str,
    state: State,
    days: float | None,
    cause: str,
):
    """A check warns that an unknown valid secret may be in use, and a fix creates a known one."""
    store.record_secret_shown("k1")
    ours = [secret("k1", "Webex Connect EARLIER", days)] if days else []
    cloud.on(CLIENT_SECRET_APP, {"passwordCredentials": [*ours, secret("k9", "by hand", 90)]})
    ctx = given(facts=CLIENT_SECRET_FACTS | {"key_id": "k1"}, kind=kind)
    store.channels.keep(Record(ctx.run.id, now(), ctx.channel))
    found = await STEP.inspect(ctx)
    assert (found.state, found.cause) == (state, cause)


async def test_a_secret_of_a_lost_run_is_named_on_the_plan(given: Given, cloud: Cloud):
    """The plan names a secret of a run that was lost with the data in Redis.

    The secret's name, first characters and day show which one to delete. The plan does not name an
    ended secret, a person's secret, or a secret of a known run.
    """
    orphan = secret("key-1", "Webex Connect LOSTID", 300) | {
        "startDateTime": "2026-11-20T10:00:00Z"
    }
    others = [secret("key-2", "Webex Connect OLDONE", -1), secret("key-3", "made by hand", 300)]
    ctx = given(facts=CLIENT_SECRET_FACTS)
    others.append(secret("key-4", f"Webex Connect {ctx.run.id}", 300))
    cloud.on(CLIENT_SECRET_APP, {"passwordCredentials": [orphan, *others]})
    (line,) = STEP.plan(ctx, await STEP.inspect(ctx))
    said = render(line.before)
    assert '"Webex Connect LOSTID" (begins with abc, of 2026-11-20)' in said
    assert [name for name in ("OLDONE", "by hand", ctx.run.id) if name in said] == []
