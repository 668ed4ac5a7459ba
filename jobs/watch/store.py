"""Watch in Redis: the watched channels, their incidents with the cards, and the rounds of looks.

What is kept has a MAC: a client that can only write to Redis cannot send a channel's cards elsewhere.
Each look is recorded in one transaction that watches the channel's state. So two workers never open
two incidents of a channel, and a look that ends after a newer one changes nothing.

A round looks at the due channels of one group and holds the group's lock. One that dies is handed
out again when its lease is over. A time without looks of more than three intervals is a gap, which
is kept until the space was told. Channels of one space are told together, because a gap usually
concerns them all.
"""

import zlib
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import partial
from itertools import chain, takewhile
from typing import Any

import httpx
import structlog
from redis import Redis
from redis.client import Pipeline

from jobs.checks.check import Assessment, Fact, FactKind, assess, fact_of, repaired
from jobs.clock import now, parse
from jobs.clouds.http import client_of
from jobs.model import Finding, RunKind, State
from jobs.runs.run import Run, new_id, undid
from jobs.runs.run_store import RunStore
from jobs.storage import codec, keys
from jobs.storage.connection import in_transaction
from jobs.storage.locks import DueQueue, LockKind, RenewedLock
from jobs.storage.vault import AuthenticatedStore, Authenticator
from jobs.watch import history, model
from jobs.watch.model import ChannelState, Incident, IncidentCard, NewsKind, WatchedChannel

LEASE_S = 30
"""Seconds after which a group is given out again if its worker has not reported back."""


Change = Callable[[Incident], Incident | None]
"""Function that returns the changed incident, or None for no change."""
KEPT = timedelta(days=100)
"""Time for which an ended incident is kept; the history shows 90 days."""
MOST = 500
INTERVALS = 3
COLLECT = timedelta(seconds=90)
"""Time from a space's first gap until it is told, in which the other groups look again."""


@dataclass(frozen=True, slots=True)
class Gap:
    mailbox: str
    room: str
    since: datetime
    until: datetime
    due: datetime


def gap_of(watched: WatchedChannel, state: ChannelState, at: datetime) -> Gap | None:
    """Return the time without looks, pauses apart, that ends at ``at``, or None if it is short."""
    if state.looked is None:
        return None
    since = max(filter(None, (state.looked, watched.paused_until, watched.since)))
    gap = Gap(watched.mailbox, watched.room, since, at, at + COLLECT)
    return gap if at - since > INTERVALS * watched.interval else None


