"""Fault matrix of a check: every fact has a finding, although calls to a cloud fail.

A fact that could not be read is never called right or wrong.
"""

from typing import Any

import pytest

from jobs.engine.engine import Engine
from jobs.model import Access, State
from jobs.probes import checks_for
from jobs.runtime import no_listener
from practice.virtual_time import carry_out
from tests.faults.rides import Country
from tests.faults.weather import LISTED, Weather

BLIND = {State.UNKNOWN, State.SKIPPED}
MOST_CALLS = 300
FOR_GOOD = 1_000_000
LEFT_TO_ANOTHER = {"tenant"}
"""Step that may have a definite result although every call fails.

If the verified domains cannot be read, the step says so, and the mailbox user decides.
"""


@pytest.fixture(scope="module")
def looked_at(connected):
    """Findings of a check without faults."""
    return dict(_checked(connected, Weather(connected.http)).findings)


def _checked(connected: Country, weather: Any) -> Any:
    """Return the run of a check of all facts that an administrator's sign-in shows."""
    ctx = connected.alone(weather)
    steps = {
        name: step
        for name, step in checks_for(ctx.channel.profile).items()
        if step.diagnosis.access is Access.ADMIN
    }
    carry_out(Engine(ctx, steps, no_listener, lambda: True).check({Access.NONE, Access.ADMIN}))
    assert steps.keys() - ctx.run.findings.keys() == set()
    return ctx.run


def test_the_matrix_holds_every_call_of_a_check(connected):
    """The calls of a check are those in calls.toml, and none of them changes anything."""
    weather = Weather(connected.http)
    _checked(connected, weather)
    assert sorted(weather.calls) == sorted(LISTED["check"])
    assert [call for call in weather.calls if not call.startswith(("GET ", "Get-"))] == []


def test_a_check_that_sees_nothing(connected, fault):
    """If every call fails permanently, a check ends in time and calls nothing right or wrong.

    Every finding is unknown or left out.
    """
    weather = Weather(connected.http, fault, FOR_GOOD)
    run = _checked(connected, weather)
    assert {
        name: finding.state for name, finding in run.findings.items() if finding.state not in BLIND
    }.keys() - LEFT_TO_ANOTHER == set()
    assert sum(weather.calls.values()) <= MOST_CALLS


def test_a_check_in_a_shower(connected, looked_at, fault):
    """If every call fails once, each finding is the usual one or says that it could not be read."""
    run = _checked(connected, Weather(connected.http, fault))
    odd = {
        name: finding.state
        for name, finding in run.findings.items()
        if finding.state not in {*BLIND, looked_at[name].state}
    }
    assert odd == {}
