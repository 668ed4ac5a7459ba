"""The fault matrix of a check: whatever a cloud does, every fact has a finding, and what could not be seen is never called right or wrong."""

from __future__ import annotations

from typing import Any

import pytest

from jobs.engine.engine import Engine
from jobs.model import Access, State
from jobs.probes import checks_for
from jobs.runtime import NoListener

BLIND = {State.UNKNOWN, State.SKIPPED}
MOST_CALLS = 300
FOR_GOOD = 1_000_000
LEFT_TO_ANOTHER = {"tenant"}
"""Where the verified domains may not be read, the step says so, and the mailbox user decides."""


@pytest.fixture(scope="module")
def looked_at(connected: Any) -> dict[str, Any]:
    """What a check under a clear sky finds."""
    return dict(_checked(connected, connected.weather()).findings)


def _checked(connected: Any, weather: Any) -> Any:
    """The run of a check with an administrator's sign-in, of all that takes one."""
    ctx = connected.context(weather, "check")
    steps = {name: step for name, step in checks_for(ctx.channel.profile).items() if step.diagnosis.access is Access.ADMIN}
    connected.carry_out(Engine(ctx, steps, NoListener(), lambda: True).check({Access.NONE, Access.ADMIN}))
    assert steps.keys() - ctx.run.findings.keys() == set()
    return ctx.run


def test_the_matrix_holds_every_call_of_a_check(connected: Any, listed: dict[str, list[str]]):
    """What a check asks stands in calls.toml, and nothing of it changes anything."""
    weather = connected.weather()
    _checked(connected, weather)
    assert sorted(weather.calls) == sorted(listed["check"])
    assert [call for call in weather.calls if not call.startswith(("GET ", "Get-"))] == []


def test_a_check_that_sees_nothing(connected: Any, fault: Any):
    """Every call fails, for good: everything is unknown or left out, nothing is called right or wrong, and it ends in time."""
    weather = connected.weather(fault, FOR_GOOD)
    run = _checked(connected, weather)
    assert {name: finding.state for name, finding in run.findings.items() if finding.state not in BLIND}.keys() - LEFT_TO_ANOTHER == set()
    assert sum(weather.calls.values()) <= MOST_CALLS


def test_a_check_in_a_shower(connected: Any, looked_at: dict[str, Any], fault: Any):
    """Every call fails once: what is found is what a clear sky shows, or says that it could not be seen."""
    run = _checked(connected, connected.weather(fault))
    odd = {name: finding.state for name, finding in run.findings.items() if finding.state not in {*BLIND, looked_at[name].state}}
    assert odd == {}