class Watching(AuthenticatedStore):
    """Watched channels, the state and the incidents of each, and when each group is looked at.

    ``operator_room`` is the space that gets a card for each shared cause, or empty.
    """

    def __init__(
        self, redis: Redis, authenticator: Authenticator | None = None, operator_room: str = ""
    ) -> None:
        super().__init__(redis, authenticator)
        self._operator_room = operator_room
        self.schedule = DueQueue(redis, LockKind.WATCH)

    def load(self, mailbox: str) -> WatchedChannel | None:
        return self._get(keys.watched(mailbox), WatchedChannel)

    def save(self, watched: WatchedChannel) -> None:
        """Record the channel, and have its group looked at now."""
        with self.redis.pipeline() as pipe:
            self._put(keys.watched(watched.mailbox), watched, pipe)
            pipe.hset(keys.watched_channels(), watched.mailbox, watched.group)
            self.schedule.add(watched.group, now(), pipe, sooner=True)
            pipe.execute()

    def channels(self, group: str = "") -> tuple[WatchedChannel, ...]:
        listed: Any = self.redis.hgetall(keys.watched_channels())
        groups = {codec.as_text(name): codec.as_text(of) for name, of in listed.items()}
        names = sorted(name for name, of in groups.items() if group in {"", of})
        return self._get_all(names, keys.watched, WatchedChannel)

    def of_space(self, room: str) -> tuple[WatchedChannel, ...]:
        return tuple(each for each in self.channels() if each.room == room)

    def states(self, group: str = "") -> dict[WatchedChannel, ChannelState]:
        return {each: self.state(each.mailbox) for each in self.channels(group)}

    def next_of(self, group: str, at: datetime) -> datetime | None:
        """Return when to look at the group again, or None for a group without channels."""
        states = self.states(group).items()
        return min((state.due(each, at) for each, state in states), default=None)

    def lateness(self, at: datetime) -> timedelta:
        """Return for how long the longest waiting group has waited for its round, at least 0."""
        return max((at - each for each in self.schedule.all().values()), default=timedelta(0))

    def state(self, mailbox: str) -> ChannelState:
        return self._get(keys.watch_state(mailbox), ChannelState) or ChannelState()

    def incident(self, incident_id: str) -> Incident | None:
        return self._get(keys.incident(incident_id), Incident) if incident_id else None

    def open_incidents(self) -> tuple[Incident, ...]:
        return self._loaded(self.redis.zrange(keys.incidents_open(), 0, -1))

    def of_channel(self, mailbox: str, since: datetime | None = None) -> tuple[Incident, ...]:
        """Return the channel's incidents, oldest first: those noticed since ``since``, or all."""
        first = "-inf" if since is None else since.timestamp()
        key = keys.incidents_of_channel(mailbox)
        return self._loaded(self.redis.zrangebyscore(key, first, "+inf"))

    def open_of_channel(self, mailbox: str) -> Incident | None:
        return self.open_of_channels([mailbox]).get(mailbox)

    def open_of_channels(self, mailboxes: Iterable[str]) -> dict[str, Incident]:
        states = self._get_all(mailboxes, keys.watch_state, ChannelState)
        known = self._loaded([each.incident for each in states if each.incident])
        return {each.mailbox: each for each in known if each.is_open}

    def card(self, card_id: str) -> IncidentCard | None:
        return self._get(keys.incident_card(card_id), IncidentCard)

    def of_card(self, card_id: str) -> tuple[Incident, ...]:
        return self._loaded(self.redis.zrange(keys.incidents_of_card(card_id), 0, -1))

    def add_look(
        self,
        watched: WatchedChannel,
        outcome: model.LookOutcome,
        at: datetime,
        fixed_by: Callable[[Incident], str] = lambda _: "",
        held: RenewedLock | None = None,
    ) -> tuple[Incident, ...]:
        """Add a look that ended at ``at``, and return the incidents that it changed.

        Nothing is recorded after a later look, if the channel is not watched any more, or if the
        worker has lost the lock ``held``. A look much later is one before the clock was set back.
        """
        mailbox = watched.mailbox

        def attempt(pipe: Pipeline) -> tuple[Incident, ...]:
            state = self._get(keys.watch_state(mailbox), ChannelState, pipe) or ChannelState()
            later_s = (state.looked - at).total_seconds() if state.looked else LEASE_S
            is_stale = 0 <= later_s < LEASE_S
            is_watched = pipe.exists(keys.watched(mailbox))
            if is_stale or not is_watched or (held is not None and not held.is_current(pipe)):
                return ()
            incident = self._read(pipe, state.incident)
            ended_by = fixed_by(incident) if incident is not None and incident.is_open else ""
            present = model.Present(watched, state, incident, new_id() + new_id(), ended_by)
            after, incidents = model.apply(present, outcome, at)
            cards = [self._cards_of(pipe, watched, each) for each in incidents]
            changed = tuple(map(Incident.shown_on, incidents, cards))
            days = history.add(pipe, mailbox, outcome, at, state.looked)
            pipe.multi()
            self._put(keys.watch_state(mailbox), after, pipe)
            for each, own in zip(changed, cards, strict=True):
                self._write(pipe, each, own)
            history.write(pipe, mailbox, days)
            return changed

        locked = [keys.watch_state(mailbox), keys.watched(mailbox)]
        locked += [held.key] if held is not None else []
        return in_transaction(self.redis, attempt, *locked)

    def change(self, incident_id: str, change: Change) -> Incident | None:
        """Change an open incident, and return it; None if it is over or ``change`` returns None."""

        def attempt(pipe: Pipeline) -> Incident | None:
            known = self._read(pipe, incident_id)
            new = change(known) if known is not None and known.is_open else None
            pipe.multi()
            if new is not None:
                self._write(pipe, new, ())
            return new

        return in_transaction(self.redis, attempt, keys.incident(incident_id))

    def look_soon(self, mailbox: str, *, fresh: bool = False) -> None:
        """Have the channel looked at next; ``fresh`` forgets the access that it had."""

        def attempt(pipe: Pipeline) -> None:
            state = self._get(keys.watch_state(mailbox), ChannelState, pipe) or ChannelState()
            pipe.multi()
            state = replace(state, next_look=None, eyes=() if fresh else state.eyes)
            self._put(keys.watch_state(mailbox), state, pipe)

        self.redis.transaction(attempt, keys.watch_state(mailbox))

    def take_on(self, incident_id: str, person: str, at: datetime | None) -> Incident | None:
        """Record that a person acts, or '' for nobody; None if it is over or already so."""
        act = partial(replace, acting=person, acting_since=at)
        return self.change(incident_id, lambda i: act(i) if i.acting != person else None)

    def prove(self, mailbox: str, run_id: str, at: datetime) -> Incident | None:
        """End the channel's break, and return it: a test mail was delivered.

        ``run_id`` is empty if the run that sent it has repaired nothing.
        """
        known = self.open_of_channel(mailbox)
        if known is None or known.sight is not model.Sight.BROKEN:
            return None
        self.look_soon(mailbox)
        end = max(at, known.confirmed)
        news = partial(model.with_news, kind=NewsKind.RECOVERED, at=end)
        return self.change(known.id, partial(news, ended=end, blind_since=None, fixed_by=run_id))

    def end(self, mailbox: str, at: datetime) -> tuple[bool, Incident | None]:
        """Stop watching a channel, end its incident, and forget its state; its history stays.

        Return whether the channel was watched, and the incident if one was open.
        """
        with self.redis.pipeline() as pipe:
            pipe.delete(keys.watched(mailbox))
            pipe.hdel(keys.watched_channels(), mailbox)
            was_watched = bool(pipe.execute()[0])
        known = self.open_of_channel(mailbox)
        self.redis.delete(keys.watch_state(mailbox))
        over = partial(model.with_news, kind=NewsKind.UNWATCHED, at=at, ended=at)
        return was_watched, self.change(known.id, over) if known else None

    def finish(self, run: Run, at: datetime) -> tuple[str, ...]:
        """Record what the end of a run says, and return the cards of incidents that it changes.

        The proof of a setup or fix ends the incident. A disconnected channel is watched no more.
        """
        mailbox, incident = run.channel.mailbox, None
        if run.kind is RunKind.UNDO and undid(run):
            incident = self.end(mailbox, at)[1]
        elif run.kind is RunKind.UNDO:
            self.look_after(run)
        elif run.kind in {RunKind.SETUP, RunKind.FIX}:
            by, proof = run.id if repaired(run) else "", parse(run.fact("answered_at")) or at
            incident = self.prove(mailbox, by, proof)
        return incident.cards if incident else ()

    def look_after(self, run: Run) -> None:
        """Have the channel looked at now: the run ends without a proof of what it changed."""
        watched = self.load(run.channel.mailbox)
        if watched is not None and run.has_begun:
            self.look_soon(watched.mailbox)
            self.schedule.add(watched.group, now(), sooner=True)

    def note_gaps(self, group: str, at: datetime) -> None:
        found = (gap_of(each, state, at) for each, state in self.states(group).items())
        self.keep_gaps(filter(None, found))

    def keep_gaps(self, gaps: Iterable[Gap]) -> None:
        for each in gaps:
            self.redis.hset(keys.watch_gaps(), each.mailbox, codec.dump(each))

    def gaps_due(self, at: datetime) -> dict[str, tuple[Gap, ...]]:
        """Return all gaps of each space that is to be told of one."""
        rows: Any = self.redis.hgetall(keys.watch_gaps())
        gaps = [codec.load(rows[name], Gap) for name in sorted(rows)]
        due = {each.room for each in gaps if each.due <= at}
        return {room: tuple(each for each in gaps if each.room == room) for room in due}

    def forget_gaps(self, gaps: Iterable[Gap]) -> None:
        self.redis.hdel(keys.watch_gaps(), *(each.mailbox for each in gaps))

    def _cards_of(
        self, pipe: Pipeline, watched: WatchedChannel, incident: Incident
    ) -> tuple[IncidentCard, ...]:
        """Return the cards that show the incident from now on, before ``pipe.multi()``.

        A shared cause is shown on the card that its space has for it. The transaction watches the
        list of open incidents, so two channels never make two cards.
        """
        if not incident.is_open:
            return ()
        own = IncidentCard(incident.id, watched.room, watched.by, direct=watched.direct)
        if not incident.shared:
            return (own,)
        pipe.watch(keys.incidents_open())  # type: ignore[no-untyped-call]  # untyped in redis-py
        ids = {name for each in self.open_incidents() for name in each.cards if name != each.id}
        found = self._get_all(sorted(ids), keys.incident_card, IncidentCard)
        known = {each.room: each.id for each in found if each.shared == incident.shared}
        shared = replace(own, shared=incident.shared)
        counts = replace(shared, room=self._operator_room, direct=False, counts=True)
        every = (shared,) if counts.room in {"", shared.room} else (shared, counts)
        return tuple(replace(e, id=known.get(e.room) or new_id() + new_id()) for e in every)

    def _write(self, pipe: Pipeline, incident: Incident, cards: Iterable[IncidentCard]) -> None:
        self._put(keys.incident(incident.id), incident, pipe, None if incident.is_open else KEPT)
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
            pipe.expire(keys.incidents_of_card(card.id), KEPT)
            self._put(keys.incident_card(card.id), card, pipe, KEPT)

    def _read(self, pipe: Pipeline, incident_id: str) -> Incident | None:
        if not incident_id:
            return None
        pipe.watch(keys.incident(incident_id))  # type: ignore[no-untyped-call]  # untyped in redis-py
        return self._get(keys.incident(incident_id), Incident, pipe)

    def _loaded(self, names: Any) -> tuple[Incident, ...]:
        return self._get_all(names, keys.incident, Incident)


