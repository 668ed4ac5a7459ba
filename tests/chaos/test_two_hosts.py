"""Two hosts, of which one freezes for longer than every lease and then goes on.

The other host runs from the beginning. The module ``test_pauses.py`` has a host that takes over
later. The test prints the times that it has seen; docs/recovery.md states them.
"""

from __future__ import annotations

import signal
import time
from collections import Counter
from collections.abc import Iterator

import pytest
from redis import Redis

from practice.chaos import judge
from practice.chaos.killer import LONGER_THAN_LEASE_S
from practice.chaos.lane import QUICK, PatientWalk
from practice.client import People
from practice.conversation import Walk, apps, fresh, space, words
from practice.stack import Stack

MANY = 8
HELD_S = 2.0
APPS = {"prefix": "/graph/v1.0/applications", "times": 1, "delay_s": HELD_S}


@pytest.fixture(scope="module")
def stack() -> Iterator[Stack]:
    """Stack with short delays of replication, and a second worker."""
    with Stack(practice=QUICK) as running:
        running.start_second()
        yield running


@pytest.fixture
def walk(stack: Stack, people: People) -> Iterator[Walk]:
    """Walk that waits as long as a recovery may take; both hosts go on at the end."""
    fresh(people)
    yield PatientWalk(people, "support@contoso.com", space(people))
    for name in ("worker", "second"):
        stack.kill(name, signal.SIGCONT, whole=True)
    people.control("DELETE", "faults")


def answers(people: People, said: list[str]) -> Counter[str]:
    """Count the answers to each of these messages."""
    people.look()
    return Counter(
        each["parentId"] for each in people.messages.values() if each["parentId"] in said
    )


def test_one_of_two_hosts_freezes(stack: Stack, people: People, walk: Walk) -> None:
    """A host that freezes in a run repeats nothing when it goes on later.

    Meanwhile people write commands. Every command is answered once, and the run ends with one of
    each object. The other host does the work. After the frozen host goes on, no write and no event
    follows.
    """
    plan = walk.plan(profile="least")
    people.control("POST", "faults", APPS)
    walk.approve(plan)
    people.until("a call is held", lambda: not people.control("GET", "faults")["items"], 20)
    stack.kill("worker", signal.SIGSTOP, whole=True)
    frozen = time.monotonic()
    said = [people.say(walk.requester, "/help", walk.room)["id"] for _ in range(MANY)]
    people.until("all are answered", lambda: len(answers(people, said)) == MANY, 60)
    print(f"frozen, {MANY} commands answered after {time.monotonic() - frozen:.1f} s")  # noqa: T201  a figure
    form = walk.form(60)
    print(f"frozen, the form after {time.monotonic() - frozen:.1f} s")  # noqa: T201  a figure
    assert walk.secret(form)
    time.sleep(max(0.0, frozen + LONGER_THAN_LEASE_S - time.monotonic()))
    written = judge.written(people)
    stack.kill("worker", signal.SIGCONT, whole=True)
    assert "support@contoso.com" in words(walk.type("/status"))
    time.sleep(LONGER_THAN_LEASE_S)
    (app,) = apps(people)
    assert (judge.written(people) - written, len(app["passwordCredentials"])) == (0, 1)
    assert answers(people, said) == Counter(dict.fromkeys(said, 1))
    with Redis(port=stack.ports.redis) as redis:
        assert judge.after_ends(redis) == 0
    walk.type(f"/cancel {walk.mailbox}")
