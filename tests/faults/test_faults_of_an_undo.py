"""Fault matrix of an undo: every call that it makes, and every kind of fault."""

from __future__ import annotations

from typing import Any

import pytest

from jobs.runs.run import Kind
from tests.faults.weather import LISTED

NEEDS_A_PERSON = "401"
"""The one fault that needs a person: Graph does not accept the token.

If a role is missing shortly after the sign-in, the bot waits for the role.
"""
KEPT = {
    "applications": 0,
    "grants": 2,
    "role_assignments": 0,
    "outbound_policies": 1,
    "outbound_rules": 0,
    "own principals": 0,
    "secrets": 0,
}
"""Objects that existed before the setup, by kind, of the kinds that a setup makes.

They are the bot's own grants and the tenant's default policy.
"""


@pytest.fixture
def undo(set_up: Any, weather: Any) -> Any:
    """Undo of a whole setup that is about to begin."""
    return set_up.after_setup(weather, "undo", Kind.CANCELLED)


def test_the_matrix_holds_every_call_of_an_undo(undo: Any, weather: Any):
    """The calls of an undo are exactly those in calls.toml."""
    undo.to_its_end()
    assert sorted(weather.calls) == sorted(LISTED["undo"])


def test_every_call_of_an_undo_fails_once(undo: Any, weather: Any, country: Any, fault: Any):
    """An undo in which every call fails once still removes everything that the setup made.

    It makes no difference whether the cloud had carried out the call that failed.
    """
    weather.fault = fault
    undo.to_its_end()
    assert set(LISTED["undo"]) - set(weather.failed) == set()
    left = country.objects()
    assert {kind: left[kind] for kind in KEPT} == KEPT
    assert (undo.presses > 0) == (fault.name == NEEDS_A_PERSON)
