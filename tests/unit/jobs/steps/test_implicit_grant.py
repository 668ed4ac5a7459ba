"""Article row E2: the box "Access tokens"."""

from __future__ import annotations

import pytest

from adaptive_cards.texts import render
from jobs.microsoft.app_manifest import unique_name
from jobs.model import Change, Scope, State, Text
from jobs.steps.application import ImplicitGrant
from tests.unit.jobs.conftest import Cloud, Given

STEP = ImplicitGrant()
READ = f"GET /applications(uniqueName='{unique_name('support@contoso.com')}')"


@pytest.mark.parametrize(
    ("app", "state", "seen"),
    [
        (
            {"web": {"implicitGrantSettings": {"enableAccessTokenIssuance": True}}},
            State.OK,
            "seen.implicit_on",
        ),
        (
            {"web": {"implicitGrantSettings": {"enableAccessTokenIssuance": False}}},
            State.WRONG,
            "seen.implicit_off",
        ),
        ({"web": {"implicitGrantSettings": None}}, State.WRONG, "seen.implicit_off"),
        ({}, State.WRONG, "seen.implicit_off"),
    ],
)
async def test_the_box(given: Given, cloud: Cloud, app: dict[str, object], state: State, seen: str):
    """The step is OK if the box is ticked, and wrong if the box is empty or was never set."""
    cloud.on(READ, app)
    found = await STEP.inspect(given())
    assert (found.state, found.seen) == (state, Text(seen))


async def test_ticking_it_keeps_the_rest(given: Given, cloud: Cloud):
    """Ticking the box "Access tokens" also writes every redirect URI of the app.

    So a URI that an outdated read lacks is kept as well.
    """
    cloud.on(READ, {"web": {"redirectUris": ["https://a.test/callback"]}})
    ctx = given(facts={"object_id": "object-1"})
    found = await STEP.inspect(ctx)
    command = "web.implicitGrantSettings.enableAccessTokenIssuance = true"
    line = Change(
        "implicit_grant",
        "E2",
        Text("step.implicit_grant"),
        Text("seen.off"),
        Text("seen.on"),
        Scope.APP,
        command,
    )
    assert STEP.plan(ctx, found) == (line,)
    await STEP.apply(ctx, found)
    settings = {"enableAccessTokenIssuance": True, "enableIdTokenIssuance": False}
    uris = [
        "https://a.test/callback",
        "https://uk.webexconnect.io/callback",
        "https://bot.test/microsoft/callback",
    ]
    web = {"redirectUris": uris, "implicitGrantSettings": settings}
    assert cloud.writes == [("PATCH /applications/object-1", {"web": web})]


@pytest.mark.parametrize("on", [True, False])
async def test_a_check_says_that_nothing_needs_it(given: Given, cloud: Cloud, on: bool):
    """A check says that no token depends on the box "Access tokens", ticked or not.

    Source: checklist.toml O10.
    """
    cloud.on(READ, {"web": {"implicitGrantSettings": {"enableAccessTokenIssuance": on}}})
    found = STEP.diagnosis.as_check_result(await STEP.inspect(given(kind="check")))
    assert found.seen is not None
    assert (found.state, "code flow" in render(found.seen)) == (
        State.OK if on else State.WARNING,
        True,
    )
