"""The whole product on a machine whose clock is eleven minutes wrong.

The practice cloud's clock is moved instead of the machine's. Its Date headers, its times and its
tokens move together, so the product sees no difference.
"""

import json

import pytest

from practice.conversation import Walk, space, words
from practice.stack import Stack
from tests.fixtures.stacks import log_of, operator

CLOCKS = {"fast": "-660", "slow": "660"}
"""Seconds by which the cloud's clock is ahead if the machine's clock is fast or slow."""


@pytest.fixture(scope="module", params=CLOCKS)
def clock(request):
    """Return the kind of error of the machine's clock: fast or slow."""
    return str(request.param)


@pytest.fixture(scope="module")
def stack(clock):
    """Stack on a machine with this clock."""
    with Stack(practice={"clock_ahead": CLOCKS[clock]}) as running:
        yield running


def _doctor(stack):
    """Return the exit code of ``doctor``, and its line about the clock."""
    done = operator(stack, "doctor")
    (line,) = (each for each in done.stdout.splitlines() if " clock: " in each)
    return done.returncode, line


def test_commands_are_answered_and_the_clock_is_named(stack, people, clock):
    """The bot answers commands although the clock of its machine is wrong.

    The command ``doctor`` and the log name the clock and say by how much it is wrong.
    """
    walk = Walk(people, "support@contoso.com", space(people))
    assert "What the bot can do" in words(walk.type("/help"))
    side = "ahead of" if clock == "fast" else "behind"
    code, line = _doctor(stack)
    assert (code, line[:5]) == (1, "WRONG")
    assert f"the clock of the bot's machine is 11 minutes {side} Webex's" in line
    warned = [
        json.loads(each) for each in log_of(stack).splitlines() if '"the clock is wrong"' in each
    ]
    assert {each["level"] for each in warned} == {"warning"}
    assert len(warned) == len({each["cloud"] for each in warned})
