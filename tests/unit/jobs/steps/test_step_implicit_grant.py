"""E2: the box "Access tokens"."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from jobs.microsoft.registration import unique_name
from jobs.model import Change, Scope, State, Words
from jobs.step import Context
from jobs.steps.implicit_grant import ImplicitGrant

STEP = ImplicitGrant()
READ = f"GET /applications(uniqueName='{unique_name('support@contoso.com')}')"


@pytest.mark.parametrize(
    ("app", "state", "seen"),
    [
        ({"web": {"implicitGrantSettings": {"enableAccessTokenIssuance": True}}}, State.OK, "seen.on"),
        ({"web": {"implicitGrantSettings": {"enableAccessTokenIssuance": False}}}, State.WRONG, "seen.off"),
        ({"web": {"implicitGrantSettings": None}}, State.WRONG, "seen.off"),
        ({}, State.WRONG, "seen.off"),
    ],
)
async def test_the_box(given: Callable[..., Context], cloud: Any, app: dict[str, object], state: State, seen: str):
    """Ticked, or not, or never touched."""
    cloud.on(READ, app)
    found = await STEP.inspect(given())
    assert (found.state, found.seen) == (state, Words(seen))


async def test_ticking_it_keeps_the_rest(given: Callable[..., Context], cloud: Any):
    """``web`` is written whole, with the redirect addresses that are there, and those of the app's own that a stale read may lack."""
    cloud.on(READ, {"web": {"redirectUris": ["https://a.test/callback"]}})
    ctx = given(facts={"object_id": "object-1"})
    found = await STEP.inspect(ctx)
    command = "web.implicitGrantSettings.enableAccessTokenIssuance = true"
    line = Change("implicit_grant", "E2", Words("step.implicit_grant"), Words("seen.off"), Words("seen.on"), Scope.APP, command)
    assert STEP.plan(ctx, found) == (line,)
    await STEP.apply(ctx, found)
    settings = {"enableAccessTokenIssuance": True, "enableIdTokenIssuance": False}
    uris = ["https://a.test/callback", "https://uk.webexconnect.io/callback", "https://bot.test/microsoft/callback"]
    web = {"redirectUris": uris, "implicitGrantSettings": settings}
    assert cloud.writes == [("PATCH /applications/object-1", {"web": web})]
