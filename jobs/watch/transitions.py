"""Effect of one look: a suspicion, an incident that begins, changes or ends, and the next look.

The functions are pure. A bad look is only a suspicion until a second one confirms it. A look
without a usable answer confirms nothing and refutes nothing.
"""

from __future__ import annotations

import zlib
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from jobs.causes.cause import known
from jobs.watch.model import (
    ChannelState,
    Incident,
    LookOutcome,
    News,
    NewsKind,
    Sight,
    Suspicion,
    WatchedChannel,
)

CONFIRM = timedelta(seconds=60)
"""Time from a bad look to the look that confirms it. Nobody is told before the confirmation."""
MOST_UNSURE = 5
"""Number of unsure looks, a minute apart, before a suspicion waits for the usual interval."""
FLAPS_WITHIN = timedelta(hours=2)
"""Time after a recovery in which a further break continues the same incident."""
STEADY_LOOKS = 4
"""Number of good looks in a row after which a repeatedly broken channel counts as recovered."""
BLIND_AFTER = timedelta(hours=1)
NO_ANSWER = "clouds_silent"
"""Cause if no cloud answers, which is in no table of causes."""
GROWS_BY = 2
"""Factor by which the number of affected mails must grow before it is reported again."""
MOST_NEWS = 40


@dataclass(frozen=True, slots=True)
class Effect:
    state: ChannelState
    incidents: tuple[Incident, ...] = ()


@dataclass(frozen=True, slots=True)
class Present:
    """What is known when a look ends; ``incident`` is the newest that is open or ended lately.

    ``fixed_by`` is the run that has ended the incident if this look is good, or empty.
    """

    watched: WatchedChannel
    state: ChannelState
    incident: Incident | None
    new_id: str
    fixed_by: str = ""


def apply(present: Present, outcome: LookOutcome, at: datetime) -> Effect:
    state = replace(
        present.state,
        looked=at,
        last=outcome,
        next_look=next_round(at, present.watched.group, present.watched.interval),
        healthy_looks=present.state.healthy_looks + 1 if outcome.sight is Sight.HEALTHY else 0,
        eyes=tuple(sorted({*present.state.eyes, *outcome.eyes})),
    )
    if outcome.sight is Sight.UNSURE:
        return _unsure(present, state, outcome, at)
    state = replace(state, unsure_since=None)
    if outcome.sight is Sight.HEALTHY:
        return _healthy(present, replace(state, suspicion=None), outcome, at)
    return _bad(present, state, outcome, at)


def _unsure(present: Present, state: ChannelState, outcome: LookOutcome, at: datetime) -> Effect:
    """Look at a suspicion again soon; after long without a usable answer, people are told."""
    since = state.unsure_since or at
    state = replace(state, unsure_since=since)
    if at - since >= BLIND_AFTER:
        silent = replace(outcome, sight=Sight.CANNOT_LOOK, cause=NO_ANSWER)
        if _is_known(present.incident, silent):
            return Effect(state)
        known = Suspicion(Sight.CANNOT_LOOK, NO_ANSWER, since)
        return _confirmed(present, replace(state, suspicion=known), silent, at)
    if state.suspicion is None:
        return Effect(state)
    suspicion = replace(state.suspicion, unsure=state.suspicion.unsure + 1)
    soon = suspicion.unsure <= MOST_UNSURE
    next_look = _soon(present.watched, at) if soon else state.next_look
    return Effect(replace(state, suspicion=suspicion, next_look=next_look))


def _healthy(present: Present, state: ChannelState, outcome: LookOutcome, at: datetime) -> Effect:
    """End the incident, unless the look could not read the break, or the channel comes and goes."""
    incident = present.incident
    if incident is None:
        return Effect(state)
    if incident.ended is not None:
        over = at - incident.ended > FLAPS_WITHIN
        return Effect(replace(state, incident="" if over else state.incident))
    unread = incident.sight is Sight.BROKEN and incident.step in outcome.unseen
    unsteady = incident.flaps > 0 and state.healthy_looks < STEADY_LOOKS
    if unread or unsteady:
        return Effect(state)
    ended = replace(incident, ended=at, blind_since=None, fixed_by=present.fixed_by)
    return Effect(state, (with_news(ended, NewsKind.RECOVERED, at),))


def _bad(present: Present, state: ChannelState, outcome: LookOutcome, at: datetime) -> Effect:
    incident = present.incident
    if incident is not None and _is_known(incident, outcome):
        return Effect(replace(state, suspicion=None), (_updated(incident, outcome, at),))
    suspicion = state.suspicion
    if suspicion is None or suspicion.sight is not outcome.sight:
        first = Suspicion(outcome.sight, outcome.cause, at, outcome.since)
        return Effect(replace(state, suspicion=first, next_look=_soon(present.watched, at)))
    return _confirmed(present, state, outcome, at)


def _soon(watched: WatchedChannel, at: datetime) -> datetime:
    return at + min(CONFIRM, watched.interval)


def _is_known(incident: Incident | None, outcome: LookOutcome) -> bool:
    """Return whether a bad look says nothing new, because an open incident says the same."""
    if incident is None or not incident.is_open:
        return False
    if outcome.sight is Sight.CANNOT_LOOK:
        return _is_blind(incident)
    return incident.cause == outcome.cause and not _is_blind(incident)


