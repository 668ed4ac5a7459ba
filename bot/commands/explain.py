"""Command /explain: what an error means, from its text, a file, or the message replied to."""

from __future__ import annotations

import re

from adaptive_cards import explanation, offer
from adaptive_cards.cards.notice import ExplanationView, OfferView
from bot.chat import offers
from bot.chat.attached_files import NotAcceptedError, first_file
from bot.chat.context import ChatContext
from bot.chat.explanation import as_view
from bot.chat.permissions import visible_channels
from bot.commands import Command
from bot.webex.client import Message, WebexNotFoundError
from jobs.causes.files import LARGEST, FileText, NoTextError, text_of
from jobs.causes.reader import read
from jobs.causes.speaker import Place
from jobs.clock import now
from jobs.model import Text, Turn

_TYPED = re.compile(r"^.*?/explain\b[ \t:]*", re.DOTALL | re.IGNORECASE)
_CHECKS_MOST = 2


def run(ctx: ChatContext, argument: str) -> None:
    """Explain the text behind the command, else the attached file, else the message replied to.

    The message itself is read again, because the argument is shortened and in one line. A button
    sends only the argument, and the message is then the card with the button. Without any text the
    channels known here are offered for a check.
    """
    message = ctx.services.webex.message(ctx.message)
    try:
        told = _text_to_explain(ctx, message, argument)
    except (NotAcceptedError, NoTextError) as refused:
        ctx.refuse(Text(f"explain.refused.{refused.args[0]}"), title="refused.nothing")
        return
    channels = visible_channels(ctx)
    if told.text.strip() or not channels:
        ctx.say(explanation(_view(ctx, told)))
    else:
        _offer_checks(ctx, channels)


def _offer_checks(ctx: ChatContext, channels: tuple[str, ...]) -> None:
    kicker, title = Text("notice.explained_kicker"), Text("explain.empty_title")
    checks = offers.of_channels(ctx, "check", channels)
    lines = (Text("understood.explain_check"),)
    turn = Text("explain.empty_turn")
    ctx.say(offer(OfferView(kicker, title, checks, now(), turn=turn, lines=lines)))


def _view(ctx: ChatContext, told: FileText) -> ExplanationView:
    if not told.text.strip():
        title, words = Text("explain.empty_title"), Text("explain.empty_turn")
        return ExplanationView(title, words, Turn.REQUESTER, now())
    channels = visible_channels(ctx)
    reading = read(told.text, _place(ctx, told.text, channels), cut=told.cut)
    return as_view(reading, now(), checks=channels[:_CHECKS_MOST])


def _place(ctx: ChatContext, told: str, channels: tuple[str, ...]) -> Place:
    # A text is about a channel if it has the channel's address, or was typed in the thread of a channel's run.
    words = told.lower()
    named = any(mailbox in words for mailbox in channels)
    runs = ctx.services.store.runs_in_space(ctx.room)
    known = named or any(run.origin.thread == ctx.thread for run in runs)
    return Place.CHANNEL if known else Place.ANYWHERE


def _text_to_explain(ctx: ChatContext, message: Message, argument: str) -> FileText:
    whole = not ctx.action_id and "/explain" in message.text.lower()
    typed = _TYPED.sub("", message.text, count=1) if whole else argument
    if typed.strip() or message.files:
        return _with_file(ctx, typed, message)
    return _of_parent(ctx, message)


def _with_file(ctx: ChatContext, typed: str, message: Message) -> FileText:
    if not message.files:
        return FileText(typed)
    file = text_of(first_file(ctx, message, LARGEST).content)
    return FileText("\n".join(filter(None, (typed, file.text))), file.cut)


def _of_parent(ctx: ChatContext, message: Message) -> FileText:
    # In a space Webex shows a bot only the messages that mention it (platforms/webex.md 1).
    if not message.parent_id:
        return FileText("")
    try:
        parent = ctx.services.webex.message(message.parent_id, fresh=False)
    except WebexNotFoundError:
        return FileText("")
    return _with_file(ctx, parent.text, parent)


COMMAND = Command("explain", "trouble", run, "TEXT")
