"""Steps in a check and in a fix of a channel that people set up by hand."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from jobs.clock import now
from jobs.engine.context import StepContext
from jobs.engine.step import Step
from jobs.model import Channel, State, Text
from jobs.runs.run import Brief, FixBrief
from jobs.steps.application import Application, ImplicitGrant
from jobs.steps.client_secret import ClientSecret
from jobs.steps.connect_form import Addresses
from jobs.steps.forwarding import Forwarding
from jobs.steps.service_principal import SmtpGrant
from tests.unit.jobs.conftest import Cloud, Given
from tests.unit.jobs.steps.app_states import APP, FACTS, KNOWN

ADDRESS = "ab12@mail-us.imiconnect.io"
CALLBACK = "https://uk.webexconnect.io/callback"
CHANNEL = Channel("support@contoso.com", CALLBACK, ADDRESS, tenant_id="tenant-1")
BY_HAND = Brief("client-1", by_hand=True)
FOUND = "GET /applications(appId='client-1')"
OWN = APP | {"web": {"redirectUris": [CALLBACK]}, "requiredResourceAccess": []}
BOX: dict[str, Any] = {"ForwardingSmtpAddress": None, "DeliverToMailboxAndForward": True}


@pytest.fixture
def check(given: Given) -> Given:
    """Return a function that creates the context for a check of a channel set up by hand."""

    def make(kind: str = "check", **more: Any) -> StepContext:
        wanted = {"channel": CHANNEL, "facts": FACTS, "brief": BY_HAND} | more
        return given(kind=kind, **wanted)

    return make


def secret(name: str, days: float) -> dict[str, Any]:
    """Return a client secret that ends so many days from now."""
    end = (now() + timedelta(days=days)).isoformat()
    return {"keyId": f"key-{name}", "displayName": name, "endDateTime": end}


@pytest.mark.parametrize("kind", ["check", "fix"])
async def test_what_a_setup_would_add_is_not_missed(check: Given, cloud: Cloud, kind: str):
    """A channel set up by hand needs neither the bot's redirect URI nor a declared SMTP.Send."""
    cloud.on(FOUND, OWN)
    found = await Application().inspect(check(kind))
    assert (found.state, found.facts) == (State.OK, KNOWN)
    assert [what for what, _ in cloud.asked] == [FOUND]


async def test_a_fix_that_asks_for_consent_needs_the_bots_redirect(check: Given, cloud: Cloud):
    """A fix that asks for consent needs the bot's redirect URI, because the page returns there."""
    cloud.on(FOUND, OWN)
    brief = replace(BY_HAND, fix=FixBrief(consent_missing=True))
    assert (await Application().inspect(check("fix", brief=brief))).state is State.WRONG


@pytest.mark.parametrize(("kind", "state"), [("check", State.WRONG), ("fix", State.OK)])
async def test_a_wide_audience_is_only_noticed(check: Given, cloud: Cloud, kind: str, state: State):
    """A check reports an app that is open to several tenants, but a fix leaves it as it is."""
    cloud.on(FOUND, OWN | {"signInAudience": "AzureADMultipleOrgs"})
    assert (await Application().inspect(check(kind))).state is state


@pytest.mark.parametrize(
    ("uris", "cause"),
    [
        (["https://portal.contoso.com/callback"], "redirect_uri_mismatch"),
        ([], "reply_address_missing"),
    ],
)
async def test_an_app_that_never_leads_to_webex_connect(
    check: Given, cloud: Cloud, uris: list[str], cause: str
):
    """An app without a redirect URI of Webex Connect is wrong, because Generate Token fails.

    This holds even if the right Call Back URL is not known.
    """
    cloud.on(FOUND, OWN | {"web": {"redirectUris": uris}})
    found = await Application().inspect(check(channel=replace(CHANNEL, callback_url="")))
    assert (found.state, found.cause) == (State.WRONG, cause)


async def test_an_unknown_app_is_not_called_missing(check: Given, cloud: Cloud):
    """Without a client ID the step is skipped, because the app is unknown and not missing."""
    found = await Application().inspect(check(brief=Brief(by_hand=True)))
    assert (found.state, found.seen) == (State.SKIPPED, Text("skipped.app_not_found"))
    assert cloud.asked == []


@pytest.mark.parametrize(("kind", "state"), [("check", State.SKIPPED), ("setup", State.WAITING)])
async def test_missing_addresses_stop_only_what_needs_them(check: Given, kind: str, state: State):
    """If an address is missing, a setup waits for it.

    A check skips only this step, with facts, so that the steps after it continue.
    """
    found = await Addresses().inspect(check(kind, channel=Channel("support@contoso.com")))
    assert (found.state, bool(found.facts)) == (state, kind == "check")


