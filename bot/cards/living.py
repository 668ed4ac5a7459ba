"""One living card per run and place: in the run's thread, and in the 1:1 with each person asked.

The presenters say which cards the run needs now. This module chooses the one of them that a place
shows, and gives it the place's slot, so that the same message is edited from turn to turn. In the
thread the card also has a line for each earlier request that was answered, and for each person who
is asked elsewhere at the same time.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from datetime import datetime
from urllib.parse import urlsplit

from adaptive_cards.card import Card, with_lines
from adaptive_cards.components import whose_turn
from adaptive_cards.glyphs import OK, SKIPPED, is_person
from bot.cards.notices import end_title
from bot.cards.presenters import progress
from bot.cards.presenters.card_state import (
    EARLIER,
    LIVING,
    REMINDER,
    THREAD,
    DesiredCard,
    last_look,
    marked,
    posted_cards,
    slot_of,
    slots_in_doubt,
    username,
)
from bot.services import Services
from jobs.model import RunKind, State, Text, minute_of, verbatim
from jobs.next_action import ActionKind, NextAction, next_action, open_requests, wait_of
from jobs.runs.event_log import doubt
from jobs.runs.run import Kind, Run
from jobs.steps import steps_of


def lines(run: Run) -> tuple[Text, ...]:
    return tuple(words for _, words in sorted(_moments(run), key=lambda line: line[0]))


def doubts(runs: Iterable[Run]) -> tuple[tuple[Text, Text], ...]:
    found = ((run, doubt(run)) for run in runs)
    return tuple(
        (verbatim(f"{run.id} {run.channel.mailbox}".strip()), why) for run, why in found if why
    )


def with_doubts(card: Card, runs: Iterable[Run]) -> Card:
    lines = doubts(runs)
    return with_lines(card, (), lines) if lines else card


def approvals(run: Run) -> tuple[Text, ...]:
    """Return only the lines of the approvals, for the cards of the other approvers."""
    return tuple(words for _, words in _approved(run))


def _approved(run: Run) -> Iterator[tuple[datetime, Text]]:
    for scope, given in run.approvals.items():
        yield given.at, _entry(f"approved_{scope}", given.at, given.by)


def _moments(run: Run) -> Iterator[tuple[datetime, Text]]:
    yield from _given(run)
    yield from _signed_in(run)
    yield from _approved(run)
    yield from _planned_nothing(run)
    yield from _consented(run)
    yield from _rehearsed(run)
    yield from _confirmed(run)
    yield from _test_sent(run)


def _given(run: Run) -> Iterator[tuple[datetime, Text]]:
    """Yield the line of the details from the first card; an adopted or known channel has none."""
    if run.detailed_at is None or run.kind is not RunKind.SETUP or not run.channel.callback_url:
        return
    channel = run.channel
    values = {
        "at": minute_of(run.detailed_at),
        "host": urlsplit(channel.callback_url).netloc,
        "forwarding": channel.forwarding_address,
        "months": str(channel.lifetime_months),
    }
    kept = "kept" if channel.keep_copy else "moved"
    yield run.detailed_at, Text(f"history.given_{kept}", values)


def _signed_in(run: Run) -> Iterator[tuple[datetime, Text]]:
    if run.account is not None and run.signed_in is not None:
        yield run.signed_in, _entry("signed_in", run.signed_in, run.account.upn)


def _planned_nothing(run: Run) -> Iterator[tuple[datetime, Text]]:
    if run.plan and not run.plan.changes and not run.has_begun:
        yield run.plan.at, _entry("nothing", run.plan.at)


def _consented(run: Run) -> Iterator[tuple[datetime, Text]]:
    if run.state_of("admin_consent") is State.OK and "admin_consent" in steps_of(run):
        yield run.found_at["admin_consent"], _entry("consent", run.found_at["admin_consent"])


def _confirmed(run: Run) -> Iterator[tuple[datetime, Text]]:
    for question in ("token_saved", "registered"):
        if question in run.answers:
            given = run.answers[question]
            yield given.at, _entry(question, given.at, given.by)


def _test_sent(run: Run) -> Iterator[tuple[datetime, Text]]:
    if sent := run.changed.get("test_mail"):
        yield sent.begun, _entry("test_sent", sent.begun)


def _rehearsed(run: Run) -> Iterator[tuple[datetime, Text]]:
    answer = run.answers.get("rehearse")
    if answer is None:
        return
    if answer.value.startswith("skip"):
        reason = answer.value.partition(":")[2]
        yield answer.at, Text("history.skipped", {"reason": reason})
    elif run.state_of("rehearsal") is State.OK:
        at = run.found_at["rehearsal"]
        yield at, _entry("rehearsed", at, username(run))


def _entry(key: str, at: datetime, who: str = "") -> Text:
    return Text(f"history.{key}", {"at": minute_of(at), "who": who})


SHOWS = {
    ActionKind.DETAILS: "intake",
    ActionKind.SIGN_IN: "signin",
    ActionKind.DELEGATE: "delegate",
    ActionKind.APPROVE: "plan",
    ActionKind.APPROVE_TENANT: "plan",
    ActionKind.CONSENT: "consent",
    ActionKind.FORM: "connect",
    ActionKind.TOKEN: "connect",
    ActionKind.REGISTER: "connect",
    ActionKind.REHEARSE: "rehearsal",
    ActionKind.REHEARSAL_SIGN_IN: "rehearsal",
    ActionKind.SEND: "mail",
    ActionKind.ANSWER: "mail",
    ActionKind.ANSWER_AGAIN: "mail",
}
"""The presenter's card that asks for a next action."""
BELOW = Text("living.below_title"), Text("living.below_words")
OVER = Text("reminder.over_title"), Text("reminder.over_words")
CALM = ("undone", "done", "ended", "mail", "progress", "plan", "signin")
"""Cards of a thread in which nobody is asked for anything, the most informative card first."""


