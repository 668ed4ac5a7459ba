"""Answers to messages that are not a command: buttons for the probable meaning, or help."""

from __future__ import annotations

from adaptive_cards.actions import TITLE_MOST
from adaptive_cards.cards.notice import offer
from adaptive_cards.escape import plain, shorten
from bot.chat import offers
from bot.chat.context import ChatContext
from bot.chat.parsing import ParsedCommand, lone_address, meaning_of, nearest
from bot.chat.permissions import visible_channels
from bot.commands import Command, by_typed_name, check, help, typed_words  # noqa: A004  its command's name
from jobs.clock import now
from jobs.model import Text, verbatim

HELP = {"do": "help"}
FOR_HELP = ("button.help", HELP)
BEGIN = tuple((f"button.{each}", {"do": each}) for each in ("setup", "check"))


def answer(ctx: ChatContext, typed: ParsedCommand) -> None:
    # A message without a probable meaning is answered with two buttons, as a greeting is.
    if typed.name:
        if near := nearest(typed.name, by_typed_name()):
            unknown = Text("help.unknown", {"typed": f"/{typed.name}"})
            _offer_command(ctx, near, typed.argument, unknown)
        else:
            help.show(ctx, typed=typed.name)
        return
    meaning = meaning_of(typed.text)
    if meaning.address:
        _address(ctx, meaning.address)
    elif meaning.trouble:
        title = Text("understood.trouble")
        offers.choose_channel(ctx, "check", visible_channels(ctx), title)
    elif not meaning.greeting and _without_slash(ctx, typed.text):
        return
    else:
        known = meaning.greeting or not typed.text
        title = Text("understood.hello" if known else "understood.unknown")
        ctx.say(offer(Text("help.kicker"), title, BEGIN, now()))


def _without_slash(ctx: ChatContext, text: str) -> bool:
    """Answer a text that counts as a command, or return False.

    Such a text is only a command's name, or a fitting argument follows the name. Any other text,
    such as "check this", is a sentence.
    """
    name, _, argument = text.partition(" ")
    name = name.rstrip(".,:;!?").lower()
    command = by_typed_name().get(name)
    if command is help.COMMAND:
        help.run(ctx, argument)
    elif command is None or not _fits(command, argument):
        return False
    else:
        _offer_command(ctx, name, argument)
    return True


def _fits(command: Command, argument: str) -> bool:
    if not argument or command.name == "explain":
        return True
    if command.name in {"language", "timezone"}:
        return " " not in argument
    checks_all = command is check.COMMAND and argument.lower() in typed_words("all")
    return checks_all or bool(lone_address(argument))


def _offer_command(ctx: ChatContext, name: str, argument: str, unknown: Text | None = None) -> None:
    line = f"/{name} {argument}".rstrip()
    meant = Text("understood.meant", {"meant": line})
    words = (unknown, meant) if unknown else (meant, Text("understood.slash"))
    data = {"do": "run_command", "command": by_typed_name()[name].name, "argument": argument}
    button = verbatim(shorten(plain(line), TITLE_MOST))
    buttons = ((button, data), ("button.help", HELP))
    ctx.tell("help.kicker", *words, buttons=buttons)


def _address(ctx: ChatContext, mailbox: str) -> None:
    near = offers.nearest_channel(ctx, mailbox)
    title = Text("understood.meant", {"meant": near}) if near else Text("understood.check_title")
    first = (offers.of_channel("check", near),) if near else ()
    offered = (*first, offers.check_exactly(mailbox), FOR_HELP)
    kicker, turn = Text("notice.check_kicker"), Text("understood.check_turn")
    ctx.say(offer(kicker, title, offered, now(), turn=turn))


def greet_space(ctx: ChatContext) -> None:
    bot = {"bot": ctx.services.me.display_name}
    lines = tuple(Text(f"understood.first_{each}", bot) for each in ("setup", "check"))
    title = Text("understood.space_title")
    ctx.say(offer(Text("help.kicker"), title, (*BEGIN, FOR_HELP), now(), lines=lines))
