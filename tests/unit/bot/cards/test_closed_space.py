"""The requester is told 1:1 that the run's space takes no cards."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from bot.cards import delivery, notices
from bot.cards.notices import CLOSED, LASTS_S
from bot.cards.presenters.card_state import LIVING
from jobs.clock import now
from jobs.runs.run import Event, Kind
from jobs.storage import codec, keys

Said = Callable[[], list[tuple[str, str]]]


@pytest.fixture
def refuse(services, run) -> Callable[..., None]:
    """Return a function that records that Webex has refused the run's card for so long."""

    def refused(status: int = 403, lasted_s: float = LASTS_S) -> None:
        since = now().timestamp() - lasted_s
        refusal = delivery.Refusal(run.id, run.origin.room, status, since)
        field = f"{run.id}:{LIVING}"
        services.redis.hset(keys.cards_refused(), field, codec.dump(refusal))

    return refused


@pytest.mark.parametrize("status", sorted(CLOSED))
def test_it_is_told_once(services, run, said, refuse, status):
    """The requester is told once, with the mailbox and the next action of the run."""
    refuse(status)
    for _ in range(3):
        for card in notices.closed_cards(run, services):
            delivery.sync(services, run, card)
    ((_, text),) = said()
    assert run.channel.mailbox in text


@pytest.mark.parametrize(
    ("status", "lasted_s"), [(403, LASTS_S - 1), (401, LASTS_S), (400, LASTS_S)]
)
def test_what_may_be_something_else_is_not_told(services, run, refuse, status, lasted_s):
    """The requester is not told of a short absence, a refused token, or a card with a mistake."""
    refuse(status, lasted_s)
    assert notices.closed_cards(run, services) == []


def test_a_run_of_a_1_1_has_no_space(services, run, refuse):
    """A run of a 1:1 gets no message about a closed space, because the 1:1 itself is closed."""
    refuse()
    direct = replace(run, origin=replace(run.origin, direct=True))
    assert notices.closed_cards(direct, services) == []


def test_a_run_that_has_ended_has_no_button(services, run):
    """The message about an ended run has no button, because there is nothing to cancel."""
    assert notices.card_of_closed(run).buttons
    services.store.end(run, Event(Kind.CANCELLED, now(), by=run.requester.email))
    assert notices.card_of_closed(services.store.load(run.id)).buttons == ()


@pytest.mark.parametrize("end", [None, Kind.CANCELLED, Kind.FINISHED])
def test_the_message_is_over_with_the_run_or_the_refusal(services, run, redis, refuse, end):
    """The message to the requester is over with the run, or with the refusal of its cards.

    The last edit has no button, and asks nobody for anything.
    """
    assert notices.closed_cards(run, services) == []
    refuse()
    (first,) = notices.closed_cards(run, services)
    delivery.sync(services, run, first)
    (still,) = notices.closed_cards(run, services)
    if end is None:
        redis.delete(keys.cards_refused())
    else:
        services.store.end(run, Event(end, now()))
    (over,) = notices.closed_cards(services.store.load(run.id), services)
    assert ("cancel" in str(still.card.content), "'do'" in str(over.card.content)) == (True, False)
    assert (still.final, over.final, over.retires) == (False, True, True)
