"""Two hosts, of which one freezes for longer than every lease and then goes on.

The other host runs from the beginning. The module ``test_pauses.py`` has a host that takes over
later.
"""

import signal
from collections import Counter
from pathlib import Path

import pytest

from practice.chaos import judge
from practice.chaos.lane import QUICK, PatientWalk
from practice.conversation import apps, fresh, space, words
from practice.stack import SECOND, Stack
from tests.fixtures.stacks import forget, is_second_try

MANY = 8
HELD_S = 10.0
APPS = {"prefix": "/graph/v1.0/applications", "times": 1, "delay_s": HELD_S}
EXCHANGE = {"prefix": "/adminapi", "times": 50, "delay_s": HELD_S}
"""Hold of every call to Exchange, so that no step has sent a change when its host freezes."""
CHANGES = {
    "exchange.Set-Mailbox",
    "exchange.Set-CASMailbox",
    "exchange.New-HostedOutboundSpamFilterRule",
}
"""Last change of each step that the form does not wait for."""
OVER = "this attempt on the run is over"
"""Line of the log of a host that has lost its lease."""


@pytest.fixture(scope="module")
def stack():
    """Stack with short delays of replication, and a second worker."""
    with Stack(practice=QUICK) as running:
        running.start_second()
        yield running


@pytest.fixture
def walk(stack, people, request):
    """Walk that waits as long as a recovery may take; both hosts go on at the end."""
    fresh(people)
    if is_second_try(request):
        forget(stack, "support@contoso.com")
    yield PatientWalk(people, "support@contoso.com", space(people))
    for name in ("worker", SECOND):
        stack.kill(name, signal.SIGCONT, whole=True)
    people.control("DELETE", "faults")


def answers(people, said):
    """Count the answers to each of these messages."""
    people.look()
    return Counter(
        each["parentId"] for each in people.messages.values() if each["parentId"] in said
    )


def holder(redis):
    """Return the host that holds the run. The second host has process numbers of its own."""
    [token] = [
        value for lock, value in redis.hgetall("locks:held").items() if lock.startswith(b"run:")
    ]
    place = token.decode().partition("/")[0].partition(" ")[2]
    return "worker" if place == Path("/proc/self/ns/pid").readlink().name else SECOND


def test_one_of_two_hosts_freezes(stack, people, walk):
    """A host that freezes in a run repeats nothing when it goes on later.

    Meanwhile people write commands. Every command is answered once, and the run ends with one of
    each object. The other host does the work. The frozen host then gives its attempt up, and no
    write follows. No event follows the end of the run.
    """
    plan, redis = walk.plan(profile="least"), stack.redis()
    for hold in (APPS, EXCHANGE):
        people.control("POST", "faults", hold)
    walk.approve(plan)
    people.until("a call is held", lambda: len(people.control("GET", "faults")["items"]) == 1, 20)
    host = holder(redis)
    stack.kill(host, signal.SIGSTOP, whole=True)
    people.control("DELETE", "faults")
    said = [people.say(walk.requester, "/help", walk.room)["id"] for _ in range(MANY)]
    people.until("all are answered", lambda: len(answers(people, said)) == MANY, 60)
    assert walk.secret(walk.form(60))
    people.until("every change is made", lambda: set(walk.writes()) >= CHANGES, 60)
    written, log = judge.written(people), stack.processes[host].log
    before = log.read_text("utf-8").count(OVER)
    stack.kill(host, signal.SIGCONT, whole=True)
    people.until(
        "the end of the frozen attempt", lambda: log.read_text("utf-8").count(OVER) > before, 60
    )
    assert "support@contoso.com" in words(walk.type("/status"))
    (app,) = apps(people)
    assert (judge.written(people) - written, len(app["passwordCredentials"])) == (0, 1)
    assert answers(people, said) == Counter(dict.fromkeys(said, 1))
    walk.type(f"/cancel {walk.mailbox}")
    assert judge.after_ends(redis) == 0
    redis.close()
