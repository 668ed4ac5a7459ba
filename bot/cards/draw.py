"""RQ entry point that draws the cards of a run in its current state.

Every draw shows the newest state, so a late or lost draw does no harm.

The end of a later run may make cards of earlier runs untrue, which are then drawn again. A fix ends
the causes on the cards of earlier checks. An undo ends the button of a canceled run.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from functools import cache, partial
from itertools import chain

from adaptive_cards.locale import Locale, drawn_for
from bot.cards import choices, closed_space, delivery, incidents, put_off
from bot.cards.living import living_cards
from bot.cards.presenters import (
    bulk_check,
    connect_form,
    ended,
    intake,
    plan,
    proof,
    rehearsal,
    sign_in,
    verdict,
)
from bot.cards.presenters import progress as steps
from bot.cards.presenters.card_state import OTHERS, DesiredCard, posted_card
from bot.chat import preferences
from bot.services import Services
from bot.webex.client import WebexError
from jobs.clock import now, paced
from jobs.model import RunKind
from jobs.runs.run import Kind, Run, RunGoneError
from jobs.runtime import current
from jobs.storage import codec, keys
from jobs.storage.locks import LockKind, LockName, RenewedLock, renewed_lock

Presenter = Callable[[Run, Services], list[DesiredCard]]
PRESENTERS: tuple[Presenter, ...] = (
    intake.cards,
    sign_in.cards,
    plan.cards,
    intake.delegate_cards,
    steps.cards,
    sign_in.consent_cards,
    connect_form.cards,
    rehearsal.cards,
    proof.cards,
    ended.undone_cards,
    ended.cards,
)
"""Presenters in the order of drawing."""
LOOKS: dict[RunKind, tuple[Presenter, ...]] = {
    RunKind.CHECK: (verdict.cards,),
    RunKind.BULK_CHECK: (bulk_check.cards,),
}
BUSY_S = paced(1.0)
LOCK_S = 15.0
"""Seconds that a draw holds the lock on the run's cards without renewing it.

