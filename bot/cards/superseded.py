"""Rule for the cards that speak of a channel: the newest one lives, and the others are history.

A card that says something of a channel is a speaker. Each mailbox has a list of the speakers whose
cards are not history yet. When something happens to the channel, all of them are drawn again, and
this module decides what is left of each:

- After a newer fact, the card is one line with its own result and the fact. It has no turn and no
  buttons. The fact is recorded once, so a later one never rewrites the line.
- While a run is in progress, the card keeps what it found, and that run has the turn.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime

from adaptive_cards.components import held
from adaptive_cards.glyphs import OK, SKIPPED
from adaptive_cards.texts import known_text
from bot.cards.presenters import card_state as shared
from bot.cards.presenters.card_state import DesiredCard
from bot.services import Services
from jobs.checks.check import GOOD, Assessment, Fact, FactKind, fact_of, open_questions
from jobs.model import Finding, RunKind, State, Text, minute_of
from jobs.runs.run import Kind, Run
from jobs.storage import codec, keys
from jobs.watch.model import Incident, IncidentCard
from jobs.watch.store import assessment, facts_since

KEPT_S = 60 * 24 * 3600
SPEAKS = frozenset({"verdict", "incident", shared.LIVING})
"""Slots of the cards that speak of a channel, in addition to the 1:1 copies of an incident."""
GOES_ON = ("watch_on_it", "watch_not_on_it")
"""Buttons of an incident that have an effect as long as it goes on."""


@dataclass(frozen=True, slots=True)
class Speaker:
    """Card of a run or an incident that says something of a channel, and of which moment.

    One that ``goes_on`` is no history yet. ``mark`` differs as soon as the cards of the others may
    be untrue. ``result`` is what is left of it as history. A check of a channel that is not known
    in its space is ``apart``: it says nothing of the runs of other spaces.
    """

    id: str
    mailbox: str
    room: str
    at: datetime
    goes_on: bool
    mark: str
    result: Text
    apart: bool = False


def of_run(run: Run) -> Speaker | None:
    """Return None for a run without a mailbox, and for a check that is not finished."""
    is_check, room = run.kind is RunKind.CHECK, run.origin.room
    asks = is_check and bool(open_questions(run))
    if not run.channel.mailbox or run.kind is RunKind.BULK_CHECK:
        return None
    if is_check and run.checked is None and not asks:
        return None
    at = max(filter(None, (run.checked, run.ended_at)), default=run.opened)
    goes_on = not (is_check or run.ended)
    mark, apart = f"{run.ended or ''} {at}", run.brief.discover and not run.kept
    return Speaker(run.id, run.channel.mailbox, room, at, goes_on, mark, _result(run, at), apart)


def _result(run: Run, at: datetime) -> Text:
    values = {"at": minute_of(at), "run": run.id}
    fact = fact_of(run)
    if fact is None or fact.kind is FactKind.STOPPED:
        stopped = "failed" if run.ended is Kind.FAILED else "canceled"
        return Text("result.asked" if run.kind is RunKind.CHECK else f"result.{stopped}", values)
    if fact.finding is None:
        return Text(f"result.{fact.kind}", values | {"undone": run.undoes})
    if fact.finding.state is State.WRONG:
        return Text("result.broken", values | {"cause": f"key:{cause_of(fact.finding).key}"})
    return Text("result.well" if fact.finding.state is State.OK else "result.unclear", values)


def cause_of(broken: Finding) -> Text:
    """Return the cause of a broken channel in words, or the step that shows it."""
    return known_text(f"cause.{broken.cause}") or Text(f"step.{broken.facts['step']}")


def of_incident(card: IncidentCard, incident: Incident, cause: str) -> Speaker:
    # what has another cause since then is on another card
    moved = incident.shared != card.shared
    until = incident.broke if moved else incident.ended or incident.broke
    at, goes_on = incident.since if moved else until, incident.is_open and not moved
    values = {"from": minute_of(incident.since), "at": minute_of(until), "cause": cause}
    key = "unwatched" if incident.is_unwatched else "incident"
    mark, result = f"{len(incident.news)} {goes_on}", Text(f"result.{key}", values)
    return Speaker(card.id, incident.mailbox, card.room, at, goes_on, mark, result)


def note(services: Services, speaker: Speaker) -> None:
    """Put the card on its mailbox's list, and have the others drawn again if they may be untrue."""
    key, own = keys.cards_about(speaker.mailbox), keys.cards(speaker.id)
    if services.redis.hget(own, shared.OTHERS) == speaker.mark.encode():
        return
    # a check that is history goes on if somebody signs in, or lets the bot read, from its page
    if _recorded(services, speaker) is None:
        with services.redis.pipeline() as pipe:
            pipe.sadd(key, speaker.id)
            pipe.expire(key, KEPT_S)
            pipe.execute()
    request(services, speaker.mailbox, speaker.id)
    services.redis.hset(own, shared.OTHERS, speaker.mark)


