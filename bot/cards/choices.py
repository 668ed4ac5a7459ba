"""Cards that offer to cancel runs by buttons, and are one line as soon as one of these runs ends.

Such a card is an answer to a command. It is kept among the cards of each run that it offers.
"""

from __future__ import annotations

from collections.abc import Sequence

from adaptive_cards import Card, offer
from adaptive_cards.cards.notice import Offer
from bot.cards.notices import end_title
from bot.cards.presenters import card_state as shared
from bot.chat.context import ChatContext
from bot.services import Services
from jobs.clock import now
from jobs.model import Text
from jobs.runs.run import Run

KICKER = Text("notice.cancel_kicker")


def card(title: Text, runs: Sequence[Run]) -> Card:
    # A run may have no mailbox yet.
    offers = tuple(
        Offer(
            Text("choice.button.cancel", {"value": f"{each.id} {each.channel.mailbox}".rstrip()}),
            {"do": "cancel", "run": each.id},
        )
        for each in runs
    )
    turn, lines = Text("understood.cancel_turn"), (Text("notice.cancel_which_words"),)
    return offer(KICKER, title, offers, now(), turn=turn, lines=lines)


def shows(runs: Sequence[Run]) -> tuple[str, str]:
    """Return the id of one of the runs, and the card's slot before it is posted."""
    return runs[0].id, f"{shared.CHOICE}:{','.join(run.id for run in runs)}"


def post(ctx: ChatContext, card: Card, runs: Sequence[Run]) -> None:
    slot = shows(runs)
    posted = ctx.say(card, shows=slot)
    if posted.id:
        mark_posted(ctx.services, slot, posted.id, ctx.room)


def mark_posted(services: Services, card: tuple[str, str], message: str, room: str) -> None:
    slot, shown = f"{shared.CHOICE}{message}", shared.PostedCard(message, room, "", "", now())
    for each in card[1].rpartition(":")[2].split(","):
        shared.keep_card(services, each, slot, shown)


def is_choice(services: Services, run_id: str, message: str) -> bool:
    """Return whether the message is a card that offers the run, and is edited at the run's end."""
    return shared.was_posted(services, run_id, f"{shared.CHOICE}{message}")


def cards(run: Run, services: Services) -> list[shared.DesiredCard]:
    if not run.ended:
        return []
    slots = [
        slot for slot in shared.posted_cards(services, run.id) if slot.startswith(shared.CHOICE)
    ]
    title = end_title(run, {"run": run.id, "mailbox": run.channel.mailbox})
    return [
        shared.last_look(each, KICKER, title, Text("notice.cancel_over_words")) for each in slots
    ]
