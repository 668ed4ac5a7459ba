"""Row E1: the app registration."""

from contextlib import nullcontext

import pytest

from jobs.clouds.errors import Forbidden, MalformedAnswer, NotFound, SignInNeeded
from jobs.model import State, Turn
from jobs.steps import all_steps
from tests.fixtures.run_events import answered, found
from tests.unit.jobs.steps import looks_of_apps as looks
from tests.unit.jobs.steps.looks import GONE
from tests.unit.jobs.steps.looks_of_apps import APP, CHANGE, FACTS, NAME, READ, STEP, URIS, WRITE
from tests.unit.jobs.steps.test_undo import past


@pytest.mark.parametrize("name", ["id", "appId"])
async def test_an_app_without_its_ids_says_nothing(given, cloud, name):
    """If Graph returns an app without one of its documented IDs, the answer is malformed."""
    cloud.on(READ, APP | {name: None})
    with pytest.raises(MalformedAnswer, match=f"an object without {name}"):
        await STEP.inspect(given(facts=FACTS))


async def test_a_stale_not_there_does_not_cost_an_app_its_lists(given, cloud):
    """A missing app is read again before the write, and merged into if it exists after all."""
    cloud.on(READ, GONE, APP | {"web": {"redirectUris": ["https://else.test/x"]}})
    ctx = given(facts=FACTS)
    found = await STEP.inspect(ctx)
    await STEP.apply(ctx, found)
    assert (found.facts, [what for what, _ in cloud.writes]) == ({}, [CHANGE])
    assert cloud.writes[0][1]["web"]["redirectUris"] == ["https://else.test/x", *URIS]


async def test_an_app_that_is_not_there_any_more_is_not_made_anew(given, cloud):
    """If an app was found a moment ago, a replica that does not know it causes no write."""
    cloud.on(READ, APP | {"web": {}}, GONE)
    ctx = given(facts=FACTS)
    found = await STEP.inspect(ctx)
    with pytest.raises(NotFound):
        await STEP.apply(ctx, found)
    assert cloud.writes == []


async def test_an_app_that_is_made_at_the_same_moment_is_merged_into(given, cloud, monkeypatch):
    """A conflict with an app that appears a moment later leads to a merge, not to a second app."""
    monkeypatch.setattr("jobs.steps.application.TAKEN_S", (0.0, 0.0))
    cloud.on(READ, GONE, GONE, GONE, APP)
    words = "Another object with the same value for property uniqueName already exists."
    cloud.refuse(WRITE, 400, "Request_BadRequest", words)
    ctx = given(facts=FACTS)
    await STEP.apply(ctx, await STEP.inspect(ctx))
    assert [what for what, _ in cloud.writes] == [WRITE, CHANGE]


async def test_a_name_that_the_recycle_bin_keeps(given, cloud, monkeypatch):
    """A deleted app may keep its name for 30 days, so a new app gets the name with the run's ID."""
    monkeypatch.setattr("jobs.steps.application.TAKEN_S", (0.0, 0.0))
    cloud.refuse(WRITE, 409, "Request_MultipleObjectsWithSameKeyValue", "already exists")
    ctx = given(facts=FACTS)
    name = f"{NAME}-{ctx.run.id.lower()}"
    cloud.on(f"PATCH /applications(uniqueName='{name}')", (201, APP | {"uniqueName": name}))
    await STEP.apply(ctx, await STEP.inspect(ctx))
    told = [what for what, _ in cloud.writes]
    assert told == [WRITE, f"PATCH /applications(uniqueName='{name}')"]
    ctx.looking = True
    cloud.on("GET /applications", [APP | {"uniqueName": name}])
    found = await STEP.inspect(ctx)
    assert (found.state, found.facts["unique_name"]) == (State.OK, name)


async def test_an_undo_puts_the_platforms_back(given, cloud):
    """An undo moves the Call Back URL back and keeps the URIs that others have added since."""
    before = APP | {"web": {"redirectUris": URIS[1:]}, "spa": {"redirectUris": URIS[:1]}}
    after = APP | {"spa": {"redirectUris": ["https://else.test/x"]}}
    cloud.on(READ, before, APP).on("GET /applications/object-1", after, after, before)
    ctx = given(facts=FACTS | looks.KNOWN, kind="undo")
    was, left = (await STEP.inspect(ctx)).values, (await STEP.inspect(ctx)).values
    what = past("application", was, left)
    assert (await STEP.inspect_undo(ctx, what)).state is State.WRONG
    await STEP.undo(ctx, what)
    body = cloud.writes[0][1]
    told = body["web"]["redirectUris"], body["spa"]
    assert told == (URIS[1:], {"redirectUris": ["https://else.test/x", URIS[0]]})
    assert (await STEP.inspect_undo(ctx, what)).state is State.OK


@pytest.mark.parametrize("status", [400, 409])
async def test_an_app_that_may_not_be_named_is_adopted_all_the_same(given, cloud, status):
    """If Graph refuses the unique name, the app is adopted without it.

    Later runs find the app by its client ID.
    """
    cloud.on(looks.THEIR_ID, looks.OFFERED).on(
        CHANGE, (status, {"error": {"code": "x"}}), (204, None)
    )
    ctx = given(facts=FACTS, answers={"adopt": "theirs"})
    await STEP.apply(ctx, await STEP.inspect(ctx))
    told = [(what, body.get("uniqueName")) for what, body in cloud.writes]
    assert told == [(CHANGE, NAME), (CHANGE, None)]


async def test_an_app_that_may_not_be_changed_is_not_tried_twice(given, cloud):
    """If a role is missing, the change is not tried without the unique name.

    A missing role has nothing to do with the name.
    """
    cloud.on(looks.THEIR_ID, looks.OFFERED).refuse(CHANGE, 403)
    ctx = given(facts=FACTS, answers={"adopt": "theirs"})
    found = await STEP.inspect(ctx)
    with pytest.raises(Forbidden):
        await STEP.apply(ctx, found)
    assert len(cloud.writes) == 1


ASKED = found("admin_consent", State.WAITING, waiting_for=Turn.ADMINISTRATOR)


@pytest.mark.parametrize("question", ["", "look_again", "consent"])
async def test_a_look_that_nobody_asked_for_may_fail(given, cloud, question):
    """A failed look at the consent leaves the request as it is, unless a person asked for it.

    So a sign-in that has ended is asked for only when it is needed.
    """
    cloud.refuse("GET /servicePrincipals/sp-1/appRoleAssignments", 401)
    events = (ASKED, *([answered(question)] if question else []))
    ctx = given(facts={"mail_send": "mail-id", "sp_id": "sp-1"}, events=events)
    with pytest.raises(SignInNeeded) if question else nullcontext():
        seen = await all_steps()["admin_consent"].inspect(ctx)
        assert (seen.state, seen.waiting_for) == (State.WAITING, Turn.ADMINISTRATOR)
