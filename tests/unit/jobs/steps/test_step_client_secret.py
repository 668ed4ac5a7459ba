"""E3: the client secret that Webex Connect will use."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from jobs.clock import now
from jobs.microsoft.registration import unique_name
from jobs.model import Change, Channel, Finding, Scope, State, Words
from jobs.run import Event, Kind
from jobs.step import Context
from jobs.steps.client_secret import ClientSecret, expiry, longest
from jobs.store import Store
from jobs.vault import Vault

STEP = ClientSecret()
APP = f"GET /applications(uniqueName='{unique_name('support@contoso.com')}')"
POLICY = "GET /policies/defaultAppManagementPolicy"
ADD, REMOVE = "POST /applications/object-1/addPassword", "POST /applications/object-1/removePassword"
FACTS = {"object_id": "object-1"}


def secret(key_id: str, label: str, days: float) -> dict[str, str]:
    """A secret as Graph lists it, ``days`` from its end."""
    return {"keyId": key_id, "displayName": label, "hint": "abc", "endDateTime": (now() + timedelta(days=days)).isoformat()}


def restricted(*restrictions: dict[str, str], enabled: bool = True) -> dict[str, object]:
    """An app-management policy."""
    return {"isEnabled": enabled, "applicationRestrictions": {"passwordCredentials": list(restrictions)}}


async def test_nobody_has_a_secret(given: Callable[..., Context], cloud: Any):
    """A new app has none, and the finding says until when a new one would live."""
    cloud.on(APP, {"passwordCredentials": []})
    ctx = given(facts=FACTS)
    found = await STEP.inspect(ctx)
    end = datetime.fromisoformat(found.facts["renew_until"])
    assert (found.state, found.seen, found.cause, end.month, end.year) == (State.WRONG, Words("seen.none"), "", now().month, now().year + 1)
    after = Words("after.client_secret", {"expires": f"{end:%d %b %Y}"})
    command = f"Graph POST /applications/{{id}}/addPassword, endDateTime {end:%Y-%m-%d}"
    line = Change("client_secret", "E3", Words("step.client_secret"), Words("seen.none"), after, Scope.APP, command)
    assert STEP.plan(ctx, found) == (line,)


async def test_a_secret_that_nobody_can_see_does_not_count(given: Callable[..., Context], cloud: Any):
    """One that is listed, but neither sealed here nor handed over, is as good as none."""
    cloud.on(APP, {"passwordCredentials": [secret("k1", "Webex Connect OTHER", 300), secret("k2", "by hand", 300)]})
    assert (await STEP.inspect(given(facts=FACTS))).seen == Words("seen.none")


async def test_a_sealed_secret_holds(given: Callable[..., Context], cloud: Any, vault: Vault):
    """The secret that this run can still show once."""
    ctx = given(facts=FACTS)
    made = secret("k1", f"Webex Connect {ctx.run.id}", 300)
    vault.put(f"secret:{ctx.run.id}", "value", 60)
    vault.put(f"secret-key:{ctx.run.id}", "k1", 60)
    cloud.on(APP, {"passwordCredentials": [made]})
    facts = {"key_id": "k1", "hint": "abc", "expires": made["endDateTime"]}
    end = datetime.fromisoformat(made["endDateTime"])
    seen = Words("seen.secret", {"expires": f"{end:%d %b %Y}"})
    assert await STEP.inspect(ctx) == Finding("client_secret", State.OK, seen=seen, facts=facts, values={"key_id": "k1"})


@pytest.mark.parametrize(
    ("days", "kind", "state", "cause"),
    [
        (300, "setup", State.OK, ""),
        (10, "setup", State.WRONG, "client_secret_expires_soon"),
        (10, "check", State.WARNING, "client_secret_expires_soon"),
        (-1, "check", State.WRONG, "client_secret_expired"),
    ],
)
async def test_a_secret_that_was_handed_over(
    given: Callable[..., Context], cloud: Any, store: Store, days: float, kind: str, state: State, cause: str
):
    """It holds until it ends; a check only warns of one that ends soon."""
    store.hand_over("k1")
    cloud.on(APP, {"passwordCredentials": [secret("k1", "Webex Connect EARLIER", days)]})
    found = await STEP.inspect(given(facts=FACTS | {"key_id": "k1"}, kind=kind))
    assert (found.state, found.cause) == (state, cause)


async def test_a_tenant_may_forbid_secrets(given: Callable[..., Context], cloud: Any):
    """No plan of ours gets around the tenant's policy."""
    cloud.on(APP, {}).on(POLICY, restricted({"restrictionType": "passwordAddition"}))
    ctx = given(facts=FACTS)
    found = await STEP.inspect(ctx)
    assert (found.state, found.cause, STEP.plan(ctx, found)) == (State.WRONG, "secret_forbidden_by_policy", ())


