"""Row E3: the client secret of Webex Connect."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from adaptive_cards.texts import render
from jobs.clock import now
from jobs.engine.context import StepContext
from jobs.microsoft.app_manifest import unique_name
from jobs.model import Change, Channel, Finding, Scope, State, Text, day_of
from jobs.runs.channel_index import Record
from jobs.runs.run import Brief, Event, Kind
from jobs.runs.run_store import RunStore
from jobs.steps.client_secret import ClientSecret
from jobs.storage.vault import Vault
from tests.unit.jobs.conftest import Cloud, Given
from tests.unit.jobs.steps.app_states import APP, FACTS

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


FORBIDS = restricted({"restrictionType": "passwordAddition"})


async def test_nobody_has_a_secret(given: Given, cloud: Cloud):
    """A new app has no secret, and the finding says until when a new secret would be valid."""
    cloud.on(CLIENT_SECRET_APP, {"passwordCredentials": []})
    ctx = given(facts=CLIENT_SECRET_FACTS)
    found = await STEP.inspect(ctx)
    end = datetime.fromisoformat(found.facts["renew_until"])
    assert (found.state, found.seen, found.cause, end.month, end.year) == (
        State.WRONG,
        Text("seen.none"),
        "",
        now().month,
        now().year + 1,
    )
    after = Text("after.client_secret", {"expires": day_of(end)})
    command = f"Graph POST /applications/{{id}}/addPassword, endDateTime {end:%Y-%m-%d}"
    line = Change(
        "client_secret",
        "E3",
        Text("step.client_secret"),
        Text("seen.none"),
        after,
        Scope.APP,
        command,
    )
    assert STEP.plan(ctx, found) == (line,)


async def test_a_secret_that_nobody_can_see_does_not_count(given: Given, cloud: Cloud):
    """A listed secret counts as missing if the run did not store it and nobody was shown it."""
    cloud.on(
        CLIENT_SECRET_APP,
        {
            "passwordCredentials": [
                secret("k1", "Webex Connect OTHER", 300),
                secret("k2", "by hand", 300),
            ]
        },
    )
    seen = (await STEP.inspect(given(facts=CLIENT_SECRET_FACTS))).seen
    names = '"Webex Connect OTHER" (begins with abc)'
    assert seen == Text("seen.secret_orphans", {"names": names})


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
    given: Given, cloud: Cloud, store: RunStore, days: float, kind: str, state: State, cause: str
):
    """A secret that was shown counts until it ends.

    A check only warns of a secret that ends soon.
    """
    store.record_secret_shown("k1")
    cloud.on(
        CLIENT_SECRET_APP, {"passwordCredentials": [secret("k1", "Webex Connect EARLIER", days)]}
    )
    found = await STEP.inspect(given(facts=CLIENT_SECRET_FACTS | {"key_id": "k1"}, kind=kind))
    assert (found.state, found.cause) == (state, cause)


@pytest.mark.parametrize(
    ("secrets", "seen"), [([], "seen.secrets_forbidden"), ([-1], "seen.secret_expired")]
)
async def test_a_tenant_may_forbid_the_secret_that_is_needed(
    given: Given, cloud: Cloud, store: RunStore, secrets: list[float], seen: str
):
    """If a secret is needed and the tenant's policy forbids secrets, the step has no plan."""
    store.record_secret_shown("k1")
    cloud.on(
        CLIENT_SECRET_APP,
        {"passwordCredentials": [secret("k1", "Webex Connect X", days) for days in secrets]},
    ).on(POLICY, FORBIDS)
    ctx = given(facts=CLIENT_SECRET_FACTS | {"key_id": "k1"})
    found = await STEP.inspect(ctx)
    assert found.seen is not None
    told = (found.state, found.seen.key, found.cause, STEP.plan(ctx, found))
    assert told == (State.WRONG, seen, "secret_forbidden_by_policy", ())


