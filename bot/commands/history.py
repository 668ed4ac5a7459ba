"""Command /history: the last 30 days of a watched channel, with a link to the page with 90."""

from __future__ import annotations

from adaptive_cards import history
from adaptive_cards.cards.notice import NoticeView
from bot import links
from bot.cards.presenters import history as presenter
from bot.chat.addresses import read_mailbox
from bot.chat.context import ChatContext
from bot.chat.offers import unknown_channel
from bot.chat.permissions import is_known_or_watched_here, visible_channels
from bot.commands import Command
from jobs.clock import now
from jobs.model import Text
from jobs.watch.figures import figures, last_days
from jobs.watch.history import days

KICKER = Text("history.plain_kicker")


def run(ctx: ChatContext, argument: str) -> None:
    """Show the channel's history, but only to people who may see the channel here."""
    mailbox = read_mailbox(ctx, "history", argument, visible_channels)
    if not mailbox:
        return
    if is_known_or_watched_here(ctx, mailbox):
        _show(ctx, mailbox)
    else:
        unknown_channel(ctx, "history", KICKER, mailbox)


def _show(ctx: ChatContext, mailbox: str) -> None:
    watching, at = ctx.services.watching, now()
    watched = watching.channels.load(mailbox) is not None
    known = days(ctx.services.redis, mailbox, at, presenter.PAGE_DAYS)
    incidents = watching.incidents.of_channel(mailbox)
    if not incidents and not any(each.total.looks for each in known):
        _none(ctx, mailbox, watched=watched)
        return
    since, until = last_days(at, presenter.DAYS)
    found = figures(known, incidents, since, until, at)
    touching = [each for each in incidents if (each.ended or at) > since]
    page = links.one_time(ctx.services, "history", mailbox)
    ctx.say(history(presenter.history_view(mailbox, found, touching, at, page, watched=watched)))


def _none(ctx: ChatContext, mailbox: str, *, watched: bool) -> None:
    """Say that the channel has no history yet, and how one begins."""
    title = Text("history.empty", {"mailbox": mailbox})
    words = Text("history.empty_watched" if watched else "history.empty_words")
    button = () if watched else (("watch.add_button", {"do": "watch", "channel": mailbox}),)
    ctx.notify(NoticeView(KICKER, title, words, glyph="○", buttons=button, at=now()))


COMMAND = Command("history", "trouble", run, "ADDRESS")
