"""Command /explain: what an error means, from its text, a file, or the message replied to."""

import re
from contextlib import suppress

from adaptive_cards.answers import offer
from bot.cards.presenters.lists import channel_row, line_of
from bot.chat import offers, permissions
from bot.chat.context import ChatContext, NotAcceptedError, first_file
from bot.chat.explanation import explanation, headline
from bot.chat.parsing import lone_address
from bot.commands import Command
from bot.webex.client import Message
from bot.webex.errors import WebexNotFoundError
from jobs.causes.files import LARGEST, FileText, NoTextError, text_of
from jobs.causes.reader import Place, read
from jobs.clock import now
from jobs.model import RunKind, Text
from jobs.runs.run import Run
from jobs.watch.store import assessments

_TYPED = re.compile(r"^.*?/explain\b[ \t:]*", re.DOTALL | re.IGNORECASE)
_CHECKS_MOST = 2


def run(ctx: ChatContext, argument: str) -> None:
    """Explain the text behind the command, else the attached file, else the message replied to.

    The message itself is read again, because the argument is shortened and in one line. After a
    press, it is the card with the button. Without any text a check of known channels is offered.
    """
    try:
        told = _text_to_explain(ctx, ctx.services.webex.message(ctx.message), argument)
    except (NotAcceptedError, NoTextError) as refused:
        ctx.refuse(Text(f"explain.refused.{refused}"), title="refused.nothing")
        return
    channels = permissions.visible_channels(ctx)
    if told.text.strip():
        named = tuple(each for each in channels if each in told.text.lower())[:_CHECKS_MOST]
        found = assessments(ctx.services.store, named)
        known = [channel_row(line_of(*each)) for each in found.items()]
        is_address = lone_address(told.text) in named  # which is no error
        runs = ctx.services.store.runs_in_space(ctx.room)
        place = Place.CHANNEL if named or _is_in_thread(ctx, runs) else Place.ANYWHERE
        reading = None if is_address else read(told.text, place, cut=told.cut)
        mailboxes = named if is_address else channels
        within = _is_within(ctx, runs, named or channels)
        ctx.say(explanation(reading, now(), checks=mailboxes, channels=known, within=within))
    elif channels:
        kicker, lines = Text("notice.explained_kicker"), (Text("understood.explain_check"),)
        title, words, _ = headline(None)
        checks = offers.of_channels(ctx, "check", channels)
        ctx.say(offer(kicker, title, checks, now(), turn=words, lines=lines))
    else:
        ctx.say(explanation(None, now()))


def _is_in_thread(ctx: ChatContext, runs: tuple[Run, ...]) -> bool:
    return any(run.origin.thread == ctx.thread for run in runs)


def _is_within(ctx: ChatContext, runs: tuple[Run, ...], meant: tuple[str, ...]) -> bool:
    # While a run changes the channel that is meant, "Run /fix" would lead nowhere.
    return any(
        not meant or run.channel.mailbox in meant or run.origin.thread == ctx.thread
        for run in runs
        if not run.ended and run.kind in {RunKind.SETUP, RunKind.FIX}
    )


def _text_to_explain(ctx: ChatContext, message: Message, argument: str) -> FileText:
    whole = not ctx.action_id and "/explain" in message.text.lower()
    typed = _TYPED.sub("", message.text, count=1) if whole else argument
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


COMMAND = Command("explain", "trouble", "TEXT", run=run)
