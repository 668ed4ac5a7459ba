"""Commands /help and /explain: how a command is typed, and what an error means.

A message that is no command is answered here, too: an error text with what it means, and any other
with buttons for what was probably meant. /help is built from the registry. /explain takes the text
behind the command, a file, or the message replied to.
"""

import re
from contextlib import suppress

from adaptive_cards.answers import command_help, help_card, offer, shown_name
from adaptive_cards.elements import TITLE_MOST, plain, shorten
from bot import commands
from bot.cards.presenters.lists import channel_row, line_of
from bot.chat import offers, permissions
from bot.chat.context import ChatContext, NotAcceptedError, RefusedError, first_file
from bot.chat.explanation import explanation, headline
from bot.chat.parsing import ParsedCommand, lone_address, meaning_of, nearest
from bot.commands import check
from bot.webex.client import Message
from bot.webex.errors import WebexNotFoundError
from jobs.causes.files import LARGEST, FileText, NoTextError, text_of
from jobs.causes.reader import Place, read
from jobs.clock import now
from jobs.model import RunKind, Text, verbatim
from jobs.runs.run import Run
from jobs.watch.store import assessments


def run(ctx: ChatContext, argument: str) -> None:
    # The name may be of any language, with or without its slash. For a mistyped name the nearest
    # command is explained.
    name = argument.partition(" ")[0].removeprefix("/").lower()
    every = commands.by_typed_name()
    if not (near := nearest(name, every)):
        show(ctx, typed=name)
        return
    command = every[near]
    shown = shown_name(command.name)
    if not command.may(ctx):
        title, words = "help.only_approvers", "refused.next_approver"
        ctx.tell("help.kicker", title, words, {"command": f"/{shown}"})
        return
    others = tuple(other for other, each in every.items() if each is command and other != shown)
    ctx.say(command_help(command, others, _mention(ctx)))


def show(ctx: ChatContext, *, typed: str = "") -> None:
    """Show the commands that this person may run; ``typed`` is a name that no command has."""
    every = commands.commands().values()
    entries = [each for each in every if each.may(ctx)]
    left_out, typed = len(entries) < len(every), typed and f"/{typed}"
    ctx.say(help_card(entries, mention=_mention(ctx), left_out=left_out, typed=typed))


def _mention(ctx: ChatContext) -> str:
    return "" if ctx.direct else ctx.services.me.display_name


FOR_HELP = ("button.help", {"do": "help"})
BEGIN = tuple((f"button.{each}", {"do": each}) for each in ("setup", "check"))


def answer_free_text(ctx: ChatContext, typed: ParsedCommand) -> None:
    # A message without a probable meaning is answered with two buttons, as a greeting is. An error
    # text with a code and a certain cause is explained at once, because that runs nothing.
    if typed.name:
        if near := nearest(typed.name, commands.by_typed_name()):
            unknown = Text("help.unknown", {"typed": f"/{typed.name}"})
            _offer_command(ctx, near, typed.argument, unknown)
        else:
            show(ctx, typed=typed.name)
        return
    meaning, reading = meaning_of(typed.text), read(typed.text)
    if reading.certain and reading.codes:
        explain(ctx, typed.text)
    elif meaning.address:
        _address(ctx, meaning.address)
    elif meaning.trouble:
        title = Text("understood.trouble")
        offers.choose_channel(ctx, "check", permissions.visible_channels(ctx), title)
    elif meaning.greeting or not _without_slash(ctx, typed.text):
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
    command = commands.by_typed_name().get(name)
    if command is COMMAND:
        run(ctx, argument)
    elif command is None or not _fits(command, argument):
        return False
    else:
        _offer_command(ctx, name, argument)
    return True


def _fits(command: commands.Command, argument: str) -> bool:
    if not argument or command is EXPLAIN:
        return True
    if command.name in {"language", "timezone"}:
        return " " not in argument
    checks_all = command is check.COMMAND and argument.lower() in commands.typed_words("all")
    return checks_all or bool(lone_address(argument))


def _offer_command(ctx: ChatContext, name: str, argument: str, unknown: Text | None = None) -> None:
    line = f"/{name} {argument}".rstrip()
    meant = Text("understood.meant", {"meant": line})
    words = (unknown, meant) if unknown else (meant, Text("understood.slash"))
    known = commands.by_typed_name()[name].name
    data = {"do": "run_command", "command": known, "argument": argument}
    button = verbatim(shorten(plain(line), TITLE_MOST))
    ctx.tell("help.kicker", *words, buttons=((button, data), FOR_HELP))


