"""RQ entry point that draws the cards of a run in its current state.

Every draw shows the newest state, so a late or lost draw does no harm.

What happens to a channel makes its older cards history, which are then drawn again
(:mod:`bot.cards.superseded`).
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from functools import cache, partial
from itertools import chain

from adaptive_cards.locale import Locale, drawn_for
from bot.cards import delivery, incidents, notices, superseded
from bot.cards.living import earlier_cards, living_cards
from bot.cards.presenters import connect_form, lists, mail, plan, progress, questions, verdict
from bot.cards.presenters.card_state import DesiredCard, posted_card
from bot.chat import preferences
from bot.services import Services
from jobs.clock import now, paced
from jobs.model import RunKind
from jobs.runs.run import Run, RunGoneError
from jobs.runtime import current
from jobs.storage.locks import LockKind, LockName, RenewedLock, renewed_lock

Presenter = Callable[[Run, Services], list[DesiredCard]]
PRESENTERS: tuple[Presenter, ...] = (
    questions.intake_cards,
    questions.sign_in_cards,
    plan.cards,
    questions.delegate_cards,
    progress.progress_cards,
    questions.consent_cards,
    connect_form.cards,
    connect_form.rehearsal_cards,
    mail.cards,
    progress.end_cards,
)
"""Presenters in the order of drawing."""
LOOKS: dict[RunKind, tuple[Presenter, ...]] = {
    RunKind.CHECK: (verdict.cards,),
    RunKind.BULK_CHECK: (lists.cards,),
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
    if speaker := superseded.of_run(run):
        superseded.note(services, speaker)
    return _deliver(services, run, held, _cards(services, run))


def _deliver(
    services: Services, run: Run, held: RenewedLock, cards: list[DesiredCard], wait_s: float = 0.0
) -> float:
    queues = _queues(services, run, cards)

    def show(queue: list[DesiredCard]) -> list[float]:
        # Without the lock another draw may be posting the card.
        return [delivery.show(services, run, card) if held.renew() else BUSY_S for card in queue]

    with ThreadPoolExecutor(max(len(queues), 1), "draw") as pool:
        waits = chain.from_iterable(pool.map(show, queues))
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
        if speaker := superseded.of_run(run):
            shown = superseded.applied(services, speaker, shown)
        return [*shown, *earlier_cards(run, services), *notices.closed_cards(run, services)]


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