def living_cards(run: Run, services: Services, wanted: list[DesiredCard]) -> list[DesiredCard]:
    """Return the card of every place.

    A post that Webex has not confirmed counts as a card that is shown.
    """
    posted = posted_cards(services, run.id)
    kept = posted.keys() | slots_in_doubt(services, run.id)
    places = _by_place(wanted, kept).items()
    return list(filter(None, (_of_place(run, to, cards, kept) for to, cards in places)))


def earlier_cards(run: Run, services: Services) -> list[DesiredCard]:
    """Return the last edit of each message that has a successor, and of each reminder that is over."""
    posted, wait = posted_cards(services, run.id), wait_of(run)
    goes_on = f"{REMINDER}{wait.kind}:" if wait else REMINDER * 2
    over = (each for each in posted if each.startswith(REMINDER) and not each.startswith(goes_on))
    kicker = Text("living.idle_kicker", {"mailbox": run.channel.mailbox})
    below = [each for each in posted if each.startswith(f"{EARLIER}:")]
    return [
        *(last_look(slot, kicker, *BELOW, to=slot.split(":")[1]) for slot in below),
        *(last_look(slot, kicker, *OVER, to=slot.split(":")[2]) for slot in over),
    ]


def _by_place(wanted: list[DesiredCard], kept: set[str]) -> dict[str, dict[str, DesiredCard]]:
    # A place that shows a card already is included even if no card is wanted there any more.
    by_place: dict[str, dict[str, DesiredCard]] = {THREAD: {}}
    for card in wanted:
        by_place.setdefault(card.to, {})[card.slot] = card
    for slot in sorted(kept):
        if slot.startswith(f"{LIVING}-direct:"):
            by_place.setdefault(slot.partition(":")[2], {})
    return by_place


def _of_place(
    run: Run, to: str, cards: dict[str, DesiredCard], kept: set[str]
) -> DesiredCard | None:
    if to != THREAD:
        return _of_person(run, to, cards, kept)
    card = _of_thread(run, cards)
    return _with_lines(run, card) if card else None


