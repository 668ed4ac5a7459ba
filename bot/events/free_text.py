"""Answers to messages that are not a command: buttons for the probable meaning, or help."""

from __future__ import annotations

from adaptive_cards.actions import TITLE_MOST
from adaptive_cards.cards.notice import Offer, offer
from adaptive_cards.escape import plain, shorten
from bot.chat import offers
from bot.chat.context import ChatContext
from bot.chat.parsing import ParsedCommand, lone_address, meaning_of, nearest
from bot.chat.permissions import visible_channels
from bot.commands import Command, by_typed_name, check, help, typed_words  # noqa: A004  the module has the name of its command
from jobs.clock import now
from jobs.model import Text, verbatim

HELP = {"do": "help"}
_ONE_WORD = ("language", "timezone")
"""Commands whose argument is one word."""


def answer(ctx: ChatContext, typed: ParsedCommand) -> None:
    # A message without a probable meaning is answered with two buttons, as a greeting is.
    if typed.name:
        _mistyped(ctx, typed)
        return
    meaning = meaning_of(typed.text)
    if meaning.address:
        _address(ctx, meaning.address)
    elif meaning.trouble:
        title = Text("understood.trouble")
        offers.choose_channel(ctx, "check", visible_channels(ctx), title)
    elif meaning.greeting:
        _offer_to_begin(ctx, "hello")
    else:
        _without_slash(ctx, typed.text)


def _without_slash(ctx: ChatContext, text: str) -> None:
    # A text counts as a command if it is only a command's name, or if a fitting argument follows
    # the name. Any other text, such as "check this", is a sentence.
    name, _, argument = text.partition(" ")
    name = name.rstrip(".,:;!?").lower()
    command = by_typed_name().get(name)
    if command is help.COMMAND:
        help.run(ctx, argument)
    elif command is not None and _fits(command, argument):
        title = Text("understood.meant", {"meant": _as_typed(name, argument)})
        _offer_command(ctx, name, argument, title, Text("understood.slash"))
    else:
        _offer_to_begin(ctx, "unknown" if text else "hello")


def _offer_to_begin(ctx: ChatContext, title: str) -> None:
    card = offer(Text("help.kicker"), Text(f"understood.{title}"), _begin(), now())
    ctx.say(card)


def _fits(command: Command, argument: str) -> bool:
    if not argument or command.name == "explain":
        return True
    if command.name in _ONE_WORD:
        return " " not in argument
    checks_all = command is check.COMMAND and argument.lower() in typed_words("all")
    return checks_all or bool(lone_address(argument))


def _mistyped(ctx: ChatContext, typed: ParsedCommand) -> None:
    near = nearest(typed.name, by_typed_name())
    if not near:
        help.show(ctx, typed=typed.name)
        return
    title = Text("help.unknown", {"typed": f"/{typed.name}"})
    meant = Text("understood.meant", {"meant": _as_typed(near, typed.argument)})
    _offer_command(ctx, near, typed.argument, title, meant)


def _as_typed(name: str, argument: str) -> str:
    return f"/{name} {argument}".rstrip()


def _offer_command(ctx: ChatContext, name: str, argument: str, title: Text, words: Text) -> None:
    data = {"do": "run_command", "command": by_typed_name()[name].name, "argument": argument}
    button = verbatim(shorten(plain(_as_typed(name, argument)), TITLE_MOST))
    buttons = ((button, data), ("button.help", HELP))
    ctx.tell("help.kicker", title, words, buttons=buttons)


def _address(ctx: ChatContext, mailbox: str) -> None:
    near = offers.nearest_channel(ctx, mailbox)
    title = Text("understood.meant", {"meant": near}) if near else Text("understood.check_title")
    first = (offers.of_channel("check", near),) if near else ()
    offered = (*first, offers.check_exactly(mailbox), Offer(Text("button.help"), HELP))
    kicker, turn = Text("notice.check_kicker"), Text("understood.check_turn")
    ctx.say(offer(kicker, title, offered, now(), turn=turn))


def greet_space(ctx: ChatContext) -> None:
    bot = ctx.services.me.display_name
    lines = (
        Text("understood.first_setup", {"bot": bot}),
        Text("understood.first_check", {"bot": bot}),
    )
    begin = (*_begin(), Offer(Text("button.help"), HELP))
    title = Text("understood.space_title")
    ctx.say(offer(Text("help.kicker"), title, begin, now(), lines=lines))


def _begin() -> tuple[Offer, ...]:
    return (
        Offer(Text("button.setup"), {"do": "setup"}),
        Offer(Text("button.check"), {"do": "check"}),
    )