@pytest.mark.parametrize("kind", ["setup", "fix", "check"])
@pytest.mark.parametrize("days", [300, 10])
async def test_a_policy_does_no_harm_to_a_secret_that_is_good(
    given: Given, cloud: Cloud, store: RunStore, kind: str, days: float
):
    """A policy that forbids secrets is only a warning while the app has a valid secret."""
    store.record_secret_shown("k1")
    there = secret("k1", "Webex Connect X", days)
    cloud.on(CLIENT_SECRET_APP, {"passwordCredentials": [there]}).on(POLICY, FORBIDS)
    end = datetime.fromisoformat(there["endDateTime"])
    assert await STEP.inspect(
        given(facts=CLIENT_SECRET_FACTS | {"key_id": "k1"}, kind=kind)
    ) == Finding(
        "client_secret",
        State.WARNING,
        seen=Text("seen.secret_last", {"expires": day_of(end)}),
        cause="secret_forbidden_by_policy",
        facts={"key_id": "k1", "hint": "abc", "expires": there["endDateTime"]},
        values={"key_id": "k1"},
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


@pytest.mark.parametrize(("days", "state"), [(29, State.OK), (11, State.OK), (9, State.WRONG)])
async def test_soon_is_a_third_of_a_short_life(
    given: Given, cloud: Cloud, store: RunStore, days: float, state: State
):
    """With a limit of 30 days, a secret is replaced once less than a third of that is left."""
    store.record_secret_shown("k1")
    limit = restricted({"restrictionType": "passwordLifetime", "maxLifetime": "P30D"})
    cloud.on(
        CLIENT_SECRET_APP, {"passwordCredentials": [secret("k1", "Webex Connect EARLIER", days)]}
    ).on(POLICY, limit)
    assert (await STEP.inspect(given(facts=CLIENT_SECRET_FACTS | {"key_id": "k1"}))).state is state


async def test_a_policy_for_younger_apps_is_not_for_this_one(given: Given, cloud: Cloud):
    """A restriction for apps created after a certain date does not apply to an older app."""
    rule = {
        "restrictionType": "passwordAddition",
        "restrictForAppsCreatedAfterDateTime": "2026-01-01T00:00:00Z",
    }
    cloud.on(CLIENT_SECRET_APP, {"createdDateTime": "2025-06-01T00:00:00Z"}).on(
        POLICY, restricted(rule)
    )
    assert (await STEP.inspect(given(facts=CLIENT_SECRET_FACTS))).seen == Text("seen.none")


async def test_a_limit_that_cuts_nothing_is_not_told(given: Given, cloud: Cloud):
    """The plan does not mention a limit of two years, because it does not shorten the secret."""
    cloud.on(CLIENT_SECRET_APP, {}).on(
        POLICY, restricted({"restrictionType": "passwordLifetime", "maxLifetime": "P2Y"})
    )
    ctx = given(facts=CLIENT_SECRET_FACTS)
    assert STEP.plan(ctx, await STEP.inspect(ctx))[0].note is None


async def test_a_tenant_may_cut_the_lifetime(given: Given, cloud: Cloud):
    """A secret ends five minutes before the tenant's limit, and the plan notes the shorter time."""
    cloud.on(CLIENT_SECRET_APP, {}).on(
        POLICY, restricted({"restrictionType": "passwordLifetime", "maxLifetime": "P90D"})
    )
    ctx = given(facts=CLIENT_SECRET_FACTS)
    found = await STEP.inspect(ctx)
    left = datetime.fromisoformat(found.facts["renew_until"]) - now()
    assert timedelta(days=89, hours=23) < left < timedelta(days=90)
    assert STEP.plan(ctx, found)[0].note == Text("note.secret_clamped")


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


async def test_a_secret_without_an_end_never_ends(given: Given, cloud: Cloud, store: RunStore):
    """A secret whose end cannot be read is not renewed."""
    store.record_secret_shown("k1")
    cloud.on(
        CLIENT_SECRET_APP,
        {"passwordCredentials": [secret("k1", "Webex Connect X", 1) | {"endDateTime": ""}]},
    )
    assert (
        await STEP.inspect(given(facts=CLIENT_SECRET_FACTS | {"key_id": "k1"}))
    ).state is State.OK


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


@pytest.mark.parametrize("other", [("Webex email bot, rehearsal and check", 90), ("by hand", -1)])
async def test_no_other_secret_excuses_one_that_is_gone(
    given: Given, cloud: Cloud, store: RunStore, other: tuple[str, float]
):
    """If the secret has ended, the bot's own for checks or another ended one is no replacement."""
    store.record_secret_shown("k1")
    cloud.on(
        CLIENT_SECRET_APP,
        {"passwordCredentials": [secret("k1", "Webex Connect EARLIER", -1), secret("k9", *other)]},
    )
    assert (
        await STEP.inspect(given(facts=CLIENT_SECRET_FACTS | {"key_id": "k1"}, kind="check"))
    ).state is State.WRONG


@pytest.mark.parametrize(("given_id", "state"), [("client-0", State.WRONG), ("client-1", State.OK)])
async def test_no_secret_of_an_app_made_anew_is_in_webex_connect(
    given: Given, cloud: Cloud, store: RunStore, given_id: str, state: State
):
    """A fix creates a secret for a new app, so that the form shows the new client ID as well."""
    cloud.on(
        CLIENT_SECRET_APP,
        {"appId": "client-1", "passwordCredentials": [secret("k1", "Webex Connect R0", 300)]},
    )
    ctx = given(
        facts=CLIENT_SECRET_FACTS | {"key_id": "k1"}, kind="fix", brief=Brief(client_id=given_id)
    )
    store.record_secret_shown("k1")
    assert (await STEP.inspect(ctx)).state is state


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


ADDRESS = "ab12@mail-us.imiconnect.io"
CALLBACK = "https://uk.webexconnect.io/callback"
CHANNEL = Channel("support@contoso.com", CALLBACK, ADDRESS, tenant_id="tenant-1")
BY_HAND = Brief("client-1", by_hand=True)
FOUND = "GET /applications(appId='client-1')"
OWN = APP | {"web": {"redirectUris": [CALLBACK]}, "requiredResourceAccess": []}


@pytest.fixture
def check(given: Given) -> Given:
    """Return a function that creates the context for a check of a channel set up by hand."""

    def make(kind: str = "check", **more: Any) -> StepContext:
        wanted = {"channel": CHANNEL, "facts": FACTS, "brief": BY_HAND} | more
        return given(kind=kind, **wanted)

    return make


def secret_of_by_hand(name: str, days: float) -> dict[str, Any]:
    """Return a client secret_of_by_hand that ends so many days from now."""
    end = (now() + timedelta(days=days)).isoformat()
    return {"keyId": f"key-{name}", "displayName": name, "endDateTime": end}


@pytest.mark.parametrize(
    ("secrets", "state", "cause"),
    [
        ([secret_of_by_hand("webex", 90)], State.OK, ""),
        ([secret_of_by_hand("old", -5), secret_of_by_hand("Webex Connect 2026", 90)], State.OK, ""),
        ([secret_of_by_hand("webex", -1)], State.WRONG, "client_secret_expired"),
        ([secret_of_by_hand("webex", 5)], State.WARNING, "client_secret_expires_soon"),
        (
            [secret_of_by_hand("Webex email bot, rehearsal and check", 90)],
            State.WRONG,
            "client_secret_gone",
        ),
        ([], State.WRONG, "client_secret_gone"),
    ],
)
async def test_every_secret_of_a_person_counts(
    check: Given, cloud: Cloud, secrets: list[Any], state: State, cause: str
):
    """Webex Connect may use any secret_of_by_hand that a person created.

    So the channel is known to be broken only if none of these secrets is valid.
    """
    cloud.on(FOUND, OWN | {"passwordCredentials": secrets})
    found = await ClientSecret().inspect(check())
    assert (found.state, found.cause) == (state, cause)
