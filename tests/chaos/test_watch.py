"""Worker that dies or freezes in a round of the watch: another takes over and posts one card."""

import signal

import pytest

from bench.crowd import fill
from jobs.watch.store import LEASE_S
from practice.actors import REQUESTER
from practice.conversation import fresh, words
from tests.fixtures.watched import WatchedChannels

DOMAIN = "watched.example"
HELD = {"prefix": "/graph/v1.0/", "times": 1, "delay_s": 25.0}
STACK = {"env": {"WATCH_TEST_MAIL": "0"}}
"""No test mails: the copies of these channels' mails go nowhere, so no mail becomes a task."""


def switched(people, mailbox, *, off):
    """Switch SMTP AUTH of the mailbox off or on, as somebody does in the Exchange admin center."""
    body = {"users": {mailbox: {"mailbox": {"smtp_auth_disabled": off}}}}
    people.control("PATCH", f"tenants/{DOMAIN}", body)


def incident_cards(people, mailbox):
    """Return every message that says that the channel is broken."""
    people.look()
    return [m for m in people.messages.values() if m["card"] and f"{mailbox} is broken" in words(m)]


@pytest.fixture(scope="module")
def boxes(stack, people):
    """Mailboxes of two channels that work, in one space."""
    fresh(people)
    body = {"name": "Watched", "members": [REQUESTER]}
    room = str(people.control("POST", "webex/space", body)["id"])
    made = [f"box{number}@{DOMAIN}" for number in range(2)]
    fill(stack, people, room, made)
    return made


@pytest.fixture
def watch(stack):
    """Watch of the running product."""
    with stack.redis() as redis:
        yield WatchedChannels.of(stack, redis)


def suspected(people, watch, mailbox):
    """Watch the channel, break it, and let a first look see that it is broken."""
    people.say(REQUESTER, f"/watch {mailbox}", "Watched")
    watch.wait(lambda: watch.state(mailbox).looked)
    switched(people, mailbox, off=True)
    assert watch.look(mailbox).suspicion is not None


def a_round_is_held(people, watch, mailbox):
    """Start the look that would confirm the incident, and hold Graph's answer to it."""
    people.control("POST", "faults", HELD)
    watch.hurry(mailbox)
    people.until("a call is held", lambda: not people.control("GET", "faults")["items"], 40)


def test_a_worker_that_is_killed_in_a_round(stack, people, watch, boxes):
    """After a worker is killed in a round, the next worker looks again.

    One incident begins, and one card is posted.
    """
    mailbox = boxes[0]
    suspected(people, watch, mailbox)
    a_round_is_held(people, watch, mailbox)
    stack.kill("worker", signal.SIGKILL, whole=True)
    begun_by_then = watch.open_incidents()
    stack.restart("worker")
    assert begun_by_then == ()
    people.until("the card", lambda: incident_cards(people, mailbox), 60)
    assert len(watch.of_channel(mailbox)) == 1
    watch.look(mailbox)
    assert len(incident_cards(people, mailbox)) == 1
    switched(people, mailbox, off=False)
    watch.look(mailbox)


def test_a_host_that_freezes_in_a_round_and_goes_on(stack, people, watch, boxes):
    """If a host freezes in a round, another host takes over after the lease and posts one card.

    The result of the frozen host is not recorded when it goes on.
    """
    mailbox = boxes[1]
    suspected(people, watch, mailbox)
    a_round_is_held(people, watch, mailbox)
    stack.kill("worker", signal.SIGSTOP, whole=True)
    try:
        stack.start_second()
        people.until("the card", lambda: incident_cards(people, mailbox), LEASE_S + 60)
    finally:
        stack.kill("worker", signal.SIGCONT, whole=True)
    watch.look(mailbox)
    assert len(watch.of_channel(mailbox)) == 1
    assert len(incident_cards(people, mailbox)) == 1
    stack.stop_second()
