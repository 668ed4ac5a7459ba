"""RQ entry point that draws the cards of a run, or of incidents, in their current state.

Every draw shows the newest state, so a late or lost draw does no harm. What happens to a channel
makes its older cards history, which are then drawn again (:mod:`bot.cards.superseded`).
"""

from bisect import bisect_right
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import datetime, timedelta
from functools import cache, partial
from itertools import chain

from adaptive_cards.locale import Locale, drawn_for
from adaptive_cards.texts import render
from bot.cards import delivery, notices, superseded
from bot.cards.living import earlier_cards, living_cards
from bot.cards.presenters import connect_form, mail, plan, progress, questions, verdict, watch
from bot.cards.presenters.card_state import NO_EDITS, THREAD, DesiredCard, posted_card, posted_cards
from bot.cards.presenters.lists import bulk_check_cards
from bot.chat import preferences
from bot.services import Services
from jobs.clock import now, paced
from jobs.model import Channel, RunKind
from jobs.runs.run import Origin, Run, RunGoneError
from jobs.runtime import current
from jobs.storage import keys
from jobs.storage.locks import LONGEST_PAUSE_S, LockKind, LockName, RenewedLock, renewed_lock
from jobs.watch.model import Incident, IncidentCard, Sight
from jobs.watch.store import KEPT

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
    RunKind.BULK_CHECK: (bulk_check_cards,),
}
BUSY_S = paced(1.0)
LOCK_S = 15.0
"""Seconds of an unrenewed lock on a run's cards: how long the next draw waits for a killed one."""


def draw(run_id: str) -> None:
    """Draw every card of the run that has an update; retry a little later if Webex is unavailable.

    A second draw does not wait for the first, which may be waiting for Webex, and which notices the
    update and has it drawn.
    """
    services = current(Services)
    due = services.cards.begin(run_id)
    with renewed_lock(services.redis, LockName(LockKind.DRAW, run_id), LOCK_S) as held:
        if held is None:
            services.cards.add(run_id, now() + timedelta(seconds=BUSY_S))
            return
        wait = _drawn(services, run_id, held)
        # Draw in this job, because another one would have to wait for a worker.
        if (news := services.cards.due(run_id)) != due:
            due, wait = news, _drawn(services, run_id, held)
    # If nothing is left to draw, the run's cards are up to date.
    if services.cards.due(run_id) != due:
        services.cards.request(run_id)
    elif wait:
        services.cards.add(run_id, now() + timedelta(seconds=wait))
    else:
        services.cards.settle(run_id, due)


def _drawn(services: Services, run_id: str, held: RenewedLock) -> float:
    """Draw the cards; return the seconds until something must be drawn again, or 0.

    The id may be that of a run that no longer exists, or of a card of incidents.
    """
    try:
        run = services.store.load(run_id)
    except RunGoneError:
        found = of_incidents(services, run_id)
        return _deliver(services, held, *found) if found else 0
    if speaker := superseded.of_run(run):
        superseded.note(services, speaker)
    # Each card is drawn in the language and time zone of the place it goes to.
    locale_of = cache(partial(preferences.locale_of_card, services, run))
    usual = locale_of(preferences.THREAD)
    cards = _cards_in(usual, services, run)
    others = {locale_of(card.to) for card in cards} - {usual}
    drawn = {usual: cards} | {other: _cards_in(other, services, run) for other in others}
    shown = [drawn[locale_of(card.to)][number] for number, card in enumerate(cards)]
    return _deliver(services, held, run, shown)


def _deliver(
    services: Services, held: RenewedLock, run: Run, cards: list[DesiredCard], wait_s: float = 0.0
) -> float:
    # Each edit is a group of its own. The new cards for one place are a group and are posted in
    # order.
    new: dict[str, list[DesiredCard]] = {}
    queues: list[list[DesiredCard]] = []
    for card in cards:
        if posted_card(services, run.id, card.slot) is None:
            new.setdefault(card.to, []).append(card)
        else:
            queues.append([card])
    queues += new.values()

    def show_in_order(queue: list[DesiredCard]) -> list[float]:
        # Without the lock another draw may be posting the card.
        return [delivery.show(services, run, card) if held.renew() else BUSY_S for card in queue]

    with ThreadPoolExecutor(max(len(queues), 1), "draw") as pool:
        waits = chain.from_iterable(pool.map(show_in_order, queues))
        return min(filter(None, (*waits, wait_s)), default=0.0)


def _cards_in(wanted: Locale, services: Services, run: Run) -> list[DesiredCard]:
    with drawn_for(wanted):
        presenters = LOOKS.get(run.kind, PRESENTERS)
        found = [card for present in presenters for card in present(run, services)]
        shown = found if run.kind in LOOKS else living_cards(run, services, found)
        if speaker := superseded.of_run(run):
            shown = superseded.applied(services, speaker, shown)
        return [*shown, *earlier_cards(run, services), *notices.closed_cards(run, services)]


NOTIFY_AFTER = timedelta(minutes=15)
"""Time without a response to an incident after which the people of the watch are told 1:1."""
REMINDERS = tuple(timedelta(hours=hours) for hours in (1, 4, 24, 72, 168))
"""Times without a response to an incident after which the space is reminded."""
POSTED_SOON_S = 1.0
"""Seconds until the next look at a card that is unposted or has news; those below it wait."""