def _of_person(
    run: Run, to: str, cards: dict[str, DesiredCard], kept: set[str]
) -> DesiredCard | None:
    """Return the 1:1 card of a person, which stays without a request once its request is over."""
    asking = [card for card in cards.values() if card.prompt != ""]
    if card := _first(run, asking):
        return _placed(card)
    return _placed(_idle(run, to)) if slot_of(to) in kept else None


def _first(run: Run, asking: list[DesiredCard]) -> DesiredCard | None:
    if run.ended or not asking:
        return None
    by_slot = {card.slot: card for card in asking}
    order = [_slot_of_action(each) for each in open_requests(run)]
    return _first_of(by_slot, order) or asking[0]


def _first_of(cards: dict[str, DesiredCard], slots: Iterable[str]) -> DesiredCard | None:
    return next((cards[slot] for slot in slots if slot in cards), None)


def _of_thread(run: Run, cards: dict[str, DesiredCard]) -> DesiredCard | None:
    turn = next_action(run)
    if (card := cards.get(_slot_of_action(turn))) and card.prompt != "":
        return card
    if turn.kind is ActionKind.LOOK:
        marked_ones = [slot for slot in ("mail", "plan") if slot in cards and cards[slot].prompt]
        return _first_of(cards, (*marked_ones, *CALM))
    asking = [card for card in cards.values() if card.prompt and card.slot != "progress"]
    settling = "rehearsal"  # one that failed and is tried again by itself keeps its buttons
    return _first(run, asking) or _first_of(cards, (settling, *CALM))


def _slot_of_action(action: NextAction) -> str:
    return SHOWS.get(action.kind, "")


def _placed(card: DesiredCard) -> DesiredCard:
    """Return the card in the slot of its place; a change to another card there is urgent."""
    return replace(card, slot=slot_of(card.to), urgency=f"{card.slot} {card.urgency}")


def _with_lines(run: Run, card: DesiredCard) -> DesiredCard:
    before = () if card.slot == "intake" else (*_steps_done(run, card), *lines(run))
    elsewhere = (
        ()
        if run.ended or run.plan is None
        else tuple(
            (whose_turn(each.turn), each.words)
            for each in open_requests(run)
            if is_person(each.turn) and not _asks_for(run, card, each)
        )
    )
    also = (*doubts([run]), *elsewhere)
    if not before and not also:
        return _placed(card)
    drawn = with_lines(card.card, before, also)
    return _placed(
        replace(
            card,
            card=drawn,
            fingerprint=marked(card.fingerprint, (before, also)),
            urgency="".join((card.urgency, *(str(turn) for turn, _ in also))),
        )
    )


def _steps_done(run: Run, card: DesiredCard) -> tuple[Text, ...]:
    # If the run was resumed after an interruption, a second line says so.
    if run.ended or not run.has_begun or card.slot == "progress":
        return ()
    resumed = (Text("progress.resumed"),) if run.resumed else ()
    return (progress.steps_done(run), *resumed)


def _asks_for(run: Run, card: DesiredCard, action: NextAction) -> bool:
    """Return whether the card asks for the action; the progress card asks for the next action."""
    if card.slot == "progress":
        return action.kind is next_action(run).kind
    return _slot_of_action(action) == card.slot


def _idle(run: Run, to: str) -> DesiredCard:
    about = {"mailbox": run.channel.mailbox, "run": run.id}
    kicker = Text("living.idle_kicker", about)
    mark = OK if run.ended is Kind.FINISHED else SKIPPED
    if run.ended:
        title, words = end_title(run, about), Text("living.over_words")
    else:
        title, words = Text("living.idle_title"), Text("living.idle_words", about)
    decided = approvals(run)
    idle = last_look("idle", kicker, title, words, to=to, final=bool(run.ended), mark=mark)
    drawn = with_lines(idle.card, decided)
    return replace(idle, card=drawn, fingerprint=marked(idle.fingerprint, decided))