If a draw is killed on another machine, the next draw waits this long.
"""


def draw(run_id: str) -> None:
    """Draw every card of the run that has an update; retry a little later if Webex is unavailable.

    Only one draw of a run happens at a time. A second draw does not wait for the first, because the
    first may be waiting for Webex. The first notices the update and has it drawn.
    """
    services = current(Services)
    due = services.cards.begin(run_id)
    with renewed_lock(services.redis, LockName(LockKind.DRAW, run_id), LOCK_S) as held:
        if held is None:
            services.cards.schedule.add(run_id, now() + timedelta(seconds=BUSY_S))
            return
        wait = _drawn(services, run_id, held)
        if (
            news := services.cards.schedule.due(run_id)
        ) != due:  # draw in this job: another job would have to start a process first
            due, wait = news, _drawn(services, run_id, held)
    _schedule_next(services, run_id, due, wait)


def _schedule_next(services: Services, run_id: str, due: float, wait: float) -> None:
    # If nothing is left to draw, the run's cards are up to date.
    if services.cards.schedule.due(run_id) != due:
        services.cards.request(run_id)
    elif wait:
        services.cards.schedule.add(run_id, now() + timedelta(seconds=wait))
    else:
        services.cards.schedule.settle(run_id, due)


def _drawn(services: Services, run_id: str, held: RenewedLock) -> float:
    """Draw the cards; return the seconds until something must be drawn again, or 0.

    A run that no longer exists has nothing to show. The id may be that of a card of incidents.
    """
    try:
        run = services.store.load(run_id)
    except RunGoneError:
        found = incidents.drawing(services, run_id)
        if found is None:
            return 0
        return _deliver(services, found.run, held, found.cards, found.wait_s)
    remember(services, run)
    draw_again(services, run)
    choices.draw_at_end(services, run)
    return _deliver(services, run, held, _cards(services, run))


def _deliver(
    services: Services,
    run: Run,
    held: RenewedLock,
    cards: list[DesiredCard],
    wait_s: float = 0.0,
) -> float:
    """Show the cards; return the seconds until something must be drawn again, or 0."""
    queues = _queues(services, run, cards)
    with ThreadPoolExecutor(max(len(queues), 1), "draw") as pool:
        waits = chain.from_iterable(pool.map(partial(_shown, services, run, held), queues))
        return min(filter(None, (*waits, wait_s)), default=0.0)


def _cards(services: Services, run: Run) -> list[DesiredCard]:
    # Each card is drawn in the language and time zone of the place it goes to.
    locale_of = cache(partial(preferences.locale_of_card, services, run))
    usual = locale_of(preferences.THREAD)
    cards = _cards_in(usual, services, run)
    others = {locale_of(card.to) for card in cards} - {usual}
    drawn = {usual: cards} | {other: _cards_in(other, services, run) for other in others}
    return [drawn[locale_of(card.to)][number] for number, card in enumerate(cards)]


def _cards_in(wanted: Locale, services: Services, run: Run) -> list[DesiredCard]:
    with drawn_for(wanted):
        presenters = LOOKS.get(run.kind, PRESENTERS)
        found = [card for present in presenters for card in present(run, services)]
        shown = found if run.kind in LOOKS else living_cards(run, services, found)
        return [*shown, *closed_space.cards(run, services), *choices.cards(run, services)]


def _queues(services: Services, run: Run, cards: list[DesiredCard]) -> list[list[DesiredCard]]:
    # Each edit is a group of its own. The new cards for one place are a group and are posted in
    # order.
    new: dict[str, list[DesiredCard]] = {}
    edits: list[list[DesiredCard]] = []
    for card in cards:
        if posted_card(services, run.id, card.slot) is None:
            new.setdefault(card.to, []).append(card)
        else:
            edits.append([card])
    return [*edits, *new.values()]


def _shown(
    services: Services, run: Run, held: RenewedLock, cards: list[DesiredCard]
) -> list[float]:
    return [_show(services, run, held, card) for card in cards]


def _show(services: Services, run: Run, held: RenewedLock, card: DesiredCard) -> float:
    """Show one card; return the seconds until the next try, or 0.

    Without the lock nothing is shown, because another draw may be posting the card. While Webex
    asks for a pause nothing is shown either, no matter how many updates arrive.
    """
    if not held.renew():
        return BUSY_S
    return put_off.left_s(services, run, card) or _show_now(services, run, card)


def _show_now(services: Services, run: Run, card: DesiredCard) -> float:
    # If Webex accepts a card after a refusal, the cards that wait for that are drawn as well.
    waiting = put_off.any_refused(services) and not _is_up_to_date(services, run, card)
    try:
        wait = delivery.sync(services, run, card)
    except WebexError as error:
        delivery.log.warning(
            "card not shown",
            run=run.id,
            slot=card.slot,
            tracking_id=error.tracking_id,
            error=str(error),
        )
        return put_off.put_off(services, run, card, error)
    if waiting and _is_up_to_date(services, run, card):
        put_off.taken(services, run, card)
    return wait


def _is_up_to_date(services: Services, run: Run, card: DesiredCard) -> bool:
    return delivery.is_up_to_date(card, posted_card(services, run.id, card.slot))


KEPT_S = 60 * 24 * 3600
CHECKS = frozenset({RunKind.CHECK})


def remember(services: Services, run: Run) -> None:
    if _card_may_become_untrue(run):
        key = keys.checks_shown(run.channel.mailbox)
        with services.redis.pipeline() as pipe:
            pipe.sadd(key, run.id)
            pipe.expire(key, KEPT_S)
            pipe.execute()


def _card_may_become_untrue(run: Run) -> bool:
    return run.kind in CHECKS and bool(run.checked and run.channel.mailbox)


def draw_again(services: Services, run: Run) -> None:
    """Have the cards drawn again, once, that the end of this run may have made untrue."""
    if not _may_have_changed_something(run) or services.redis.hexists(keys.cards(run.id), OTHERS):
        return
    checks = services.redis.smembers(keys.checks_shown(run.channel.mailbox))
    others = {codec.as_bytes(raw).decode() for raw in checks}
    if run.kind is RunKind.UNDO:
        runs = services.store.runs_of_mailbox(run.channel.mailbox)
        others |= {each.id for each in runs if each.ended is Kind.CANCELLED}
    for other in others:
        services.cards.request(other)
    services.redis.hset(keys.cards(run.id), OTHERS, "drawn")


def _may_have_changed_something(run: Run) -> bool:
    return run.ended is Kind.FINISHED and run.kind not in {RunKind.CHECK, RunKind.BULK_CHECK}