async def run_round(  # noqa: PLR0913  what a round is made of
    watching: Watching,
    group: str,
    look: model.Look,
    clock: Callable[[], datetime],
    *,
    fixed_by: Callable[[Incident], str] = lambda _: "",
    held: RenewedLock | None = None,
    changed: Callable[[Incident], object] = lambda _: None,
) -> tuple[int, int]:
    """Look at every channel of the group that is due.

    Return the number of looks, and of the due channels that were not looked at, because the round's
    time was over. ``changed`` is called for each incident that a look has changed, after that is
    recorded.
    """
    looks, began = 0, clock()
    states = watching.states(group)
    due = [each for each, state in states.items() if state.due(each, began) <= began]
    due.sort(key=lambda each: _place(each.mailbox, states[each]))
    if due:
        async for watched, outcome in look(tuple(due)):
            for incident in watching.add_look(watched, outcome, clock(), fixed_by, held):
                changed(incident)
            looks += 1
    return looks, len(due) - looks


def _place(mailbox: str, state: ChannelState) -> tuple[bool, int]:
    """Return the place: a suspicion or an incident first, others as drawn: traces may run out."""
    calm = state.suspicion is None and not state.incident
    return calm, zlib.crc32(f"{state.looked} {mailbox}".encode())


PING_EVERY_S = 60
"""Seconds between two pings: the groups end their rounds one after the other."""
LATE = timedelta(minutes=5)
"""Time for which a group may wait for a worker before the watch counts as late."""
PING_S = 10.0
log = structlog.get_logger(__name__)


