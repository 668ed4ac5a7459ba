"""Setups while a cloud shows an expired certificate, and when it is valid again.

The bot sends nothing to a host whose certificate is not valid, and goes on by itself.
"""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator

import pytest

from practice.client import People
from practice.conversation import Walk, words
from practice.environment import ROOT
from practice.stack import Stack

EXPIRED = "certificate has expired"
LONG_S = 20.0


@pytest.fixture(scope="module")
def people(stack: Stack) -> Iterator[People]:
    """Everybody, at an address whose certificate stays valid."""
    everybody = People(f"https://127.0.0.1:{stack.ports.cloud}", stack.ca_path)
    yield everybody
    everybody.close()


@pytest.fixture(autouse=True)
def valid_again(people: People) -> Iterator[None]:
    """Each test ends with valid certificates."""
    yield
    expire(people)


def expire(people: People, *services: str) -> None:
    """Let the certificates of these services be expired, and the others valid."""
    people.control("PUT", "certificates", {"expired": [*services]})


def test_a_setup_goes_on_with_a_valid_certificate(stack: Stack, people: People, walk: Walk) -> None:
    """Webex's and Microsoft's certificates expire after the approval, and a command is typed.

    A post that met it was certainly not made. So it is tried again for as long as an event is, and
    posted once.
    """
    plan = walk.plan(profile="least")
    expire(people, "https")
    walk.approve(plan)
    said = people.say(walk.requester, "/help", walk.room)
    worker = stack.processes["worker"].log
    people.until("the log has the cause", lambda: EXPIRED in worker.read_text("utf-8"), 40)
    line = [sys.executable, "-m", "bot", "doctor"]
    env = stack.processes["web"].env
    told = subprocess.run(line, env=env, cwd=ROOT, capture_output=True, check=False).stdout.decode()  # noqa: S603  our own
    time.sleep(LONG_S)
    expire(people)
    back = time.monotonic()
    walk.wait("an answer to /help", lambda each: each["parentId"] == said["id"], 90)
    print(f"valid again, a command answered after {time.monotonic() - back:.1f} s")  # noqa: T201  a figure
    assert walk.secret(walk.form(60))
    print(f"valid again, the form after {time.monotonic() - back:.1f} s")  # noqa: T201  a figure
    people.look()
    answers = [each for each in people.messages.values() if each["parentId"] == said["id"]]
    wrong = [each.split(":")[0] for each in told.splitlines() if EXPIRED in each]
    assert (len(answers), walk.writes().count("graph.add_password")) == (1, 1)
    assert {"WRONG  Webex", "WRONG  Microsoft"} <= {*wrong}, told


def test_the_rehearsal_names_the_mail_servers_certificate(people: People, walk: Walk) -> None:
    """Nothing is kept, the cards say why and who looks, and another try succeeds."""
    walk.approve(walk.plan(profile="least"))
    walk.fill_in()
    expire(people, "smtp")
    walk.rehearse()
    failed = walk.saying("The rehearsal of Generate Token failed", 60)
    assert EXPIRED in words(failed)
    assert "The mail server's owner renews an expired certificate" in words(failed)
    expire(people)
    walk.press(failed, "rehearse")
    walk.open(walk.card("a link for the mailbox user", "skip_rehearsal", link=True), walk.mailbox)
    walk.saying("Rehearsal succeeded", 60)
