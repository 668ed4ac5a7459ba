"""One stack per module, people who should get nothing, and presses that no card offers."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pytest
from redis import Redis

from practice.client import People
from practice.conversation import Walk, fresh, space, words
from tests.security.redis_writer import Writer, run_of

Json = dict[str, Any]
ANSWERS_S = 40.0


@dataclass(slots=True)
class Presses:
    """Sender of inputs for a card, as the API allows every member of a space.

    It also collects the answers.
    """

    people: People
    redis: Redis
    sent: int = field(default=0)

    def submit(self, who: str, card: Json, inputs: Any) -> None:
        """Send one input for a card, also one that no button of the card sends."""
        self.people.control(
            "POST", "webex/submit", {"as": who, "message_id": card["id"], "inputs": inputs}
        )
        self.sent += 1

    def answers(self, who: str, card: Json, sent: list[Any]) -> list[str]:
        """Return every message of a thread of the card's room after all inputs were answered.

        One message is expected for each input, in any order. The greeting of the space, which may
        come late, is in no thread.
        """
        before = self.people.now()
        for inputs in sent:
            self.submit(who, card, inputs)
        new: Callable[[], list[Json]] = lambda: [  # noqa: E731  asked again and again
            each
            for each in self.people.posted(before)
            if each["roomId"] == card["roomId"] and each["parentId"] and each["edits"] == 0
        ]
        self.people.until(f"{len(sent)} answers", lambda: len(new()) >= len(sent), ANSWERS_S)
        return [words(each) for each in new()]

    def history(self, run: str) -> int:
        """Return the number of events of a run; it changes whenever anything happens to the run."""
        return int(self.redis.llen(f"run:{run}:events"))


@pytest.fixture(scope="module")
def presses(stack, people):
    """Sender of inputs for cards that no button sends."""
    redis = stack.redis()
    yield Presses(people, redis)
    redis.close()


@pytest.fixture(scope="module")
def new_walk(people):
    """Return a function that starts walks in a tenant in its initial state.

    Each walk has a space of its own, if no room is given.
    """
    fresh(people)

    def make(mailbox: str = "support@contoso.com", room: str = "", **more: Any) -> Walk:
        return Walk(people, mailbox, room or space(people), **more)

    yield make
    people.control("DELETE", "faults")


@pytest.fixture
def writer(stack, here, monkeypatch):
    """Intruder with access to the stack's Redis."""
    monkeypatch.setenv("SSL_CERT_FILE", str(stack.ca_path))
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(stack.ca_path))
    with stack.redis() as redis:
        yield Writer(stack, redis, here)


@pytest.fixture
def planned(people, new_walk):
    """Walk whose run waits for both approvals, with the ids of run and plan.

    The walk is canceled at the end.
    """
    fresh(people, dehydrated=True)
    walk = new_walk()
    run, plan = run_of(walk.plan())
    yield walk, run, plan
    walk.type(f"/cancel {walk.mailbox}")
