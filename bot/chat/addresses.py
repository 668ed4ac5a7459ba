"""Address that was typed after a command, and the card for correcting it."""

from __future__ import annotations

from adaptive_cards import typed_wrong
from adaptive_cards.cards.typed_wrong import TypedWrongView
from bot.chat.context import ChatContext
from jobs.channel.form import InvalidInputError, read_address
from jobs.clock import now


def read_mailbox(ctx: ChatContext, command: str, argument: str) -> str:
    """Return the address; if it is invalid, post a correction card and return an empty string.

    The buttons of the card run the same command.
    """
    try:
        return read_address(argument)
    except InvalidInputError as wrong:
        ctx.say(
            typed_wrong(TypedWrongView(command, argument, wrong.reason, wrong.suggestion, now()))
        )
        return ""
