"""E1 where somebody has deactivated the app registration."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from jobs.engine.context import StepContext
from jobs.model import State, Text
from tests.unit.jobs.steps.app_states import APP, FACTS, KNOWN, READ, STEP


async def test_a_deactivated_app_has_no_plan(given: Callable[..., StepContext], cloud: Any):
    """A person activates it first, whatever else is wrong with it (facts/update-2026-11.md 4, row 3)."""
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
    """Its enterprise application and its sign-ins, but no other trouble of the app."""
    explained = STEP.diagnosis.causes_elsewhere("app_deactivated")
    assert explained == {"app_deactivated", "app_disabled"}
    assert "app_disabled" not in STEP.diagnosis.causes_elsewhere("app_not_found")
