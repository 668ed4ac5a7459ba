"""Watch on the cards of a run: the words on how a channel is watched, and the edits for them."""

from __future__ import annotations

from bot.cards.presenters.card_state import DesiredCard, posted_card
from bot.services import Services
from jobs.model import span_of
from jobs.runs.run import Run


def interval_of(run: Run, services: Services) -> str:
    """Return how often the run's channel is watched, as a value of a text, or an empty string.

    The string is empty for a channel whose cards go to another space, and for a run that is not the
    one by which the channel is known.
    """
    record = services.channels.record(run.channel.mailbox)
    watched = services.watching.channels.load(run.channel.mailbox)
    if record is None or record.run != run.id or watched is None:
        return ""
    return span_of(watched.interval) if watched.room == run.origin.room else ""


def only_edit(services: Services, run: Run, wanted: DesiredCard, slot: str) -> bool:
    """Return whether a card has shown everything but the watch, so that it is edited or left alone.

    A card that Webex does not let the bot edit is not posted again for a watch that begins or ends.
    ``slot`` is the slot of its place in the thread (:mod:`bot.cards.living`).
    """
    shown = posted_card(services, run.id, slot)
    return shown is not None and shown.urgency == f"{wanted.slot} {wanted.urgency}"


def request_cards(services: Services, mailbox: str) -> None:
    """Have the cards of the channel's run drawn, because the channel's watch has begun or ended."""
    record = services.channels.record(mailbox)
    if record is not None:
        services.cards.request(record.run)