async def test_a_tenant_may_cut_the_lifetime(given: Callable[..., Context], cloud: Any):
    """The end is cut to what is allowed, less five minutes, and the plan says so."""
    cloud.on(APP, {}).on(POLICY, restricted({"restrictionType": "passwordLifetime", "maxLifetime": "P90D"}))
    ctx = given(facts=FACTS)
    found = await STEP.inspect(ctx)
    left = datetime.fromisoformat(found.facts["renew_until"]) - now()
    assert timedelta(days=89, hours=23) < left < timedelta(days=90)
    assert STEP.plan(ctx, found)[0].note == Words("note.secret_clamped")


@pytest.mark.parametrize(
    ("policy", "limit"),
    [
        (
            restricted(
                {"restrictionType": "passwordLifetime", "maxLifetime": "P90D"},
                {"restrictionType": "passwordLifetime", "maxLifetime": "P30D"},
            ),
            30,
        ),
        (restricted({"restrictionType": "passwordLifetime", "maxLifetime": "P90D", "state": "disabled"}), None),
        (restricted({"restrictionType": "passwordLifetime", "maxLifetime": "P90D"}, enabled=False), None),
        (
            {"applicationRestrictions": {"passwordCredentials": [{"restrictionType": "passwordLifetime", "maxLifetime": "P1Y"}]}},
            365,
        ),
        (restricted({"restrictionType": "passwordLifetime", "maxLifetime": "P6M5DT24H"}), 186),
        (restricted({"restrictionType": "passwordLifetime", "maxLifetime": "for ever"}), None),
        (restricted({"restrictionType": "passwordLifetime", "maxLifetime": None}), None),
        ({}, None),
    ],
)
def test_the_shortest_limit_in_force(policy: dict[str, object], limit: int | None):
    """Rules that are off limit nothing."""
    assert longest(policy) == (timedelta(days=limit) if limit else None)


@pytest.mark.parametrize(
    ("start", "months", "end"),
    [
        (datetime(2027, 8, 31, tzinfo=UTC), 6, datetime(2028, 2, 29, tzinfo=UTC)),
        (datetime(2026, 12, 15, tzinfo=UTC), 12, datetime(2027, 12, 15, tzinfo=UTC)),
        (datetime(2024, 2, 29, tzinfo=UTC), 24, datetime(2026, 2, 28, tzinfo=UTC)),
    ],
)
def test_months_end_on_the_same_day_or_the_last(start: datetime, months: int, end: datetime):
    """As a calendar counts."""
    assert expiry(start, months, None) == end


async def test_a_secret_is_made_and_sealed(given: Callable[..., Context], cloud: Any, vault: Vault):
    """Its value goes into the vault and nowhere else."""
    cloud.on(ADD, {"keyId": "k9", "secretText": "s3cret~value", "endDateTime": "2027-11-25T00:00:00Z"})
    ctx = given(facts=FACTS)
    await STEP.apply(ctx, Finding("client_secret", State.WRONG, facts={"renew_until": "2027-11-25T09:00:00+00:00"}))
    credential = {"displayName": f"Webex Connect {ctx.run.id}", "endDateTime": "2027-11-25T09:00:00Z"}
    assert cloud.writes == [(ADD, {"passwordCredential": credential})]
    assert (vault.get(f"secret:{ctx.run.id}"), vault.get(f"secret-key:{ctx.run.id}")) == ("s3cret~value", "k9")


async def test_an_interrupted_try_leaves_no_orphan(given: Callable[..., Context], cloud: Any):
    """After a death between making and sealing, the secret that nobody can see is removed before another is made."""
    begun = Event(Kind.CHANGING, now(), step="client_secret", finding=Finding("client_secret", State.WRONG))
    ctx = given(facts=FACTS, changed={"client_secret": now()}, events=(Event(Kind.RESUMED, now()), begun))
    mine, other = secret("k1", f"Webex Connect {ctx.run.id}", 300), secret("k2", "Webex Connect OTHER", 300)
    cloud.on(APP, {"passwordCredentials": [mine, other]}).on(ADD, {"keyId": "k9", "secretText": "value"})
    await STEP.apply(ctx, Finding("client_secret", State.WRONG, facts={"renew_until": "2027-11-25T09:00:00+00:00"}))
    assert [(what, (body or {}).get("keyId")) for what, body in cloud.writes] == [(REMOVE, "k1"), (ADD, None)]


async def test_a_secret_without_an_end_never_ends(given: Callable[..., Context], cloud: Any, store: Store):
    """An unreadable end is no reason to renew."""
    store.hand_over("k1")
    cloud.on(APP, {"passwordCredentials": [secret("k1", "Webex Connect X", 1) | {"endDateTime": ""}]})
    assert (await STEP.inspect(given(facts=FACTS | {"key_id": "k1"}))).state is State.OK


async def test_six_months_are_six_months(given: Callable[..., Context], channel: Channel, cloud: Any):
    """The lifetime that was asked for counts."""
    cloud.on(APP, {})
    found = await STEP.inspect(given(channel=replace(channel, lifetime_months=6), facts=FACTS))
    assert timedelta(days=180) < datetime.fromisoformat(found.facts["renew_until"]) - now() < timedelta(days=185)
