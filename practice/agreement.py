"""Check that the bot's cards agree with each other, at a moment when no action is in progress.

The check knows nothing of the bot's state. Two cards that contradict each other cannot both be
true.
"""

import itertools
import re
import time
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from practice import cardtext
from practice.client import NotSeenError, People, actions, from_bot
from practice.patience import patient

Json = dict[str, Any]
SETTLES_S = 15.0
"""Seconds to wait for edits in flight before two cards count as contradicting each other."""
OVER = re.compile(r"[Rr]un (\w{6}) (?:was canceled|is canceled|was stopped|is finished)")
TURNS = re.compile(r"(?:Requester|Administrator|Approver|Mailbox user|Agent|\S+@\S+)'s turn")
MINE, NOBODYS = "Your turn", "Nobody has to act"


@dataclass(frozen=True, slots=True)
class CardClaims:
    """Claims of one card about one run: its text, and whether it still has buttons of the run."""

    message: Json
    run: str
    text: str
    live: bool


def agree(people: People, since: int = 0, seconds: float = SETTLES_S) -> None:
    """Wait up to ``seconds`` until no card that changed after ``since`` contradicts another one.

    Raises:
        NotSeenError: two cards contradict each other for longer than an edit takes.
    """
    deadline = time.monotonic() + patient(seconds)
    while found := contradictions(
        each for each in people.messages.values() if each["change"] > since
    ):
        if time.monotonic() >= deadline:
            raise NotSeenError(f"cards that agree, but {'; '.join(found)}", None)
        people.look(0.5)


def contradictions(messages: Iterable[Json]) -> list[str]:
    """Return a sentence for each contradiction between two cards."""
    by_run: dict[str, list[CardClaims]] = defaultdict(list)
    for told in itertools.chain.from_iterable(map(_claims_of, messages)):
        by_run[told.run].append(told)
    return [
        wrong
        for cards in by_run.values()
        for wrong in (*_twice(cards), *_ends_that_disagree(cards), *_turn(cards))
    ]


def _claims_of(message: Json) -> Iterator[CardClaims]:
    """Yield the claims of the message's card about each run."""
    if not (from_bot(message) and message["card"]):
        return
    text = "\n".join(cardtext.lines({**message["card"], "actions": []}))
    live = {
        str(action["data"]["run"])
        for action in actions(message)
        if isinstance(action.get("data"), dict) and action["data"].get("run")
    }
    yield from (CardClaims(message, run, text, live=True) for run in live)
    yield from (
        CardClaims(message, run, text, live=False) for run in set(OVER.findall(text)) - live
    )


def _twice(cards: list[CardClaims]) -> Iterator[str]:
    """Yield a sentence for each room in which more than one card has buttons of the run."""
    rooms: dict[str, list[CardClaims]] = defaultdict(list)
    for card in cards:
        if card.live:
            rooms[f"{card.message['room']} {card.message['members']}"].append(card)
    for found in rooms.values():
        if len(found) > 1:
            yield f"{len(found)} cards of one room have buttons of run {found[0].run}"


def _ends_that_disagree(cards: list[CardClaims]) -> Iterator[str]:
    """Yield a sentence if one card says that the run is over and another one has its buttons."""
    if any(not card.live for card in cards) and any(card.live for card in cards):
        yield f"run {cards[0].run} is over on one card, and another card has buttons of it"


def _turn(cards: list[CardClaims]) -> Iterator[str]:
    """Yield a sentence if a 1:1 card asks a person and the card in the space asks nobody."""
    live = [card for card in cards if card.live]
    if any(map(_asks_one_person, live)) and any(map(_asks_nobody, live)):
        yield f"run {live[0].run} asks a person 1:1, and its card in the space asks nobody"


def _asks_one_person(card: CardClaims) -> bool:
    return card.message["roomType"] == "direct" and MINE in card.text


def _asks_nobody(card: CardClaims) -> bool:
    """Return whether a card in a space says that it is nobody's turn."""
    in_space = card.message["roomType"] == "group"
    return in_space and NOBODYS in card.text and not TURNS.search(card.text)
