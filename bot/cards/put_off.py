"""Cards that Webex did not accept: how long each waits, and after which event it is drawn at once.

Webex counts the requests of an account together, and does not say whether it also has a limit for a
single space (webex.md 4). So a 429 or a 503 holds the place of its card for as long as Webex
asks, and all other places for 15 seconds at most. If another place is limited too, the bot learns
that from the next request for this place, which is one more request for each place.

After a refusal (401, 403, 404 and the like) a card is tried again when as much time has passed as
since the first refusal: 2, 4, 8 seconds, and so on up to five minutes. The card is drawn at once
when Webex accepts something for the same place, or anything after a 401, and when the bot is back
in the space.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil

import structlog

from bot.cards import delivery
from bot.cards.presenters.card_state import THREAD, DesiredCard, posted_card
from bot.services import Services
from bot.webex.client import WebexError
from bot.webex.errors import (
    FORBIDDEN,
    NOT_FOUND,
    SERVICE_UNAVAILABLE,
    TOO_MANY_REQUESTS,
    UNAUTHORIZED,
    passes,
)
from jobs.clock import now, paced
from jobs.runs.run import Run
from jobs.storage import codec, keys

RETRY_S = paced(5.0)
FIRST_S = paced(2.0)
REFUSED_S = 300.0
"""Longest pause after Webex has refused a card, in seconds."""
LONGEST_S = 3600.0
OTHERS_S = 15.0
"""Longest time for which one card's rate limit delays the cards of other places, in seconds."""
KEPT_S = 86_400
"""Seconds for which the refusal of a card is remembered."""
OF_THE_ACCOUNT = frozenset({TOO_MANY_REQUESTS, SERVICE_UNAVAILABLE})
"""Status codes that may concern the whole bot account and not only one message."""
MAY_END = frozenset({UNAUTHORIZED, FORBIDDEN, NOT_FOUND})
"""Status codes of refusals that may end without another card.

They mean that the token is invalid, or that the bot is not in the space.
"""
log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Refusal:
    """Refusal of a run's card for one place; ``since`` is its beginning in seconds of the epoch."""

    run: str
    place: str
    status: int
    since: float

    def may_be_over(self, places: tuple[str, ...]) -> bool:
        """Return whether a successful call for one of these places shows that Webex takes the card.

        After a 401 every successful call shows it, because the token is valid again.
        """
        here = self.status in MAY_END and self.place in places
        return here or self.status == UNAUTHORIZED


def place_of(run: Run, card: DesiredCard) -> str:
    """Return where a card is posted: the id of the run's space, or a person's address."""
    return run.origin.room if card.to == THREAD else card.to


def refused_in_space(services: Services, run: Run) -> Refusal | None:
    """Return the refusal of a card that the run's space does not take now, or None."""
    every = (codec.load(raw, Refusal) for raw in services.redis.hvals(keys.cards_refused()))
    here = (each for each in every if (each.run, each.place) == (run.id, run.origin.room))
    return next(here, None)


def show(services: Services, run: Run, card: DesiredCard) -> float:
    """Show one card; return the seconds until the next try, or 0.

    While Webex asks for a pause nothing is shown, no matter how many updates arrive.
    """
    if pause := _left_s(services, run, card):
        return pause
    before = posted_card(services, run.id, card.slot)
    try:
        wait = delivery.sync(services, run, card)
    except WebexError as error:
        told = {"slot": card.slot, "tracking_id": error.tracking_id, "error": str(error)}
        log.warning("card not shown", run=run.id, **told)
        return _put_off(services, run, card, error)
    shown = posted_card(services, run.id, card.slot)
    if shown != before and delivery.is_up_to_date(card, shown):
        if services.redis.hdel(keys.cards_refused(), _own(run, card)):
            services.cards.request(run.id)  # a message that said otherwise is edited
        # If Webex accepts a card, the refused ones that wait for that are drawn as well.
        draw_refused(services, place_of(run, card))
    return wait


def _left_s(services: Services, run: Run, card: DesiredCard) -> float:
    scopes = ("all", place_of(run, card), _own(run, card))
    with services.redis.pipeline(transaction=False) as pipe:
        for scope in scopes:
            pipe.pttl(keys.webex_wait(scope))
        return float(max(0, *pipe.execute())) / 1000


def _put_off(services: Services, run: Run, card: DesiredCard, error: WebexError) -> float:
    if not passes(error):
        return _refused(services, run, card, error)
    wait = max(RETRY_S, min(error.retry_after or 0.0, LONGEST_S))
    if error.retry_after:
        _leave_alone(services, wait, error.status, run, card)
    return wait


def draw_refused(services: Services, *places: str) -> None:
    for field, raw in services.redis.hgetall(keys.cards_refused()).items():
        refusal = codec.load(raw, Refusal)
        if now().timestamp() - refusal.since > KEPT_S:
            services.redis.hdel(keys.cards_refused(), field)
        if refusal.may_be_over(places):
            services.cards.request(refusal.run)


def _refused(services: Services, run: Run, card: DesiredCard, error: WebexError) -> float:
    moment, field = now().timestamp(), _own(run, card)
    raw = services.redis.hget(keys.cards_refused(), field)
    since = codec.load(raw, Refusal).since if isinstance(raw, bytes) else moment
    kept = Refusal(run.id, place_of(run, card), error.status, since)
    with services.redis.pipeline() as pipe:
        pipe.hset(keys.cards_refused(), field, codec.dump(kept))
        pipe.expire(keys.cards_refused(), KEPT_S)
        pipe.execute()
    if raw is None and card.to != THREAD:
        services.cards.request(run.id)  # another card may have to report it
    return min(max(moment - since, FIRST_S), REFUSED_S)


def _leave_alone(
    services: Services, wait_s: float, status: int, run: Run, card: DesiredCard
) -> None:
    """Save the pause that Webex asks for: for this card only, or for its place and all others."""
    scopes = {_own(run, card): wait_s}
    if status in OF_THE_ACCOUNT:
        scopes = {place_of(run, card): wait_s, "all": min(wait_s, OTHERS_S)}
    for scope, seconds in scopes.items():
        services.redis.set(keys.webex_wait(scope), "1", px=ceil(seconds * 1000))


def _own(run: Run, card: DesiredCard) -> str:
    return f"{run.id}:{card.slot}"
