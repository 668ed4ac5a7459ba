"""Command /history: 30 days or a month of a watched channel, with a link to the page with 90 days."""

from __future__ import annotations

from datetime import UTC, datetime

from adaptive_cards.components import NOT_BEGUN, REFUSED
from bot import links
from bot.cards.presenters import watch
from bot.chat.context import ChatContext
from bot.chat.offers import choose_channel, unknown_channel
from bot.chat.parsing import read_mailbox
from bot.chat.permissions import is_known_or_watched_here, visible_channels
from bot.commands import Command
from jobs.clock import now
from jobs.model import Text
from jobs.watch import history as jobs_history
from jobs.watch.history import month as month_of

KICKER = Text("history.plain_kicker")


def run(ctx: ChatContext, argument: str) -> None:
    (month, address), at = _split(argument), now()
    asked = (
        _month(ctx, month, at.astimezone(UTC)) if month else jobs_history.last_days(at, watch.DAYS)
    )
    if asked and month and not address:
        choose_channel(ctx, "history", [f"{each} {month}" for each in visible_channels(ctx)])
    elif asked and (mailbox := read_mailbox(ctx, "history", address, visible_channels)):
        if is_known_or_watched_here(ctx, mailbox):
            _show(ctx, mailbox, at, *asked)
        else:
            unknown_channel(ctx, "history", KICKER, mailbox)


def _split(argument: str) -> tuple[str, str]:
    """Return the month, which begins with a digit and has no ``@``, and the other words."""
    words = argument.split()
    dated = [word for word in words if word[0].isdigit() and "@" not in word]
    return " ".join(dated), " ".join(word for word in words if word not in dated)


def _month(ctx: ChatContext, typed: str, at: datetime) -> tuple[datetime, datetime] | None:
    oldest = jobs_history.midnight((at - jobs_history.KEPT).date() + jobs_history.DAY)
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
    ctx.tell(KICKER, title, words, REFUSED)
    return None


def _show(ctx: ChatContext, mailbox: str, at: datetime, since: datetime, until: datetime) -> None:
    watching = ctx.services.watching
    watched = watching.channels.load(mailbox) is not None
    known = jobs_history.days(ctx.services.redis, mailbox, at, watch.PAGE_DAYS)
    incidents = watching.incidents.of_channel(mailbox)
    if not incidents and not any(each.total.looks for each in known):
        _none(ctx, mailbox, watched=watched)
        return
    found = jobs_history.figures(known, incidents, since, until, at)
    touching = [each for each in incidents if each.since < until and (each.ended or at) > since]
    page = links.one_time(ctx.services, "history", mailbox)
    ctx.say(watch.history(mailbox, found, touching, at, page, watched=watched))


def _none(ctx: ChatContext, mailbox: str, *, watched: bool) -> None:
    title = Text("history.empty", {"mailbox": mailbox})
    words = Text("history.empty_watched" if watched else "history.empty_words")
    button = () if watched else (("watch.add_button", {"do": "watch", "channel": mailbox}),)
    ctx.tell(KICKER, title, words, NOT_BEGUN, buttons=button)


COMMAND = Command("history", "trouble", run, "ADDRESS 2026-11")
