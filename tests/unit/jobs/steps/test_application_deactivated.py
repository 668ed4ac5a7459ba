"""Article row E1 for an app registration that somebody has deactivated."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from jobs.engine.context import StepContext
from jobs.model import State, Text
from tests.unit.jobs.steps.app_states import APP, FACTS, KNOWN, READ, STEP


async def test_a_deactivated_app_has_no_plan(given: Callable[..., StepContext], cloud: Any):
    """A deactivated app has no plan, because a person has to activate it first.

    This holds whatever else is wrong with the app (platforms/microsoft.md 1.1).
    """
    cloud.on(READ, APP | {"isDisabled": True, "web": {"redirectUris": []}})
    ctx = given(facts=FACTS)
    found = await STEP.inspect(ctx)
    assert (found.state, found.seen, found.cause, found.facts) == (
        State.WRONG,
        Text("seen.app_deactivated"),
        "app_deactivated",
        KNOWN,
    )
    assert STEP.plan(ctx, found) == ()


def test_a_deactivated_app_explains_what_follows_from_it_alone():
    """A deactivated app explains a disabled enterprise application and refused sign-ins.

    Another trouble of the app, such as a missing app, does not explain them.
    """
    explained = STEP.diagnosis.causes_elsewhere("app_deactivated")
    assert explained == {"app_deactivated", "app_disabled"}
    assert "app_disabled" not in STEP.diagnosis.causes_elsewhere("app_not_found")
