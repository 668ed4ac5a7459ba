"""Article row C6 after a fix: the bot's own login, and which steps prove a fix."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from jobs.clock import now
from jobs.clouds.http import sync_client
from jobs.engine.context import StepContext
from jobs.microsoft.identity import Identity
from jobs.microsoft.scopes import smtp_scope
from jobs.model import Channel, Profile, State, Text
from jobs.runs.run import Event, Kind, Run
from jobs.settings import Settings
from jobs.steps import all_steps, steps_for, steps_of
from jobs.steps.connect_form import OwnLogin
from jobs.storage.vault import Vault
from tests.unit.jobs.conftest import Given

STEP = OwnLogin()
TENANT = "11111111-2222-3333-4444-555555555555"
CHANNEL = Channel(
    "support@contoso.com", "https://uk.webexconnect.io/callback", "x1@mail.webexconnect.io"
)
PROOF = {"own_login", "agent_has_it", "agent_answer"}


def planned(ctx: StepContext, *names: str) -> Run:
    """Return the run with a plan that changes these steps."""
    changes = tuple(
        all_steps()[name].change(Text("seen.off"), Text("seen.on"), "mailbox", "x")
        for name in names
    )  # type: ignore[arg-type]  # the scope is not looked at
    ctx.store.append(
        ctx.run.id, Event(Kind.PLANNED, ctx.run.opened, data={"plan": "p"}, changes=changes)
    )
    return ctx.store.load(ctx.run.id)


async def test_nobody_rehearsed(given: Given):
    """If nobody has rehearsed, the bot has no sign-in of its own, so the step is skipped."""
    found = await STEP.inspect(given())
    assert (found.state, found.seen) == (State.SKIPPED, Text("skipped.never_rehearsed"))


async def test_a_dead_sign_in_does_not_hold_up_the_fix(
    given: Given, vault: Vault, work_settings: Settings, provider: Any
):
    """If the bot's own sign-in is invalid, the step is skipped and the fix continues.

    The sign-in belongs to the bot and not to the channel.
    """
    ctx = given(
        facts={"client_id": "client-1", "upn": "support@contoso.com"},
        settings=replace(work_settings, login_url=provider.base),
    )
    vault.put("check-secret:support@contoso.com", "secret", 60)
    vault.put("check-session:support@contoso.com", "{}", 60)
    found = await STEP.inspect(ctx)
    assert (found.state, found.seen) == (State.SKIPPED, Text("skipped.own_sign_in"))


@pytest.mark.parametrize(
    ("number", "ago", "state"),
    [
        (65001, 10, State.WAITING),
        (700016, 10, State.WAITING),
        (7000215, 119, State.WAITING),
        (7000215, 121, State.SKIPPED),
        (50057, 10, State.SKIPPED),
    ],
)
async def test_what_the_fix_has_written_may_not_be_known_yet(
    given: Given,
    vault: Vault,
    work_settings: Settings,
    provider: Any,
    number: int,
    ago: int,
    state: State,
):
    """An error that a fresh change may cause is retried for two minutes.

    After that the sign-in counts as invalid.
    """
    vault.put("check-secret:support@contoso.com", "s3cr~t.Value", 60)
    made = replace(work_settings, login_url=provider.base)
    with sync_client(made) as http:
        identity = Identity(provider.base, http, TENANT, "client-1", "s3cr~t.Value")
        flow = identity.begin(
            [smtp_scope(made.exchange_url)], "https://bot.test/microsoft/callback", "state-1"
        )
        cache = identity.finish(flow, provider.sign_in(flow["auth_uri"])).cache
    vault.put("check-session:support@contoso.com", cache, 60)
    changed = {"client_secret": now() - timedelta(seconds=ago)}
    ctx = given(
        channel=replace(CHANNEL, tenant_id=TENANT),
        facts={"client_id": "client-1"},
        settings=made,
        changed=changed,
        kind="fix",
    )
    provider.trouble = [provider.refuse(400, "invalid_grant", number)]
    found = await STEP.inspect(ctx)
    assert (found.state, found.until is not None) == (state, state is State.WAITING)


@pytest.mark.parametrize(
    ("changed", "proof"),
    [
        (("smtp_auth",), PROOF),
        (("smtp_grant", "forwarding"), PROOF),
        (("forwarding",), set()),
        (("outbound_policy",), set()),
    ],
)
def test_a_fix_proves_the_way_that_was_broken(
    given: Given, changed: tuple[str, ...], proof: set[str]
):
    """A fix always sends a test mail.

    If it changed the way of the answers, it also proves a login and an answer.
    """
    steps = steps_of(planned(given(kind="fix"), *changed))
    assert ("test_mail" in steps, PROOF & steps.keys()) == (True, proof)


def test_a_new_secret_takes_the_form(given: Given):
    """A new secret adds the form's steps to a fix, because Webex Connect needs the secret."""
    steps = steps_of(planned(given(kind="fix"), "client_secret"))
    assert {"token", "app_fields", *PROOF} <= steps.keys()


def test_a_setup_has_its_own_rehearsal(given: Given):
    """A setup does not have the step with the bot's own login, because it has a rehearsal."""
    assert "own_login" not in steps_for(Profile.ARTICLE)
    assert "own_login" not in steps_of(given(channel=Channel("a@contoso.com")).run)
