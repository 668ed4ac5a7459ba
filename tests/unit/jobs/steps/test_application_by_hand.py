"""Article row E1 for an app that an administrator created by hand."""

from __future__ import annotations

from typing import Any

import pytest

from jobs.clock import now
from jobs.clouds.errors import Forbidden
from jobs.model import State, Text
from tests.unit.jobs.conftest import Cloud, Given
from tests.unit.jobs.steps.app_states import ACCESS, APP, CHANGE, FACTS, NAME, STEP, URIS

BY_HAND = APP | {
    "appId": "theirs",
    "uniqueName": None,
    "requiredResourceAccess": [],
    "web": {"redirectUris": URIS[:1]},
}
NO_NAME = "GET /applications(appId='theirs')"


@pytest.mark.parametrize(
    ("apps", "offered"),
    [
        ([BY_HAND], "theirs"),
        ([BY_HAND, BY_HAND | {"appId": "other"}], ""),
        ([BY_HAND | {"uniqueName": "x"}], ""),
        ([], ""),
    ],
)
async def test_an_app_made_by_hand_is_offered(
    given: Given, cloud: Cloud, apps: list[Any], offered: str
):
    """A single manually created app with the same Call Back URL is offered for adoption.

    If there are several such apps, none is offered.
    """
    cloud.on("GET /applications", apps)
    ctx = given(facts=FACTS)
    ctx.looking = True
    found = await STEP.inspect(ctx)
    (line,) = STEP.plan(ctx, found)
    told = Text("note.by_hand", {"client_id": offered}) if offered else None
    assert (found.state, found.facts, [item.text for item in found.evidence], line.note) == (
        State.WRONG,
        {},
        [offered] if offered else [],
        told,
    )


async def test_an_app_made_by_hand_is_adopted(given: Given, cloud: Cloud):
    """An adopted app gets the unique name by which every later run finds it.

    The app keeps its own settings.
    """
    cloud.on(NO_NAME, BY_HAND)
    ctx = given(facts=FACTS, answers={"adopt": "theirs"})
    found = await STEP.inspect(ctx)
    assert (found.state, found.seen, found.facts["client_id"]) == (
        State.WRONG,
        Text("seen.by_hand", {"name": "Mail"}),
        "theirs",
    )
    await STEP.apply(ctx, found)
    body = {
        "signInAudience": "AzureADMyOrg",
        "web": {"redirectUris": URIS},
        "requiredResourceAccess": ACCESS,
        "uniqueName": NAME,
    }
    assert cloud.writes == [("PATCH /applications/object-1", body)]


@pytest.mark.parametrize("status", [400, 409])
async def test_an_app_that_may_not_be_named_is_adopted_all_the_same(
    given: Given, cloud: Cloud, status: int
):
    """If Graph refuses the unique name, the app is adopted without it.

    Later runs find the app by its client ID.
    """
    cloud.on(NO_NAME, BY_HAND).on(CHANGE, (status, {"error": {"code": "x"}}), (204, None))
    ctx = given(facts=FACTS, answers={"adopt": "theirs"})
    await STEP.apply(ctx, await STEP.inspect(ctx))
    assert [(what, body.get("uniqueName")) for what, body in cloud.writes] == [
        (CHANGE, NAME),
        (CHANGE, None),
    ]


async def test_an_app_that_may_not_be_changed_is_not_tried_twice(given: Given, cloud: Cloud):
    """If a role is missing, the change is not tried without the unique name.

    A missing role has nothing to do with the name.
    """
    cloud.on(NO_NAME, BY_HAND).refuse(CHANGE, 403)
    ctx = given(facts=FACTS, answers={"adopt": "theirs"})
    found = await STEP.inspect(ctx)
    with pytest.raises(Forbidden):
        await STEP.apply(ctx, found)
    assert len(cloud.writes) == 1


async def test_a_name_that_is_not_kept_is_not_asked_for_again(given: Given, cloud: Cloud):
    """An adopted app that was changed is OK even if it did not keep its unique name."""
    cloud.on(NO_NAME, APP | {"appId": "theirs", "uniqueName": None})
    ctx = given(facts=FACTS, answers={"adopt": "theirs"}, changed={"application": now()})
    found = await STEP.inspect(ctx)
    assert (found.state, found.seen) == (
        State.OK,
        Text("seen.application", {"client_id": "theirs"}),
    )
