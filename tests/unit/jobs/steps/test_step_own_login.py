"""C6 after a fix: the bot's own login, and which steps prove a fix."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from jobs.model import Channel, Profile, State, Words
from jobs.run import Event, Kind, Run
from jobs.settings import Settings
from jobs.step import Context
from jobs.steps import all_steps, steps_for, steps_of
from jobs.steps.own_login import OwnLogin
from jobs.vault import Vault

STEP = OwnLogin()
PROOF = {"own_login", "agent_has_it", "agent_answer"}


def planned(ctx: Context, *names: str) -> Run:
    """The run with a plan that changes these steps."""
    changes = tuple(all_steps()[name].change(Words("seen.off"), Words("seen.on"), "mailbox", "x") for name in names)  # type: ignore[arg-type]  # the scope is not looked at
    ctx.store.append(ctx.run.id, Event(Kind.PLANNED, ctx.run.opened, data={"plan": "p"}, changes=changes))
    return ctx.store.load(ctx.run.id)


async def test_nobody_rehearsed(given: Callable[..., Context]):
    """Without a sign-in of its own the bot proves nothing by it, and says so."""
    found = await STEP.inspect(given())
    assert (found.state, found.seen) == (State.SKIPPED, Words("skipped.never_rehearsed"))


async def test_a_dead_sign_in_does_not_hold_up_the_fix(given: Callable[..., Context], vault: Vault, work_settings: Settings, provider: Any):
    """It is the bot's own, not the channel's: left out, with the reason and Microsoft's words."""
    ctx = given(facts={"client_id": "client-1", "upn": "support@contoso.com"}, settings=replace(work_settings, login_url=provider.base))
    vault.put("check-secret:support@contoso.com", "secret", 60)
    vault.put("check-session:support@contoso.com", "{}", 60)
    found = await STEP.inspect(ctx)
    assert (found.state, found.seen) == (State.SKIPPED, Words("skipped.own_sign_in"))


@pytest.mark.parametrize(
    ("changed", "proof"),
    [
        (("smtp_auth",), PROOF),
        (("smtp_grant", "forwarding"), PROOF),
        (("forwarding",), set()),
        (("outbound_policy",), set()),
    ],
)
def test_a_fix_proves_the_way_that_was_broken(given: Callable[..., Context], changed: tuple[str, ...], proof: set[str]):
    """A mail always; a login and an answer where the way of answers was changed."""
    steps = steps_of(planned(given(kind="fix"), *changed))
    assert ("test_mail" in steps, PROOF & steps.keys()) == (True, proof)


def test_a_new_secret_takes_the_form(given: Callable[..., Context]):
    """Beside the proof of answers, for Webex Connect has to be given it."""
    steps = steps_of(planned(given(kind="fix"), "client_secret"))
    assert {"token", "app_fields", *PROOF} <= steps.keys()


def test_a_setup_has_its_own_rehearsal(given: Callable[..., Context]):
    """The login of a fix is no step of it."""
    assert "own_login" not in steps_for(Profile.ARTICLE)
    assert "own_login" not in steps_of(given(channel=Channel("a@contoso.com")).run)
