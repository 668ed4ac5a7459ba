"""Article rows E1 and E2: a redirect URI under another platform than Web."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from jobs.engine.context import StepContext
from jobs.model import Change, Scope, State, Text
from jobs.runs.run import RecordedChange
from tests.unit.jobs.steps.app_states import APP, CHANGE, FACTS, KNOWN, READ, STEP, URIS

ELSEWHERE = [
    ({"spa": URIS[:1]}, "seen.redirects_spa", "redirect_uri_is_spa"),
    ({"publicClient": URIS[:1]}, "seen.redirects_public", "public_client_with_secret"),
    ({"spa": URIS[:1], "publicClient": URIS[:1]}, "seen.redirects_spa", "redirect_uri_is_spa"),
]


@pytest.mark.parametrize("there", [URIS, URIS[1:]])
@pytest.mark.parametrize(("platforms", "key", "cause"), ELSEWHERE)
async def test_a_callback_of_another_platform_is_moved_to_web(
    given: Callable[..., StepContext],
    cloud: Any,
    there: list[str],
    platforms: dict[str, list[str]],
    key: str,
    cause: str,
):
    """A Call Back URL under another platform is moved to Web, and other URIs stay there."""
    app = (
        APP
        | {"web": {"redirectUris": there}}
        | {
            name: {"redirectUris": ["https://else.test/x", *uris]}
            for name, uris in platforms.items()
        }
    )
    cloud.on(READ, app, app, APP)
    ctx = given(facts=FACTS)
    found = await STEP.inspect(ctx)
    assert (found.state, found.seen, found.cause) == (
        State.WRONG,
        Text(key, {"uris": URIS[0]}),
        cause,
    )
    assert STEP.diagnosis.causes_elsewhere(cause) >= {cause}
    await STEP.apply(ctx, found)
    ((what, body),) = cloud.writes
    assert (what, set(body["web"]["redirectUris"])) == (CHANGE, set(URIS))
    assert {name: body[name] for name in platforms} == {
        name: {"redirectUris": ["https://else.test/x"]} for name in platforms
    }
    left = await STEP.inspect(ctx)
    assert (left.state, left.values == found.values) == (State.OK, False)


async def test_an_undo_puts_the_platforms_back(given: Callable[..., StepContext], cloud: Any):
    """An undo moves the Call Back URL back and keeps the URIs that others have added since."""
    before = APP | {"web": {"redirectUris": URIS[1:]}, "spa": {"redirectUris": URIS[:1]}}
    after = APP | {"spa": {"redirectUris": ["https://else.test/x"]}}
    cloud.on(READ, before, APP).on("GET /applications/object-1", after, after, before)
    ctx = given(facts=FACTS | KNOWN, kind="undo")
    was, left = (await STEP.inspect(ctx)).values, (await STEP.inspect(ctx)).values
    line = Change("application", "E1", Text("a"), Text("b"), Text("c"), Scope.APP, "x")
    past = RecordedChange("application", line, Text("b"), was, left, ("R1",))
    assert (await STEP.inspect_undo(ctx, past)).state is State.WRONG
    await STEP.undo(ctx, past)
    body = cloud.writes[0][1]
    assert (body["web"]["redirectUris"], body["spa"]) == (
        URIS[1:],
        {"redirectUris": ["https://else.test/x", URIS[0]]},
    )
    assert (await STEP.inspect_undo(ctx, past)).state is State.OK


@pytest.mark.parametrize(("kind", "state"), [("fix", State.WRONG), ("check", State.WARNING)])
async def test_the_bots_own_address_under_another_platform_carries_no_mail(
    given: Callable[..., StepContext], cloud: Any, kind: str, state: State
):
    """If the bot's redirect URI is under another platform, a check warns and a fix moves it."""
    cloud.on(READ, APP | {"spa": {"redirectUris": URIS[1:]}})
    assert (await STEP.inspect(given(facts=FACTS, kind=kind))).state is state


async def test_webex_connects_address_counts_first(given: Callable[..., StepContext], cloud: Any):
    """A missing URI of Webex Connect is reported before a misplaced URI of the bot."""
    cloud.on(READ, APP | {"web": {"redirectUris": URIS[1:]}, "spa": {"redirectUris": URIS[1:]}})
    found = await STEP.inspect(given(facts=FACTS, kind="check"))
    assert (found.state, found.cause) == (State.WRONG, "redirect_uri_mismatch")
