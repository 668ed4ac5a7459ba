"""Article row E1 for an app that an administrator created by hand."""

from __future__ import annotations

import pytest

from jobs.clouds.errors import Forbidden
from tests.unit.jobs.conftest import Cloud, Given
from tests.unit.jobs.steps.app_states import APP, CHANGE, FACTS, NAME, STEP, URIS

BY_HAND = APP | {
    "appId": "theirs",
    "uniqueName": None,
    "requiredResourceAccess": [],
    "web": {"redirectUris": URIS[:1]},
}
NO_NAME = "GET /applications(appId='theirs')"


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
