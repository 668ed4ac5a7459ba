"""Line of the ``doctor`` command about the clock."""

from __future__ import annotations

from datetime import timedelta
from email.utils import formatdate

import pytest
from redis import Redis

from bot import doctor
from jobs.clock import now
from jobs.clouds.clock_skew import METER, MICROSOFT, WEBEX, Meter


def measure(meter: Meter, cloud: str, ahead: float) -> None:
    """Let the meter see a cloud's answer, with the bot's clock that many seconds ahead of it."""
    moment = now() - timedelta(seconds=ahead)
    meter.note(cloud, {"Date": formatdate(moment.timestamp(), usegmt=True)}, 0.0)


@pytest.mark.parametrize(
    ("ahead", "doubtful", "wrong", "words"),
    [
        (0, False, False, "right, "),
        (-20, False, False, "right, "),
        (45, True, False, "45 seconds ahead of Webex's, and"),
        (-45, True, False, "45 seconds behind Webex's, and"),
        (660, False, True, "11 minutes ahead of Microsoft's: correct the clock"),
        (660, False, True, "Sign-ins fail until then"),
        (-40_000, False, True, "11 hours behind Webex's"),
    ],
)
def test_the_skew_is_named(redis, ahead, doubtful, wrong, words):
    """A clock that is half a minute wrong is reported as a doubt.

    From five minutes on the clock is reported as wrong, because sign-ins fail then.
    """
    for cloud in (WEBEX, MICROSOFT):
        measure(METER, cloud, ahead)
    found = doctor.on_clock(redis)
    said = (found.doubt, found.wrong, found.good)
    assert ([bool(each) for each in said[:2]], words in "".join(said)) == ([doubtful, wrong], True)


def test_another_machines_clock_is_named_too(redis):
    """The report names a worker's wrong clock, even if the doctor's own clock is right."""
    measure(METER, WEBEX, 0)
    measure(Meter(redis), WEBEX, 660)
    assert "11 minutes ahead of Webex's" in doctor.on_clock(redis).wrong


def test_without_an_answer_it_is_not_known(redis):
    """A clock whose skew is not known is reported as a doubt, and not as right."""
    assert doctor.on_clock(redis).doubt


def test_a_redis_that_is_away_is_left_out():
    """The line about the clock does not report a Redis that is away; another line reports it."""
    measure(METER, WEBEX, 0)
    gone = Redis(port=1, socket_connect_timeout=0.1, retry=None)
    assert doctor.on_clock(gone).good.startswith("right")
