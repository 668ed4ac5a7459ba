"""Recognition of the bot's own messages, in rooms whose messages it can read."""

from __future__ import annotations

from datetime import datetime, timedelta

from bot.webex import models
from bot.webex.models import Message
from jobs.clock import now

SKEW = timedelta(seconds=10)
"""Maximum error of the measurement of Webex's clock (:mod:`jobs.clouds.clock_skew`)."""


def is_own(message: Message, bot_id: str, since: datetime) -> bool:
    return message.person_id == bot_id and not models.is_older_than(
        message.created, now() - since + SKEW
    )


def may_be_of_run(message: Message, run_id: str) -> bool:
    """Return whether the message may show a card that names this run.

    A card of another run may have the same text and be a few seconds older. Webex does not show the
    card of every message.
    """
    return not message.card or run_id in message.card


def plain(text: str) -> str:
    """Return the text with single spaces, because Webex may return other spaces than were sent."""
    return " ".join(text.split())
