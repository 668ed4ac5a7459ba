"""Store of incidents in Redis: per channel, open and ended, and the cards that show them.

Each look is recorded in one transaction that watches the channel's state. So two workers never open
two incidents of a channel, and a look that ends after a newer one changes nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import structlog
from redis import Redis
from redis.client import Pipeline

from jobs.runs.run import new_id
from jobs.storage import codec, keys
from jobs.storage.locks import RenewedLock
from jobs.storage.vault import Authenticator
from jobs.watch import history, records
from jobs.watch.model import (
    ChannelState,
    Incident,
    IncidentCard,
    LookOutcome,
    NewsKind,
    Sight,
    WatchedChannel,
)
from jobs.watch.transitions import Present, apply, with_news

KEPT = timedelta(days=100)
"""Time for which an ended incident is kept; the history shows 90 days."""
MOST = 500
"""Number of a channel's newest incidents that are kept."""
FixedBy = Callable[[Incident, datetime], str]
log = structlog.get_logger(__name__)


def nothing_fixed(_incident: Incident, _at: datetime) -> str:
    return ""


class IncidentStore:
    """Store of the incidents and of the state of each channel.

    Every method raises redis.RedisError if Redis is unreachable. ``operator_room`` is the space
    that gets a card for each shared cause, or empty.
    """

    def __init__(
        self, redis: Redis, authenticator: Authenticator | None = None, operator_room: str = ""
    ) -> None:
        self.redis = redis
        self._authenticator = authenticator or Authenticator()
        self._operator_room = operator_room

    def state(self, mailbox: str) -> ChannelState:
        return self._state(mailbox, self.redis.get(keys.watch_state(mailbox)))

    def load(self, incident_id: str) -> Incident | None:
        """Return the incident; None if it is gone, or this bot did not write it."""
        return self._incident(incident_id, self.redis.get(keys.incident(incident_id)))

    def open_incidents(self) -> tuple[Incident, ...]:
        return self._loaded(self.redis.zrange(keys.incidents_open(), 0, -1))

    def of_channel(self, mailbox: str, since: datetime | None = None) -> tuple[Incident, ...]:
        """Return the channel's incidents, oldest first: those noticed since ``since``, or all."""
        first = "-inf" if since is None else since.timestamp()
        key = keys.incidents_of_channel(mailbox)
        return self._loaded(self.redis.zrangebyscore(key, first, "+inf"))

    def open_of_channel(self, mailbox: str) -> Incident | None:
        known = self.load(self.state(mailbox).incident)
        return known if known is not None and known.is_open else None

    def card(self, card_id: str) -> IncidentCard | None:
        """Return the card; None if it is gone, or this bot did not write it."""
        raw = self.redis.get(keys.incident_card(card_id))
        return records.verified(self._authenticator, _card_context(card_id), raw, IncidentCard)

    def of_card(self, card_id: str) -> tuple[Incident, ...]:
        return self._loaded(self.redis.zrange(keys.incidents_of_card(card_id), 0, -1))

    def record(
        self,
        watched: WatchedChannel,
        outcome: LookOutcome,
        at: datetime,
        fixed_by: FixedBy = nothing_fixed,
        held: RenewedLock | None = None,
    ) -> tuple[Incident, ...]:
        """Record a look that ended at ``at``, and return the incidents that it changed.

        Nothing is recorded if a later look was recorded before, if the channel is not watched any
        more, or if the worker has lost the lock ``held`` on the channel's group.
        """
        mailbox = watched.mailbox

        def attempt(pipe: Pipeline) -> tuple[Incident, ...]:
            state = self._state(mailbox, pipe.get(keys.watch_state(mailbox)))
            if _is_stale(state, at) or not _is_watched(pipe, mailbox) or _is_lost(held, pipe):
                pipe.multi()
                return ()
            incident = self._read(pipe, state.incident)
            ended_by = fixed_by(incident, at) if incident is not None and incident.is_open else ""
            present = Present(watched, state, incident, new_id() + new_id(), ended_by)
            return self._write_effect(pipe, present, outcome, at)

        locked = [keys.watch_state(mailbox), keys.watched(mailbox)]
        locked += [held.key] if held is not None else []
        changed = records.in_transaction(self.redis, attempt, *locked)
        self._release_cards(changed)
        return changed

    def _write_effect(
        self, pipe: Pipeline, present: Present, outcome: LookOutcome, at: datetime
    ) -> tuple[Incident, ...]:
        watched, mailbox = present.watched, present.watched.mailbox
        effect = apply(present, outcome, at)
        cards = [self._cards_of(pipe, watched, each) for each in effect.incidents]
        changed = tuple(map(_shown_on, effect.incidents, cards))
        days = history.add(pipe, mailbox, outcome, at)
        pipe.multi()
        self._write_state(pipe, mailbox, effect.state)
        for each, own in zip(changed, cards, strict=True):
            self._write(pipe, each, own)
        history.write(pipe, mailbox, days)
        return changed

    def change(
        self, incident_id: str, change: Callable[[Incident], Incident | None]
    ) -> Incident | None:
        """Change an incident in a transaction, and return it; None if nothing was changed.

        ``change`` returns None to leave the incident as it is.
        """

        def attempt(pipe: Pipeline) -> Incident | None:
            known = self._read(pipe, incident_id)
            new = change(known) if known is not None else None
            pipe.multi()
            if new is not None:
                self._write(pipe, new)
            return new

        key = keys.incident(incident_id)
        changed = records.in_transaction(self.redis, attempt, key)
        if changed is not None:
            self._release_cards((changed,))
        return changed

    def look_soon(self, mailbox: str, *, fresh: bool = False) -> None:
        """Have the channel looked at in the next round of its group.

        ``fresh`` means that the watch begins again: the watch does not miss an access that it had
        before and that has ended.
        """

        def attempt(pipe: Pipeline) -> None:
            state = self._state(mailbox, pipe.get(keys.watch_state(mailbox)))
            pipe.multi()
            eyes = () if fresh else state.eyes
            self._write_state(pipe, mailbox, replace(state, next_look=None, eyes=eyes))

        self.redis.transaction(attempt, keys.watch_state(mailbox))

    def take_on(self, incident_id: str, person: str, at: datetime) -> Incident | None:
        """Record that a person acts; None if the incident is over or that person acts."""
        return self._change_open(
            incident_id,
            lambda each: (
                replace(each, acting=person, acting_since=at) if each.acting != person else None
            ),
        )

    def release(self, incident_id: str) -> Incident | None:
        """Record that nobody acts any more; None if it is over or nobody acts."""
        return self._change_open(
            incident_id,
            lambda each: replace(each, acting="", acting_since=None) if each.acting else None,
        )

    def prove(self, mailbox: str, run_id: str, at: datetime) -> Incident | None:
        """End the channel's break at ``at``, when a mail of the run was seen to go both ways.

        Return the incident; None if nothing was broken. The next look follows soon.
        """
        known = self.open_of_channel(mailbox)
        if known is None or known.sight is not Sight.BROKEN:
            return None
        self.look_soon(mailbox)
        end = max(at, known.confirmed)
        return self._change_open(
            known.id,
            lambda each: with_news(
                replace(each, ended=end, blind_since=None, fixed_by=run_id),
                NewsKind.RECOVERED,
                end,
            ),
        )

    def end_watch(self, mailbox: str, at: datetime) -> Incident | None:
        """End the incident of a channel that is no longer watched, and forget the channel's state.

        Return the incident if it had not ended before. Whether the channel works is then not known.
        """
        known = self.open_of_channel(mailbox)
        self.redis.delete(keys.watch_state(mailbox))
        if known is None:
            return None
        return self._change_open(
            known.id, lambda each: with_news(replace(each, ended=at), NewsKind.UNWATCHED, at)
        )

    def _change_open(
        self, incident_id: str, change: Callable[[Incident], Incident | None]
    ) -> Incident | None:
        """Change an incident, unless it has ended."""
        return self.change(incident_id, lambda each: change(each) if each.is_open else None)

    def _cards_of(
        self, pipe: Pipeline, watched: WatchedChannel, incident: Incident
    ) -> tuple[IncidentCard, ...]:
        """Return the cards that show the incident from now on, before ``pipe.multi()``.

        An incident that is over gets no cards. A shared cause is shown on the card that its space
        has for it. The transaction watches the name of that card, so two channels never make two
        cards.
        """
        if not incident.is_open:
            return ()
        own = IncidentCard(incident.id, watched.room, watched.by, direct=watched.direct)
        if not incident.shared:
            return (own,)
        shared = replace(own, id=self._shared_id(pipe, own.room, incident), shared=incident.shared)
        if self._operator_room in {"", watched.room}:
            return (shared,)
        room = self._operator_room
        counts = replace(shared, id=self._shared_id(pipe, room, incident), room=room)
        return shared, replace(counts, direct=False, counts=True)

    def _shared_id(self, pipe: Pipeline, room: str, incident: Incident) -> str:
        name = keys.shared_card(room, incident.shared)
        pipe.watch(name)  # type: ignore[no-untyped-call]  # untyped in redis-py
        known = pipe.get(name)
        return known.decode() if isinstance(known, bytes) else new_id() + new_id()

    def _write(
        self, pipe: Pipeline, incident: Incident, cards: Iterable[IncidentCard] = ()
    ) -> None:
        """Add the write of an incident, its lists and cards to a transaction."""
        self._set(pipe, incident)
        moment = {incident.id: incident.noticed.timestamp()}
        key = keys.incidents_of_channel(incident.mailbox)
        pipe.zadd(key, moment)
        pipe.zremrangebyrank(key, 0, -MOST - 1)
        pipe.expire(key, KEPT)
        if not incident.is_open:
            pipe.zrem(keys.incidents_open(), incident.id)
            return
        pipe.zadd(keys.incidents_open(), moment)
        for card in cards:
            pipe.zadd(keys.incidents_of_card(card.id), moment)
            body = self._authenticator.protect(_card_context(card.id), codec.dump(card))
            pipe.expire(keys.incidents_of_card(card.id), KEPT)
            pipe.set(keys.incident_card(card.id), body, ex=KEPT)
            if card.shared:
                pipe.set(keys.shared_card(card.room, card.shared), card.id, ex=KEPT)

    def _release_cards(self, changed: Iterable[Incident]) -> None:
        """Release the shared cards of the incidents that are over now."""
        for card_id in {card_id for each in changed if not each.is_open for card_id in each.cards}:
            card = self.card(card_id)
            if card is not None and card.shared:
                self._release_card(card)

    def _release_card(self, card: IncidentCard) -> None:
        """Have the next incident make a new card, if none of this card's goes on."""
        name = keys.shared_card(card.room, card.shared)
        shown = keys.incidents_of_card(card.id)

        def attempt(pipe: Pipeline) -> None:
            is_newest = pipe.get(name) == card.id.encode()
            listed: Any = pipe.zrange(shown, 0, -1)
            known = (self._read(pipe, each.decode()) for each in listed)
            goes_on = any(each is not None and each.is_open for each in known)
            pipe.multi()
            if is_newest and not goes_on:
                pipe.delete(name)

        self.redis.transaction(attempt, name, shown)

    def _set(self, pipe: Pipeline, incident: Incident) -> None:
        body = self._authenticator.protect(("incident", incident.id), codec.dump(incident))
        pipe.set(keys.incident(incident.id), body, ex=None if incident.is_open else KEPT)

    def _write_state(self, pipe: Pipeline, mailbox: str, state: ChannelState) -> None:
        body = self._authenticator.protect(("watch state", mailbox), codec.dump(state))
        pipe.set(keys.watch_state(mailbox), body)

    def _read(self, pipe: Pipeline, incident_id: str) -> Incident | None:
        if not incident_id:
            return None
        pipe.watch(keys.incident(incident_id))  # type: ignore[no-untyped-call]  # untyped in redis-py
        return self._incident(incident_id, pipe.get(keys.incident(incident_id)))

    def _state(self, mailbox: str, raw: object) -> ChannelState:
        if raw is None:
            return ChannelState()
        context = ("watch state", mailbox)
        known = records.verified(self._authenticator, context, raw, ChannelState)
        if known is None:
            log.error("the state of a channel was not recorded by this bot", mailbox=mailbox)
            return ChannelState()
        return known

    def _incident(self, incident_id: str, raw: object) -> Incident | None:
        return records.verified(self._authenticator, ("incident", incident_id), raw, Incident)

    def _loaded(self, raw: Any) -> tuple[Incident, ...]:
        names = [each.decode() for each in raw]
        return records.all_named(self.redis, names, keys.incident, self._incident)


def _is_stale(state: ChannelState, at: datetime) -> bool:
    return state.looked is not None and state.looked >= at


def _is_watched(pipe: Pipeline, mailbox: str) -> bool:
    return bool(pipe.exists(keys.watched(mailbox)))


def _is_lost(held: RenewedLock | None, pipe: Pipeline) -> bool:
    return held is not None and not held.is_current(pipe)


def _shown_on(incident: Incident, cards: Iterable[IncidentCard]) -> Incident:
    ids = (*incident.cards, *(card.id for card in cards))
    return replace(incident, cards=tuple(dict.fromkeys(ids)))


def _card_context(card_id: str) -> tuple[str, ...]:
    return "incident card", card_id