def _is_blind(incident: Incident) -> bool:
    """Return whether the watch cannot look, or has lost sight of a break."""
    return incident.sight is Sight.CANNOT_LOOK or incident.blind_since is not None


def _updated(incident: Incident, outcome: LookOutcome, at: datetime) -> Incident:
    """Return the incident with the newest damage; a much larger damage is a change to show."""
    if outcome.sight is Sight.CANNOT_LOOK:
        return replace(incident, check=outcome.check or incident.check)
    grown = replace(
        incident,
        damage=incident.damage.most(outcome.damage),
        turn=outcome.turn,
        fix=outcome.fix,
        check=outcome.check or incident.check,
        since=min(incident.since, outcome.since or incident.since),
    )
    told = max(grown.told_mails, 1)
    has_grown = grown.damage.mails >= max(told * GROWS_BY, told + GROWS_BY)
    return with_news(grown, NewsKind.WORSE, at) if has_grown else grown


def _confirmed(present: Present, state: ChannelState, outcome: LookOutcome, at: datetime) -> Effect:
    """Return the effect of a second bad look.

    If the watch can look again and sees a break, the time without sight has ended, and the break is
    an incident of its own.
    """
    after, incident = replace(state, suspicion=None), present.incident
    ended: tuple[Incident, ...] = ()
    if incident is not None and incident.is_open:
        if incident.sight is Sight.BROKEN:
            return Effect(after, (_changed(present.watched, incident, outcome, at),))
        ended = (with_news(replace(incident, ended=at), NewsKind.SEES_AGAIN, at),)
    elif (
        incident is not None
        and incident.ended is not None
        and at - incident.ended <= FLAPS_WITHIN
        and (incident.sight, incident.cause) == (outcome.sight, outcome.cause)
    ):
        shared, flaps = _shared_name(present.watched, outcome.cause), incident.flaps + 1
        again = replace(_with_outcome(incident, outcome), shared=shared, flaps=flaps)
        again = replace(again, ended=None, fixed_by="")
        return Effect(after, (with_news(again, NewsKind.FLAPS, at),))
    opened = _opened(present, state, outcome, at)
    return Effect(replace(after, incident=opened.id), (*ended, opened))


def _opened(present: Present, state: ChannelState, outcome: LookOutcome, at: datetime) -> Incident:
    first = state.suspicion
    noticed = first.at if first else at
    incident = Incident(
        id=present.new_id,
        mailbox=present.watched.mailbox,
        room=present.watched.room,
        sight=outcome.sight,
        cause=outcome.cause,
        since=noticed,
        noticed=noticed,
        confirmed=at,
        shared=_shared_name(present.watched, outcome.cause),
    )
    return with_news(_with_outcome(incident, outcome), NewsKind.BEGAN, at)


def _changed(
    watched: WatchedChannel, incident: Incident, outcome: LookOutcome, at: datetime
) -> Incident:
    if outcome.sight is Sight.CANNOT_LOOK:
        blind = replace(incident, blind_since=at)
        return with_news(blind, NewsKind.BLIND, at, cause=outcome.cause)
    sees_again = incident.blind_since is not None and incident.cause == outcome.cause
    shared = _shared_name(watched, outcome.cause)
    known = replace(_with_outcome(incident, outcome), blind_since=None, shared=shared)
    return with_news(known, NewsKind.SEES_AGAIN if sees_again else NewsKind.WORSE, at)


def _with_outcome(incident: Incident, outcome: LookOutcome) -> Incident:
    return replace(
        incident,
        cause=outcome.cause,
        step=outcome.step,
        station=outcome.station,
        turn=outcome.turn,
        fix=outcome.fix,
        damage=incident.damage.most(outcome.damage),
        changed=outcome.changed,
        check=outcome.check or incident.check,
        since=min(incident.since, outcome.since or incident.since),
    )


def with_news(incident: Incident, kind: NewsKind, at: datetime, cause: str = "") -> Incident:
    """Return the incident with one more change; of very many, the first and the newest stay."""
    news = (*incident.news, News(kind, at, cause or incident.cause))
    if len(news) > MOST_NEWS:
        news = (news[0], *news[-MOST_NEWS + 1 :])
    return replace(incident, news=news, told_mails=incident.damage.mails)


def next_round(at: datetime, group: str, interval: timedelta) -> datetime:
    """Return when the next round of a group begins, at most one interval after ``at``.

    The groups are spread over the interval. A group's place follows from its name, so neither a
    restart nor a late round brings the rounds of many groups together.
    """
    length = interval.total_seconds()
    place = zlib.crc32(group.encode()) / 2**32 * length
    return at + timedelta(seconds=length - (at.timestamp() - place) % length)


def _shared_name(watched: WatchedChannel, cause: str) -> str:
    shared = "everybody" if cause == NO_ANSWER else known(cause).shared
    whose = {"everybody": "everybody", "tenant": f"tenant/{watched.group}"}.get(shared)
    return f"{whose}/{cause}" if whose else ""
