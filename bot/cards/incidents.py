"""Cards of incidents: drawn like those of a run, with reminders until somebody acts.

A card of incidents belongs to no run. The card is delivered under its own id, in the name of the
person whose watch it is, so that the rules for posting, editing and outsiders are those of every
card.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from adaptive_cards.locale import drawn_for
from adaptive_cards.texts import render
from bot.cards import notices, superseded
from bot.cards.living import earlier_cards
from bot.cards.presenters import watch
from bot.cards.presenters.card_state import (
    NO_EDITS,
    DesiredCard,
    PostedCard,
    posted_card,
    posted_cards,
)
from bot.chat import preferences
from bot.chat.preferences import THREAD
from bot.services import Services
from jobs.clock import now
from jobs.model import Channel, RunKind
from jobs.runs.fold import fold
from jobs.runs.run import Origin, Run, RunGoneError, opening
from jobs.storage import keys
from jobs.watch.model import Incident, IncidentCard, Sight
from jobs.watch.store import KEPT

NOTIFY_AFTER = timedelta(minutes=15)
"""Time without a response to an incident after which the people of the watch are told 1:1."""
REMINDERS = tuple(timedelta(hours=hours) for hours in (1, 4, 24, 72, 168))
"""Times without a response to an incident after which the space is reminded."""
POSTED_SOON_S = 1.0
"""Seconds until the next look at a card that is not posted yet, or has news to show.

Messages below the card wait for it.
"""
LONGEST_WAIT_S = 3000.0
"""Longest time to the next look at the cards, in seconds. The queue of what is due holds nothing for longer."""


@dataclass(frozen=True, slots=True)
class Drawing:
    """Cards that show incidents now; ``wait_s`` is the seconds until the next draw, 0 for none."""

    run: Run
    cards: list[DesiredCard]
    wait_s: float


def drawing(services: Services, card_id: str) -> Drawing | None:
    incidents = services.watching.incidents
    card = incidents.card(card_id)
    if card is None or not (shown := incidents.of_card(card_id)):
        return None
    at = now()
    services.redis.expire(keys.cards(card_id), KEPT)
    living = posted_card(services, card_id, watch.SLOT)
    # The cards are delivered in the name of a run, which is never stored.
    origin = Origin(card.room, living.message if living else "", direct=card.direct)
    opened = opening(Channel(shown[0].mailbox), card.by, RunKind.CHECK, origin, None)
    run = fold(card.id, [opened])
    locale = preferences.locale_of_card(services, run, THREAD)
    quiet_until = preferences.quiet_until(services, card.room, locale, at)
    shown = tuple(_escalated(services, each, at, quiet_until) for each in shown)
    cards = [*_living(services, run, card, shown, at), *earlier_cards(run, services)]
    cards += notices.closed_cards(run, services)
    if living is None:
        return Drawing(run, cards, POSTED_SOON_S)
    behind, wait_s = _has_news(cards, living), _wait_s(services, shown, at, quiet_until)
    with drawn_for(locale):
        # The card of the run that fixed it, in the same space, says the same. So does the incident's
        # own card, which is posted again if Webex lets nobody edit it.
        told = behind or living.edits == NO_EDITS or _is_told_by_run(services, card, shown)
        if not told:
            cards += watch.news_cards(card, shown, at)
        cards += _reminders(services, card, shown, at, quiet_until)
    return Drawing(run, cards, POSTED_SOON_S if behind else wait_s)


def _has_news(cards: Sequence[DesiredCard], living: PostedCard) -> bool:
    own = (each for each in cards if each.slot == watch.SLOT and not each.retires)
    return any(each.urgency != living.urgency for each in own)


def _is_told_by_run(services: Services, card: IncidentCard, shown: Sequence[Incident]) -> bool:
    fixed_by = shown[-1].fixed_by if len(shown) == 1 else ""
    try:
        return bool(fixed_by) and services.store.load(fixed_by).origin.room == card.room
    except RunGoneError:
        return False


def _living(
    services: Services, run: Run, card: IncidentCard, shown: Sequence[Incident], at: datetime
) -> list[DesiredCard]:
    record = services.channels.record(shown[0].mailbox)
    channel = record.channel if record else None
    cards: list[DesiredCard] = []
    one = watch.is_of_one_mailbox(card, shown)
    # A card that only counts channels is in its space alone.
    places = (
        [THREAD]
        if card.counts
        else [THREAD, *dict.fromkeys(name for each in shown for name in each.told)]
    )
    for place in places:
        with drawn_for(preferences.locale_of_card(services, run, place)):
            drawn = [watch.living_card(card, shown, at, channel, place)]
            cause = render(watch.cause_text(shown[-1].cause))
            speaker = superseded.of_incident(card, shown[-1], cause)
            if one:
                superseded.note(services, speaker)
            cards += superseded.applied(services, speaker, drawn) if one else drawn
    return cards


def _escalated(
    services: Services, incident: Incident, at: datetime, quiet_until: datetime | None
) -> Incident:
    people = _untold(services, incident)
    if not people or at < incident.confirmed + NOTIFY_AFTER or quiet_until is not None:
        return incident

    def tell(known: Incident) -> Incident | None:
        if not _needs_somebody(known) or set(people) <= set(known.told):
            return None
        return replace(known, told=tuple(dict.fromkeys((*known.told, *people))))

    return services.watching.incidents.change(incident.id, tell) or incident


def _untold(services: Services, incident: Incident) -> tuple[str, ...]:
    watched = services.watching.channels.load(incident.mailbox)
    if watched is None or not _needs_somebody(incident):
        return ()
    return tuple(each for each in watched.notify if each not in incident.told)


def _needs_somebody(incident: Incident) -> bool:
    return incident.is_open and not incident.acting


def _reminders(
    services: Services,
    card: IncidentCard,
    shown: Sequence[Incident],
    at: datetime,
    quiet_until: datetime | None,
) -> list[DesiredCard]:
    goes_on = watch.open_ones(shown)
    broken = [each for each in goes_on if each.sight is Sight.BROKEN]
    if not broken or card.counts or any(each.acting for each in goes_on):
        given = [each for each in posted_cards(services, card.id) if each.startswith(watch.NOBODY)]
        return [watch.reminder_over(slot, shown) for slot in given]
    due = 0 if quiet_until else bisect_right(REMINDERS, at - broken[0].confirmed)
    return [watch.reminder_card(card, broken[:1], due - 1)] if due else []


def _wait_s(
    services: Services, shown: Sequence[Incident], at: datetime, quiet_until: datetime | None
) -> float:
    """Return the seconds until the next notice or reminder about these incidents is due, or 0."""
    held, times = quiet_until or at, []
    for each in filter(_needs_somebody, shown):
        notices = (NOTIFY_AFTER,) if _untold(services, each) else ()
        times += [each.confirmed + after for after in (*notices, *REMINDERS)]
    waits = ((max(each, held) - at).total_seconds() for each in times)
    return min(min((each for each in waits if each > 0), default=0.0), LONGEST_WAIT_S)