def of_incidents(services: Services, card_id: str) -> tuple[Run, list[DesiredCard], float] | None:
    """Return the cards that show incidents now, and the seconds until the next draw, 0 for none.

    Such a card is delivered under its own id, in the name of the person whose watch it is, so that
    the rules for posting, editing and outsiders are those of every card.
    """
    card = services.watching.card(card_id)
    if card is None or not (shown := services.watching.of_card(card_id)):
        return None
    at, shown = now(), _on_card(card, shown) or shown
    services.redis.expire(keys.cards(card_id), KEPT)
    living = posted_card(services, card_id, watch.SLOT)
    # The cards are delivered in the name of a run, which is never stored.
    origin = Origin(card.room, living.message if living else "", direct=card.direct)
    run = Run(card.id, Channel(shown[0].mailbox), card.by, at, RunKind.CHECK, origin)
    locale = preferences.locale_of_card(services, run, THREAD)
    quiet_until = preferences.quiet_until(services, card.room, locale, at)
    if quiet_until is None:
        shown = tuple(_escalated(services, each, at) for each in shown)
    cards = [*_living(services, run, card, shown), *earlier_cards(run, services)]
    cards += notices.closed_cards(run, services)
    if living is None:
        return run, cards, POSTED_SOON_S
    behind = _has_news(cards, living.urgency)
    with drawn_for(locale):
        # The card of the run that fixed it, in the same space, says the same. So does the incident's
        # own card, which is posted again if Webex lets nobody edit it.
        told = behind or living.edits == NO_EDITS or _is_told_elsewhere(services, card, shown)
        if not told:
            cards += watch.news_cards(card, shown, at)
        cards += _reminders(services, card, shown, at, quiet=quiet_until is not None)
    wait_s = POSTED_SOON_S if behind else _wait_s(services, shown, at, quiet_until)
    return run, cards, wait_s


def _on_card(card: IncidentCard, incidents: watch.Incidents) -> tuple[Incident, ...]:
    # What has another cause now is on another card of its space.
    return tuple(each for each in incidents if each.shared == card.shared)


def _has_news(cards: list[DesiredCard], urgency: str) -> bool:
    own = (each for each in cards if each.slot == watch.SLOT and not each.retires)
    return any(each.urgency != urgency for each in own)


def _is_told_elsewhere(services: Services, card: IncidentCard, shown: watch.Incidents) -> bool:
    fixed_by = [each.fixed_by for each in shown if each.fixed_by] if len(shown) == 1 else []
    rooms = {run.origin.room for run in services.store.known(fixed_by)}
    return card.room in rooms or not _on_card(card, shown)


def _living(
    services: Services, run: Run, card: IncidentCard, shown: watch.Incidents
) -> list[DesiredCard]:
    channel, who = services.channels.channel(shown[0].mailbox), services.bot.approvers
    cards: list[DesiredCard] = []
    # A card that only counts channels is in its space alone.
    told = () if card.counts else dict.fromkeys(name for each in shown for name in each.told)
    for place in (THREAD, *told):
        with drawn_for(preferences.locale_of_card(services, run, place)):
            drawn = [watch.living_card(card, shown, channel, place, who)]
            if watch.is_of_one_mailbox(card, shown):
                # a former card keeps the cause that it has shown
                one = shown[-1]
                others = [each.cause for each in one.news if each.cause != one.cause]
                was = others[-1] if others and one.shared != card.shared else one.cause
                speaker = superseded.of_incident(card, one, render(watch.cause_text(was)))
                superseded.note(services, speaker)
                drawn = superseded.applied(services, speaker, drawn)
            cards += drawn
    return cards


def _escalated(services: Services, incident: Incident, at: datetime) -> Incident:
    people = _untold(services, incident)
    if not people or at < incident.confirmed + NOTIFY_AFTER:
        return incident

    def tell(known: Incident) -> Incident | None:
        if not _needs_somebody(known) or set(people) <= set(known.told):
            return None
        return replace(known, told=tuple(dict.fromkeys((*known.told, *people))))

    return services.watching.change(incident.id, tell) or incident


def _untold(services: Services, incident: Incident) -> tuple[str, ...]:
    watched = services.watching.load(incident.mailbox)
    if watched is None or not _needs_somebody(incident):
        return ()
    return tuple(each for each in watched.notify if each not in incident.told)


def _needs_somebody(incident: Incident) -> bool:
    return incident.is_open and not incident.acting


def _reminders(
    services: Services, card: IncidentCard, shown: watch.Incidents, at: datetime, *, quiet: bool
) -> list[DesiredCard]:
    goes_on = watch.open_ones(_on_card(card, shown))
    broken = [each for each in goes_on if each.sight is Sight.BROKEN]
    if not broken or card.counts or any(each.acting for each in goes_on):
        given = posted_cards(services, card.id)
        return [watch.reminder_over(s, shown) for s in given if s.startswith(watch.NOBODY)]
    due = 0 if quiet else bisect_right(REMINDERS, at - broken[0].confirmed)
    return [watch.reminder_card(card, broken[:1], due - 1)] if due else []


def _wait_s(
    services: Services, shown: watch.Incidents, at: datetime, quiet_until: datetime | None
) -> float:
    """Return the seconds until the next notice or reminder about these incidents is due, or 0."""
    held, times = quiet_until or at, []
    for each in filter(_needs_somebody, shown):
        first = (NOTIFY_AFTER,) if _untold(services, each) else ()
        times += [each.confirmed + after for after in (*first, *REMINDERS)]
    waits = ((max(each, held) - at).total_seconds() for each in times)
    return min(min((each for each in waits if each > 0), default=0.0), LONGEST_PAUSE_S)
