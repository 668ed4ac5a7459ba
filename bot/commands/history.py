"""Command /history: 30 days or a month of a watched channel, with a link to the page with 90 days."""

from __future__ import annotations

from datetime import UTC, datetime

from adaptive_cards.cards.notice import NoticeView
from bot import links
from bot.cards.presenters import watch
from bot.chat.context import ChatContext
from bot.chat.offers import choose_channel, unknown_channel
from bot.chat.parsing import read_mailbox
from bot.chat.permissions import is_known_or_watched_here, visible_channels
from bot.commands import Command
from jobs.clock import now
from jobs.model import Text
from jobs.watch.history import DAY, KEPT, days, figures, last_days, midnight
from jobs.watch.history import month as month_of

KICKER = Text("history.plain_kicker")


def run(ctx: ChatContext, argument: str) -> None:
    # A word that begins with a digit and has no ``@`` is the month.
    words, at = argument.split(), now()
    month = " ".join(word for word in words if word[0].isdigit() and "@" not in word)
    address = " ".join(word for word in words if not word[0].isdigit() or "@" in word)
    asked = _month(ctx, month, at.astimezone(UTC)) if month else last_days(at, watch.DAYS)
    if asked is None:
        return
    if month and not address:
        channels = [f"{each} {month}" for each in visible_channels(ctx)]
        choose_channel(ctx, "history", channels)
        return
    mailbox = read_mailbox(ctx, "history", address, visible_channels)
    if not mailbox:
        return
    if is_known_or_watched_here(ctx, mailbox):
        _show(ctx, mailbox, at, *asked)
    else:
        unknown_channel(ctx, "history", KICKER, mailbox)


def _month(ctx: ChatContext, typed: str, at: datetime) -> tuple[datetime, datetime] | None:
    oldest = midnight((at - KEPT).date() + DAY)
    try:
        since, until = month_of(*map(int, typed.split("-")))
    except (TypeError, ValueError, OverflowError):
        why = "not_a_month"
    else:
        if since <= at and until > oldest:
            return since, until
        why = "future" if since > at else "too_old"
    title = Text(f"history.{why}", {"typed": typed})
    words = Text("history.how", {"example": f"{at:%Y-%m}"})
    ctx.notify(NoticeView(KICKER, title, words, glyph="✗", at=at))
    return None


def _show(ctx: ChatContext, mailbox: str, at: datetime, since: datetime, until: datetime) -> None:
    watching = ctx.services.watching
    watched = watching.channels.load(mailbox) is not None
    known = days(ctx.services.redis, mailbox, at, watch.PAGE_DAYS)
    incidents = watching.incidents.of_channel(mailbox)
    if not incidents and not any(each.total.looks for each in known):
        _none(ctx, mailbox, watched=watched)
        return
    found = figures(known, incidents, since, until, at)
    touching = [each for each in incidents if each.since < until and (each.ended or at) > since]
    page = links.one_time(ctx.services, "history", mailbox)
    ctx.say(watch.history(mailbox, found, touching, at, page, watched=watched))


def _none(ctx: ChatContext, mailbox: str, *, watched: bool) -> None:
    title = Text("history.empty", {"mailbox": mailbox})
    words = Text("history.empty_watched" if watched else "history.empty_words")
    button = () if watched else (("watch.add_button", {"do": "watch", "channel": mailbox}),)
    ctx.notify(NoticeView(KICKER, title, words, glyph="○", buttons=button, at=now()))


COMMAND = Command("history", "trouble", run, "ADDRESS 2026-11")