@pytest.mark.parametrize(
    ("secrets", "state", "cause"),
    [
        ([secret("webex", 90)], State.OK, ""),
        ([secret("old", -5), secret("Webex Connect 2026", 90)], State.OK, ""),
        ([secret("webex", -1)], State.WRONG, "client_secret_expired"),
        ([secret("webex", 5)], State.WARNING, "client_secret_expires_soon"),
        ([secret("Webex email bot, rehearsal and check", 90)], State.WRONG, "client_secret_gone"),
        ([], State.WRONG, "client_secret_gone"),
    ],
)
async def test_every_secret_of_a_person_counts(
    check: Given, cloud: Cloud, secrets: list[Any], state: State, cause: str
):
    """Webex Connect may use any secret that a person created.

    So the channel is known to be broken only if none of these secrets is valid.
    """
    cloud.on(FOUND, OWN | {"passwordCredentials": secrets})
    found = await ClientSecret().inspect(check())
    assert (found.state, found.cause) == (state, cause)


async def test_the_box_for_access_tokens_is_nobodys_wish(check: Given, cloud: Cloud):
    """In a channel set up by hand nobody asked for the box of row E2, so an empty box is right."""
    cloud.on(FOUND, OWN)
    assert (await ImplicitGrant().inspect(check())).state is State.OK


async def test_a_fix_leaves_the_implied_grants(check: Given, cloud: Cloud):
    """A fix does not grant a sign-in's own permissions, because they are implied."""
    ids = {"sp_id": "sp-1", "exchange_sp_id": "exo", "graph_sp_id": "graph", "user_id": "user-1"}
    grant = {"clientId": "sp-1", "resourceId": "exo", "principalId": "user-1", "scope": "SMTP.Send"}
    cloud.on("GET /oauth2PermissionGrants", [grant])
    assert (await SmtpGrant().inspect(check("fix", facts=ids))).state is State.OK


@pytest.mark.parametrize(
    ("row", "address", "state", "cause"),
    [
        ({"ForwardingSmtpAddress": f"smtp:{ADDRESS}"}, ADDRESS, State.OK, ""),
        ({}, ADDRESS, State.WRONG, "not_forwarded"),
        ({}, "", State.WRONG, "not_forwarded"),
        ({"ForwardingSmtpAddress": "smtp:x@y.example"}, ADDRESS, State.WRONG, "not_forwarded"),
        ({"ForwardingSmtpAddress": "smtp:x@y.example"}, "", State.POSSIBLE, "not_forwarded"),
        ({"ForwardingAddress": "Kim"}, ADDRESS, State.WRONG, "forwarding_address_wins"),
    ],
)
async def test_forwarding(
    check: Given, cloud: Cloud, row: dict[str, Any], address: str, state: State, cause: str
):
    """Forwarding to an outside address is only possibly wrong if the right one is unknown.

    No forwarding, an internal address, or a known other target is wrong.
    """
    cloud.on("Get-Mailbox", [BOX | row])
    found = await Forwarding().inspect(check(channel=replace(CHANNEL, forwarding_address=address)))
    assert (found.state, found.cause) == (state, cause)


@pytest.mark.parametrize(
    ("row", "what", "answer"),
    [
        (
            {"ForwardingAddress": "Webex"},
            "Get-Recipient",
            {"ExternalEmailAddress": f"SMTP:{ADDRESS}"},
        ),
        ({}, "Get-InboxRule", {"Enabled": True, "ForwardTo": [f"[SMTP:{ADDRESS}]"]}),
    ],
)
async def test_other_ways_are_right(
    check: Given, cloud: Cloud, row: dict[str, Any], what: str, answer: dict[str, Any]
):
    """Forwarding through a mail contact or an inbox rule to the right address is OK."""
    cloud.on("Get-Mailbox", [BOX | row])
    cloud.on(what, [answer])
    assert (await Forwarding().inspect(check())).state is State.OK


async def test_unreadable_rules_leave_it_open(check: Given, cloud: Cloud):
    """If the inbox rules cannot be read, a missing forwarding is only possibly wrong."""
    cloud.on("Get-Mailbox", [BOX])
    cloud.refuse("Get-InboxRule", 403)
    assert (await Forwarding().inspect(check())).state is State.POSSIBLE


@pytest.mark.parametrize("step", [Application(), ClientSecret(), Forwarding()])
async def test_nothing_is_written(check: Given, cloud: Cloud, step: Step):
    """Inspecting a channel that was set up by hand writes nothing."""
    cloud.on("Get-Mailbox", [BOX])
    cloud.on(FOUND, OWN)
    await step.inspect(check())
    assert cloud.writes == []