def request(services: Services, mailbox: str, but: str = "") -> None:
    services.cards.request(*_about(services, mailbox) - {but})


def _about(services: Services, mailbox: str) -> set[str]:
    return set(map(codec.as_text, services.redis.smembers(keys.cards_about(mailbox))))


def applied(services: Services, speaker: Speaker, cards: list[DesiredCard]) -> list[DesiredCard]:
    """Return the cards as history, or held by what has the turn now, or as they are."""
    if not any(map(_speaks, cards)):
        return cards
    if (fact := superseded_by(services, speaker)) is not None:
        services.redis.srem(keys.cards_about(speaker.mailbox), speaker.id)
        return [_history(speaker, fact, each) if _speaks(each) else each for each in cards]
    words = _held_by(services, speaker)
    return [_held(each, words) if words and _speaks(each) else each for each in cards]


def _held_by(services: Services, speaker: Speaker) -> Text | None:
    """Return the words about the run that is in progress, or about a check of an open incident."""
    if services.channels.running(speaker.mailbox) not in {"", speaker.id}:
        words = in_progress(found := assessment(services.store, speaker.mailbox))
        if words is None or found.run is None or found.run.origin.room == speaker.room:
            return words
        # a space hears neither the run nor the person of another one
        return None if speaker.apart else Text("superseded.elsewhere", {"at": words.values["at"]})
    if not (speaker.goes_on and services.watching.card(speaker.id)):
        return None
    later = (each for each in _facts(services, speaker) if each.kind is FactKind.CHECKED)
    return next(map(words_of, later), None)


def in_progress(found: Assessment) -> Text | None:
    if found.run is None:
        return None
    run, kind = found.run, RunKind.FIX if found.run.undoes else found.run.kind
    values = {"run": run.id, "at": minute_of(run.opened), "by": run.requester.email}
    return Text(f"superseded.by_{kind}", values)


def known_by(fact: Fact) -> Text:
    key = "well" if fact.finding else fact.kind
    return Text(f"result.{key}", {"run": fact.run, "at": minute_of(fact.at)})


def words_of(fact: Fact) -> Text:
    values = {"run": fact.run, "at": minute_of(fact.at), "by": fact.by}
    return Text(f"superseded.{fact.kind}", values)


def superseded_by(services: Services, speaker: Speaker) -> Fact | None:
    """Return the first fact after the card's own, which is recorded, or None."""
    if speaker.goes_on:
        return None
    if known := _recorded(services, speaker):
        return known
    first = min(_facts(services, speaker), key=lambda each: each.at, default=None)
    if first is not None:
        shared.keep(services, speaker.id, shared.HISTORY, replace(first, finding=None))
    return first


def _recorded(services: Services, speaker: Speaker) -> Fact | None:
    """Return the fact that has superseded the card, unless the card has something newer to say."""
    known = shared.kept(services, speaker.id, shared.HISTORY, Fact)
    return known if known is not None and known.at > speaker.at else None


def _facts(services: Services, speaker: Speaker) -> Iterator[Fact]:
    names = _about(services, speaker.mailbox)
    for fact in facts_since(services.store, speaker.mailbox, speaker.at, names):
        if fact.room == speaker.room or (fact.is_done and not speaker.apart):
            yield fact


def _speaks(card: DesiredCard) -> bool:
    return card.slot in SPEAKS or card.slot.startswith(shared.NOTIFY)


def _history(speaker: Speaker, fact: Fact, card: DesiredCard) -> DesiredCard:
    kicker = Text("living.idle_kicker", {"mailbox": speaker.mailbox})
    mark = OK if fact.kind in GOOD else SKIPPED
    words = words_of(fact)
    return shared.last_look(card.slot, kicker, words, speaker.result, to=card.to, mark=mark)


def _held(card: DesiredCard, words: Text) -> DesiredCard:
    drawn, mark = held(card.card, words, GOES_ON), shared.marked(words, card.fingerprint)
    return replace(card, card=drawn, fingerprint=mark, urgency="held", retires=True)
