"""Test mail of the watch in the running product: sent, told apart, followed, and seen to be lost.

The eye is the worker's own look in a process of its own. For this process an hour is a second.
"""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import pytest

from bench.crowd import fill
from bench.watch_faults import SETTINGS, Eye, WatchedFaults
from jobs.storage import keys
from jobs.watch.model import Sight
from practice.actors import MAILBOX, REQUESTER, SPACE
from practice.client import People
from practice.conversation import words
from practice.stack import Stack
from tests.fixtures.waiting import until
from tests.fixtures.watched import WatchedChannels

MARK = "[Webex email watch]"
NO_LOG = {"CONNECT_AUDIT_URL": "", "CONNECT_AUDIT_TOKEN": ""}
"""Settings without Webex Connect's audit log.

Without that log only a mail shows that the forwarding address no longer exists.
"""


@dataclass
class Played:
    """Channel that was set up, its people, and the eye of the watch."""

    stack: Stack
    people: People
    eye: Eye

    @property
    def mails(self):
        """Return the test mails that reached an agent."""
        tasks = self.people.control("GET", "agent/tasks")["items"]
        return [task for task in tasks if MARK in task["subject"]]


@pytest.fixture(scope="module")
def played():
    """Running product whose tenant lets the bot read, with a channel and the eye of the watch."""
    with Stack(practice=SETTINGS, env=NO_LOG) as stack:
        people = stack.people()
        story = WatchedFaults(people, lambda _: None)
        story.set_up()
        story.grant()
        eye = Eye.of(stack, mails_s=1)
        yield Played(stack, people, eye)
        eye.close()
        people.close()


def test_a_mail_goes_the_whole_way_and_is_no_customers(played):
    """A test mail of the watch reaches an agent, and the next look sees that it arrived.

    The mail is not counted as a customer's.
    """
    assert played.mails == []
    first = played.eye.look()
    (mail,) = until(lambda: played.mails, "the task of the test mail")
    assert mail["to"] == MAILBOX
    second = played.eye.look()
    assert (first["sight"], second["sight"]) == (Sight.HEALTHY, Sight.HEALTHY)
    assert second["mails"] == first["mails"] > 0
    with played.stack.redis() as redis:
        assert redis.zscore(keys.watch_mails_arrived(), MAILBOX) is not None


def test_a_break_that_only_the_mail_sees(played):
    """A test mail finds that Webex Connect's server refuses its old address.

    No customer has written since. The card of the worker's own looks says that only the test mail
    has seen the break, and names the station at which the mail stopped.
    """
    played.people.control("POST", "fault/connect_address_bounces")
    seen = until(lambda: _broken(played.eye.look()), "a look that has seen the lost mail")
    assert seen["cause"] == "connect_address_gone"
    assert seen["step"] == "watch_mail"
    assert seen["station"] == "connect"
    assert seen["late"] == 0
    played.people.say(REQUESTER, f"/watch {MAILBOX}", SPACE)
    with played.stack.redis() as redis:
        watch = WatchedChannels.of(played.stack, redis)
        watch.wait(lambda: watch.load(MAILBOX))
        watch.wait(lambda: watch.state(MAILBOX).looked)
        watch.look(MAILBOX)
    card = played.people.wait_for(
        "the incident", lambda each: bool(each["card"]) and f"{MAILBOX} is broken" in words(each)
    )
    assert "Only the bot's test email, sent" in words(card)
    assert "It left the mailbox and did not become a task." in words(card)


def test_no_two_processes_send_one_in_the_same_hour(played):
    """Several processes that watch a silent channel send only one test mail in an hour.

    Two processes look at the same time, and a third one after they were stopped.
    """
    box, body = "box0@silent.example", {"name": "Silent", "members": [REQUESTER]}
    room = str(played.people.control("POST", "webex/space", body)["id"])
    fill(played.stack, played.people, room, [box])
    eyes = [Eye.of(played.stack, 3600, box) for _ in range(2)]
    with ThreadPoolExecutor(2) as pool:
        for _ in range(2):
            assert [seen["sight"] for seen in pool.map(Eye.look, eyes)] == [Sight.HEALTHY] * 2
    for eye in eyes:
        eye.close()
    later = Eye.of(played.stack, 3600, box)
    later.look()
    later.close()
    mails = played.people.control("GET", "mail")["items"]
    own = (each for each in mails if each["recipient"] == box and MARK in each["subject"])
    assert len({each["message_id"] for each in own}) == 1


def _broken(seen):
    return seen if seen["sight"] == Sight.BROKEN else None
