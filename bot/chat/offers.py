"""Channel that a command means: the typed address, or a card that offers those known here."""

import re
from collections.abc import Callable, Iterable
from difflib import SequenceMatcher
from typing import NoReturn

from adaptive_cards.answers import OFFERS_MOST, Button, offer, typed_wrong
from adaptive_cards.elements import fit_title
from bot.chat import permissions
from bot.chat.context import AnsweredError, ChatContext
from bot.chat.parsing import address_or_empty, lone_address
from jobs.channel.form import InvalidInputError, read_address
from jobs.checks.check import FactKind, assess
from jobs.clock import now
from jobs.model import Text, minute_of, verbatim

NEAR = 0.8
"""Similarity from which an address may be a mistyped form of another one.

It holds for the name and for the domain. The value 1.0 means the same text
(:class:`difflib.SequenceMatcher`).
"""


def typed(command: str, mailbox: str) -> dict[str, str]:
    return {"do": "typed", "command": command, "mailbox_meant": mailbox}


def of_channels(ctx: ChatContext, command: str, mailboxes: Iterable[str]) -> tuple[Button, ...]:
    return tuple(of_channel(command, each) for each in first_channels(ctx, tuple(mailboxes)))


def of_channel(command: str, mailbox: str) -> Button:
    return Text(f"choice.button.{command}", {"value": mailbox}), typed(command, mailbox)


def check_exactly(mailbox: str) -> Button:
    return Text("choice.button.check", {"value": mailbox}), {"do": "check", "channel": mailbox}


def choose_channel(
    ctx: ChatContext, command: str, mailboxes: Iterable[str], title: Text | None = None
) -> NoReturn:
    """Ask for which of the channels, or which other address, the command is meant; end it."""
    offers = of_channels(ctx, command, mailboxes)
    turn = Text("choice.turn" if offers else "choice.turn_type")
    title = title or Text(f"choice.title.{command}")
    ctx.say(offer(Text("choice.kicker"), title, offers, now(), turn=turn, field=command))
    raise AnsweredError


def first_channels(ctx: ChatContext, mailboxes: tuple[str, ...]) -> tuple[str, ...]:
    # If there are too many, the channels that were checked last come first.
    if len(mailboxes) <= OFFERS_MOST:
        return mailboxes
    checks = zip(mailboxes, ctx.services.store.last_checks(mailboxes), strict=True)
    at = {each: run.checked.timestamp() for each, run in checks if run and run.checked}
    return tuple(sorted(mailboxes, key=lambda each: (-at.get(each, 0.0), each)))[:OFFERS_MOST]


def nearest_channel(ctx: ChatContext, mailbox: str) -> str:
    # An address that is a channel here is not a mistyped one.
    known = permissions.visible_channels(ctx)
    if mailbox in known:
        return ""

    def likeness(one: str) -> float:
        pairs = zip(one.rsplit("@", 1), mailbox.rsplit("@", 1), strict=False)
        return min(SequenceMatcher(None, *pair, autojunk=False).ratio() for pair in pairs)

    best = max(known, key=likeness, default="")
    return best if best and likeness(best) >= NEAR else ""


def unknown_channel(ctx: ChatContext, command: str, kicker: Text, mailbox: str) -> NoReturn:
    # A channel of this space with nearly the same address is offered.
    tell_if_disconnected(ctx, kicker, mailbox)
    title = f"notice.unknown_channel_title{'_direct' if ctx.direct else ''}"
    near = nearest_channel(ctx, mailbox)
    words = Text("understood.meant", {"meant": near}) if near else unknown_words(ctx)
    use = ((verbatim(fit_title("button.use", near)), typed(command, near)),) if near else ()
    ctx.tell(kicker, title, words, {"mailbox": mailbox}, buttons=use)
    raise AnsweredError


def tell_if_disconnected(ctx: ChatContext, kicker: Text, mailbox: str) -> None:
    """End the command if the channel was disconnected here, and say when and by whom."""
    runs = ctx.services.store.runs_of_mailbox(mailbox)
    fact = assess([run for run in runs if permissions.was_asked_here(ctx, run)]).fact
    if fact is None or fact.kind is not FactKind.DISCONNECTED:
        return
    values = {"mailbox": mailbox, "at": minute_of(fact.at), "by": fact.by, "run": fact.run}
    setup = (("button.setup_new", {"do": "setup", "mailbox_meant": mailbox}),)
    title, words = "notice.disconnected_title", "notice.disconnected_words"
    ctx.tell(kicker, title, words, values, buttons=setup)
    raise AnsweredError


def unknown_words(ctx: ChatContext) -> Text:
    key = "notice.unknown_channel_words"
    return Text(f"{key}_direct" if ctx.direct else key)


_WORDS = re.compile(r"[^\W\d_]{2}[^@]*")
"""Words after an address that are not part of it, such as "please"."""


def read_known(  # noqa: PLR0913, PLR0917  what a command knows of its channels
    ctx: ChatContext,
    command: str,
    argument: str,
    kicker: Text,
    may: Callable[[ChatContext, str], object],
    known: Callable[[ChatContext], tuple[str, ...]] = permissions.visible_channels,
) -> str:
    """Return the typed address of a channel of which the person ``may`` know.

    If no address was typed, the ``known`` channels are offered instead. The answer about a channel
    that is not known here reveals nothing about it. Both end the command (AnsweredError).
    """
    if not argument and (channels := known(ctx)):
        choose_channel(ctx, command, channels)
    mailbox = read_mailbox(ctx, command, argument)
    if not may(ctx, mailbox):
        unknown_channel(ctx, command, kicker, mailbox)
    return mailbox


def read_mailbox(ctx: ChatContext, command: str, argument: str) -> str:
    """Return the typed address of a mailbox, without the words after it and known ones before it.

    If it is invalid, post a card for correcting it, and end the command (AnsweredError).
    """
    try:
        return read_address(argument)
    except InvalidInputError as wrong:
        first, _, words = argument.strip().partition(" ")
        before = address_or_empty(first.rstrip(",;:")) if _WORDS.fullmatch(words.strip()) else ""
        if found := before or lone_address(argument):
            return found
        ctx.say(typed_wrong(command, argument, wrong.reason, wrong.suggestion, now()))
        raise AnsweredError from None
