"""Address that was typed after a command, and the cards for choosing or correcting it."""

from __future__ import annotations

import re
from collections.abc import Callable

from adaptive_cards import typed_wrong
from adaptive_cards.cards.offer import TypedWrongView
from bot.chat import offers
from bot.chat.context import ChatContext
from bot.chat.understanding import address_or_empty, lone_address
from jobs.channel.form import InvalidInputError, read_address
from jobs.clock import now

Known = Callable[[ChatContext], tuple[str, ...]]
_WORDS = re.compile(r"[^\W\d_]{2}[^@]*")
"""Words after an address that are not part of it, such as "please"."""


def read_mailbox(
    ctx: ChatContext, command: str, argument: str, known: Known = lambda _ctx: ()
) -> str:
    """Return the typed address of a mailbox, without the words around it.

    If the address is invalid, post a card for correcting it and return an empty string. The buttons
    of the card run the same command. If no address was typed and ``known`` returns channels, these
    are offered instead.
    """
    if not argument and (channels := known(ctx)):
        offers.choose_channel(ctx, command, channels)
        return ""
    try:
        return _read(argument)
    except InvalidInputError as wrong:
        ctx.say(
            typed_wrong(TypedWrongView(command, argument, wrong.reason, wrong.suggestion, now()))
        )
        return ""


def _read(argument: str) -> str:
    """Return the typed address, without the words after it and known ones before it.

    Raises:
        InvalidInputError: the text contains no valid address.
    """
    try:
        return read_address(argument)
    except InvalidInputError:
        first, _, words = argument.strip().partition(" ")
        before_words = (
            address_or_empty(first.rstrip(",;:")) if _WORDS.fullmatch(words.strip()) else ""
        )
        found = before_words or lone_address(argument)
        if found:
            return found
        raise