def ping(url: str, watching: Watching, at: datetime) -> bool:
    """Tell ``url``, such as healthchecks.io, that a round ended, unless a group waits too long."""
    redis, late = watching.redis, watching.lateness(at) > LATE
    if not url or late or not redis.set(keys.watch_pinged(), "1", nx=True, ex=PING_EVERY_S):
        return False
    try:
        with client_of(frozenset({httpx.URL(url).host.lower()}), PING_S) as http:
            return http.get(url).is_success
    except httpx.HTTPError as error:
        log.warning("the ping of the watch was not taken", why=type(error).__name__)
        return False


def assessment(store: RunStore, mailbox: str) -> Assessment:
    return assessments(store, [mailbox])[mailbox]


def assessments(
    store: RunStore, mailboxes: Sequence[str], read: Iterable[Run] = ()
) -> dict[str, Assessment]:
    """Return what is known of each channel, in few round trips.

    The runs that were ``read`` a moment ago are not read again.
    """
    broken = Watching(store.redis, store.authenticator).open_of_channels(mailboxes)
    runs: dict[str, list[Run]] = defaultdict(list)
    for run in store.known(store.channels.runs_of_mailboxes(*mailboxes), read):
        runs[run.channel.mailbox].append(run)
    checks = zip(mailboxes, store.last_checks(mailboxes), strict=True)
    seen = {each: map(fact_of, [check] if check else []) for each, check in checks}
    facts = {each: (*seen[each], *_of_incident(broken.get(each))) for each in mailboxes}
    return {each: assess(reversed(runs[each]), filter(None, facts[each])) for each in mailboxes}


def facts_since(store: RunStore, mailbox: str, at: datetime, ids: Iterable[str]) -> Iterator[Fact]:
    """Return what has happened to the channel since; ``ids`` are those of possible checks."""
    watching = Watching(store.redis, store.authenticator)
    newest = watching.incident(watching.state(mailbox).incident)
    # they end in the order in which they begin
    runs = reversed(store.runs_of_mailbox(mailbox))
    known = list(takewhile(lambda run: run.ended_at is None or run.ended_at > at, runs))
    checks = store.known({*ids} - {run.id for run in known})
    broken = {each.id: each for each in (newest, *watching.of_channel(mailbox, at)) if each}
    facts = (*map(fact_of, (*known, *checks)), *chain(*map(_of_incident, broken.values())))
    return (fact for fact in facts if fact is not None and fact.at > at)


def _of_incident(incident: Incident | None) -> Iterator[Fact]:
    if incident is None or incident.sight is not model.Sight.BROKEN:
        return
    facts = {"step": incident.step or incident.cause}
    seen = Finding(incident.mailbox, State.WRONG, cause=incident.cause, facts=facts)
    yield Fact(FactKind.BROKE, incident.broke, incident.id, "", incident.room, seen)
    if incident.ended and not (incident.is_unwatched or incident.fixed_by):
        yield Fact(FactKind.RECOVERED, incident.ended, incident.id, "", incident.room)
