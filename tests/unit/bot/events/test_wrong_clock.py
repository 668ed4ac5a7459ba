"""Events on a machine whose clock is wrong: their age is judged by Webex's clock."""

from datetime import timedelta

import pytest

from jobs.clock import now
from jobs.clouds.clock_skew import METER
from tests.fixtures.webex_script import receive

FAST, SLOW = 660.0, -660.0
"""Seconds by which the bot's clock is ahead of Webex's."""


@pytest.fixture
def write(services, webex_script, reply):
    """Return a function that scripts a /help message, written some seconds ago by Webex's clock.

    The function returns the time of the message as Webex writes it.
    """

    def written(ahead: float, ago_s: float) -> str:
        webex_script.clock_s = -ahead
        created = (now() - timedelta(seconds=ahead + ago_s)).isoformat()
        message = {"id": "m1", "roomId": "room-1", "roomType": "direct", "personId": "anna"}
        message |= {"text": "/help", "created": created}
        webex_script.on("GET", "/messages/m1", reply(body=message))
        return created

    return written


@pytest.mark.parametrize("ahead", [0.0, 40_000.0, -40_000.0])
@pytest.mark.parametrize("ago_s", [2.0, 500.0])
def test_what_was_just_written_is_answered(write, said, ahead, ago_s):
    """A message that was just written is answered, however wrong the bot's clock is.

    This also holds if the process has heard nothing from Webex before the event.
    """
    assert receive("messages", "m1", "anna", "room-1", write(ahead, ago_s)) is None
    assert [method for method, _ in said()] == ["POST"]


@pytest.mark.parametrize("ahead", [0.0, FAST, SLOW])
@pytest.mark.parametrize("told", [True, False])
def test_a_replay_is_left_alone(write, said, webex_script, ahead, told):
    """A message written eleven minutes ago is a replay, whatever this machine's clock says.

    It is not even fetched if the event looks old to this machine.
    """
    created = write(ahead, 661.0)
    receive("messages", "m1", "anna", "room-1", created if told else "")
    asked = [path for _, path, _ in webex_script.asked if "m1" in path]
    assert (said(), bool(asked)) == ([], not told or ahead == SLOW)


def test_webex_is_asked_for_the_time_once(write, webex_script, services):
    """Webex is asked for its time once, and only for an event that looks old."""
    created = write(FAST, 2.0)
    assert services.me.id == "bot-1"
    for asked in (1, 1):
        webex_script.asked.clear()
        METER.__init__()  # like that of a new process
        receive("messages", "m1", "anna", "room-1", created)
        receive("messages", "m1", "anna", "room-1", created)
        assert [path for _, path, _ in webex_script.asked].count("/people/me") == asked
    METER.__init__()  # like that of a new process
    webex_script.asked.clear()
    receive("messages", "m1", "anna", "room-1", write(0.0, 2.0))
    assert [path for _, path, _ in webex_script.asked].count("/people/me") == 0


@pytest.mark.parametrize("ahead", [FAST, SLOW])
def test_a_webex_that_is_away_is_asked_again(write, webex_script, reply, ahead):
    """If Webex refuses a new event's message, the event is tried again although the clock is wrong.

    The ten minutes of an event are counted with Webex's clock, too.
    """
    created = write(ahead, 2.0)
    webex_script.on("GET", "/messages/m1", reply(429, {}, {"Retry-After": "40"}))
    again = receive("messages", "m1", "anna", "room-1", created)
    assert again is not None
    assert (again - now()).total_seconds() == pytest.approx(40, abs=1)


def test_while_nobody_tells_the_time_the_arrival_counts(services, webex_script, reply):
    """While Webex does not answer, its time is unknown, and no event is given up for that."""
    webex_script.on("GET", "/messages/m1", reply(0))
    created = (now() - timedelta(seconds=599)).isoformat()
    assert services.me.id == "bot-1"
    METER.__init__()  # like that of a new process
    assert receive("messages", "m1", created=created) is not None
