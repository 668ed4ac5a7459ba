"""Cards of incidents: drawn like those of a run, with reminders until somebody acts.

A card of incidents has no run. It is delivered under its own id, in the name of the person whose
watch it is, so that the rules for posting, editing and outsiders are those of every card.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import partial

from adaptive_cards.locale import drawn_for
from bot.cards.presenters import incident as presenter
from bot.cards.presenters.card_state import DesiredCard, posted_card
from bot.chat import preferences
from bot.chat.preferences import THREAD
from bot.services import Services
from jobs.clock import now
from jobs.model import Channel, RunKind
from jobs.runs.fold import fold
from jobs.runs.origin import Origin
from jobs.runs.run import Run, opening
from jobs.storage import keys
from jobs.watch.incident_store import KEPT
from jobs.watch.model import Incident, IncidentCard, Sight, WatchedChannel

NOTIFY_AFTER = timedelta(minutes=15)
"""Time without anybody who acts, after which the people of the watch are told 1:1."""
REMINDERS = tuple(timedelta(hours=hours) for hours in (1, 4, 24, 72, 168))
"""Times without anybody who acts, after which the space is reminded."""
LONGEST_WAIT_S = 3000.0
"""Longest time to the next look at the cards, in seconds; a due list holds nothing for longer."""


@dataclass(frozen=True, slots=True)
class Drawing:
    """Everything that is shown of incidents now: ``wait_s`` is when to draw again, 0 for never."""

    run: Run
    cards: list[DesiredCard]
    wait_s: float


def drawing(services: Services, card_id: str) -> Drawing | None:
    """Return the cards of the incidents with that card, or None if there is no such card."""
    incidents = services.watching.incidents
    card = incidents.card(card_id)
    if card is None or not (shown := incidents.of_card(card_id)):
        return None
    at = now()
    quiet_until = preferences.quiet_until(services, card.room, at)
    shown = tuple(_escalated(services, each, at, quiet_until) for each in shown)
    services.redis.expire(keys.cards(card_id), KEPT)
    living = posted_card(services, card_id, presenter.SLOT)
    run = _run_of(card, shown[0], living.message if living else "")
    cards = _living(services, run, card, shown, at)
    if living is not None:
        with drawn_for(preferences.locale_of_card(services, run, THREAD)):
            cards += presenter.news_cards(card, shown, at)
            cards += _reminders(card, shown, at, quiet_until)
    return Drawing(run, cards, _wait_s(services, shown, at, quiet_until, posted=living is not None))


def _run_of(card: IncidentCard, first: Incident, thread: str) -> Run:
    """Return the run in whose name the cards are delivered; nothing is stored of it."""
    channel = Channel(first.mailbox)
    origin = Origin(card.room, thread, direct=card.direct)
    return fold(card.id, [opening(channel, card.by, RunKind.CHECK, origin, None)])


def _living(
    services: Services,
    run: Run,
    card: IncidentCard,
    shown: Sequence[Incident],
    at: datetime,
) -> list[DesiredCard]:
    """Return the living card in the space, and its copies for the people who were told 1:1."""
    record = services.channels.record(shown[0].mailbox)
    channel = record.channel if record else None
    told = dict.fromkeys(name for each in shown for name in each.told)
    places = [THREAD, *([] if card.counts else told)]
    cards = []
    for place in places:
        with drawn_for(preferences.locale_of_card(services, run, place)):
            cards.append(presenter.living_card(card, shown, at, channel, place))
    return cards


def _escalated(
    services: Services, incident: Incident, at: datetime, quiet_until: datetime | None
) -> Incident:
    """Return the incident after the people of its watch were named, if nobody acts for too long."""
    watched = services.watching.channels.load(incident.mailbox)
    due = _notify_at(incident, watched)
    if watched is None or due is None or at < due or quiet_until is not None:
        return incident
    tell = partial(_told, people=watched.notify)
    return services.watching.incidents.change(incident.id, tell) or incident


def _told(incident: Incident, people: tuple[str, ...]) -> Incident | None:
    """Return the incident with the people who are told; None if somebody acts, or they were told."""
    if not incident.is_open or incident.acting or set(people) <= set(incident.told):
        return None
    return replace(incident, told=tuple(dict.fromkeys((*incident.told, *people))))


def _notify_at(incident: Incident, watched: WatchedChannel | None) -> datetime | None:
    """Return when the people of the watch are told 1:1, or None if they need not be."""
    if watched is None or not incident.is_open or incident.acting:
        return None
    untold = set(watched.notify) - set(incident.told)
    return incident.confirmed + NOTIFY_AFTER if untold else None


def _reminders(
    card: IncidentCard, shown: Sequence[Incident], at: datetime, quiet_until: datetime | None
) -> list[DesiredCard]:
    """Return the reminder that is due; quiet hours hold it, and then it is the newest one."""
    first = _waits_for_somebody(card, shown)
    if first is None or quiet_until is not None:
        return []
    due = [number for number, after in enumerate(REMINDERS) if first.confirmed + after <= at]
    if not due:
        return []
    return [presenter.reminder_card(card, [first], due[-1])]


def _waits_for_somebody(card: IncidentCard, shown: Sequence[Incident]) -> Incident | None:
    """Return the first broken channel on which nobody acts, or None."""
    if card.counts or any(each.acting for each in shown if each.is_open):
        return None
    return next((each for each in shown if each.is_open and each.sight is Sight.BROKEN), None)


def _wait_s(
    services: Services,
    shown: Sequence[Incident],
    at: datetime,
    quiet_until: datetime | None,
    *,
    posted: bool,
) -> float:
    """Return the seconds until something of this has to be told, or 0."""
    if not posted:
        return 1.0
    times = [
        each.confirmed + after
        for each in shown
        if each.is_open and not each.acting
        for after in REMINDERS
    ]
    watched = services.watching.channels.load
    times += filter(None, (_notify_at(each, watched(each.mailbox)) for each in shown))
    later = [(max(each, quiet_until or each) - at).total_seconds() for each in times]
    return min((min(each, LONGEST_WAIT_S) for each in later if each > 0), default=0.0)
