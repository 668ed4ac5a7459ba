"""The requester is told 1:1 that the run's space takes no cards."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from redis import Redis

from bot.cards import closed_space
from bot.cards.closed_space import CLOSED, LASTS_S
from bot.services import Services
from jobs.clock import now
from jobs.runs.run import Event, Kind, Run
from jobs.storage import keys

Said = Callable[[], list[tuple[str, str]]]


@pytest.mark.parametrize("status", sorted(CLOSED))
def test_it_is_told_once(services: Services, run: Run, said: Said, status: int):
    """The requester is told once, with the mailbox and the next action of the run."""
    for _ in range(3):
        closed_space.tell_requester(services, run, status, LASTS_S)
    ((_, text),) = said()
    assert run.channel.mailbox in text


@pytest.mark.parametrize(
    ("status", "lasted_s"), [(403, LASTS_S - 1), (401, LASTS_S), (400, LASTS_S)]
)
def test_what_may_be_something_else_is_not_told(
    services: Services, run: Run, said: Said, status: int, lasted_s: float
):
    """The requester is not told of a short absence, a refused token, or a card with a mistake."""
    closed_space.tell_requester(services, run, status, lasted_s)
    assert said() == []


def test_a_run_of_a_1_1_has_no_space(services: Services, run: Run, said: Said):
    """A run of a 1:1 gets no message about a closed space, because the 1:1 itself is closed."""
    closed_space.tell_requester(
        services, replace(run, origin=replace(run.origin, direct=True)), 403, LASTS_S
    )
    assert said() == []


def test_a_message_that_is_not_taken_is_told_later(
    services: Services, run: Run, redis: Redis, webex_script: Any, reply: Any
):
    """If Webex does not take the message to the requester, the next refusal tries again."""
    webex_script.on("POST", "/messages", reply(503))
    closed_space.tell_requester(services, run, 403, LASTS_S)
    assert not redis.exists(keys.run_mark(run.id, "closed"))


def test_a_run_that_has_ended_has_no_button(services: Services, run: Run):
    """The message about an ended run has no button, because there is nothing to cancel."""
    assert closed_space.card_of(run).buttons
    services.store.end(run, Event(Kind.CANCELLED, now(), by=run.requester.email))
    assert closed_space.card_of(services.store.load(run.id)).buttons == ()


@pytest.mark.parametrize("end", [None, Kind.CANCELLED, Kind.FINISHED])
def test_the_message_is_over_with_the_run_or_the_refusal(
    services: Services, run: Run, redis: Redis, end: Kind | None
):
    """The message to the requester is over with the run, or with the refusal of its cards.

    The last edit has no button, and asks nobody for anything.
    """
    assert closed_space.cards(run, services) == []
    redis.hset(keys.cards_refused(), f"{run.id}:living", "x")
    closed_space.tell_requester(services, run, 403, LASTS_S)
    (still,) = closed_space.cards(run, services)
    if end is None:
        redis.delete(keys.cards_refused())
    else:
        services.store.end(run, Event(end, now()))
    (over,) = closed_space.cards(services.store.load(run.id), services)
    assert ("cancel" in str(still.card.content), "'do'" in str(over.card.content)) == (True, False)
    assert (still.final, over.final, over.retires) == (False, True, True)