def _address(ctx: ChatContext, mailbox: str) -> None:
    near = offers.nearest_channel(ctx, mailbox)
    title = Text("understood.meant", {"meant": near}) if near else Text("understood.check_title")
    first = (offers.of_channel("check", near),) if near else ()
    offered = (*first, offers.check_exactly(mailbox), FOR_HELP)
    check.ask(ctx, title, offered, "understood.check_turn")


def greet_space(ctx: ChatContext) -> None:
    bot = {"bot": ctx.services.me.display_name}
    lines = tuple(Text(f"understood.first_{each}", bot) for each in ("setup", "check"))
    title = Text("understood.space_title")
    ctx.say(offer(Text("help.kicker"), title, (*BEGIN, FOR_HELP), now(), lines=lines))


_CHECKS_MOST = 2


def explain(ctx: ChatContext, argument: str) -> None:
    """Explain the text behind the command, else the attached file, else the message replied to.

    The message itself is read again, because the argument is shortened and in one line. After a
    press, it is the card with the button. Without any text a check of known channels is offered.
    """
    try:
        told = _text_to_explain(ctx, ctx.services.webex.message(ctx.message), argument)
    except (NotAcceptedError, NoTextError) as refused:
        raise RefusedError(Text(f"explain.refused.{refused}")) from None
    channels = permissions.visible_channels(ctx)
    if told.text.strip():
        said = told.text.lower()
        inside = "|".join(map(re.escape, filter(said.__contains__, channels)))
        found = {*re.findall(rf"(?<![\w.+-])(?:{inside})(?![.-]?\w)", said)}  # no part of another
        named = tuple(each for each in channels if each in found)[:_CHECKS_MOST]
        known = [channel_row(line_of(*e)) for e in assessments(ctx.services.store, named).items()]
        runs = ctx.services.store.runs_in_space(ctx.room)
        in_thread = any(run.origin.thread == ctx.thread for run in runs)
        place = Place.CHANNEL if named or in_thread else Place.ANYWHERE
        # an address alone is no error
        reading = None if lone_address(told.text) in named else read(told.text, place, cut=told.cut)
        meant = named or channels
        within = _is_within(ctx, runs, meant)
        ctx.say(explanation(reading, now(), checks=meant, channels=known, within=within))
    elif channels:
        kicker, lines = Text("notice.explained_kicker"), (Text("understood.explain_check"),)
        title, words, _ = headline(None)
        checks = offers.of_channels(ctx, "check", channels)
        ctx.say(offer(kicker, title, checks, now(), turn=words, lines=lines))
    else:
        ctx.say(explanation(None, now()))


def _is_within(ctx: ChatContext, runs: tuple[Run, ...], meant: tuple[str, ...]) -> bool:
    # While a run changes the channel that is meant, "Run /fix" would lead nowhere.
    return any(
        not meant or run.channel.mailbox in meant or run.origin.thread == ctx.thread
        for run in runs
        if not run.ended and run.kind in {RunKind.SETUP, RunKind.FIX}
    )


def _text_to_explain(ctx: ChatContext, message: Message, argument: str) -> FileText:
    names = "|".join(name for name, each in commands.by_typed_name().items() if each is EXPLAIN)
    command = re.compile(rf"/(?:{names})\b[ \t:]*", re.IGNORECASE)
    *before, whole = command.split(message.text, maxsplit=1)
    typed = argument if ctx.action_id or not before else whole
    if typed.strip() or message.files:
        return _with_file(ctx, typed, message)
    # In a space Webex shows a bot only the messages that mention it (platforms/webex.md 1).
    with suppress(WebexNotFoundError):
        if message.parent_id:
            parent = ctx.services.webex.message(message.parent_id, fresh=False)
            return _with_file(ctx, parent.text, parent)
    return FileText("")


def _with_file(ctx: ChatContext, typed: str, message: Message) -> FileText:
    if not message.files:
        return FileText(typed)
    file = text_of(first_file(ctx, message, LARGEST).content)
    return FileText("\n".join(filter(None, (typed, file.text))), file.cut)


COMMAND = commands.Command("help", "more", "[COMMAND]", run=run)
EXPLAIN = commands.Command("explain", "trouble", "TEXT", run=explain)
OTHER_COMMANDS = (EXPLAIN,)
