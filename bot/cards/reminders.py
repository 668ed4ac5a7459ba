"""Reminders in a channel's space that the client secret of Webex Connect expires.

They are posted 60, 30, 14, 7 and 1 days before, once each. No cloud is asked: the expiry date is
the one that the newest finished run recorded. Redis records what was posted, so a restart posts
nothing twice. A channel that was undone is no longer a channel and gets no reminders.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial

import structlog

from adaptive_cards import glyphs
from adaptive_cards.cards.notice import NoticeView
from bot.cards.notices import post_in_space
from bot.chat.preferences import THREAD, locale_of_card
from bot.services import Services
from bot.webex.errors import WebexError, passes
from jobs.clock import now
from jobs.model import RunKind, Text, day_of
from jobs.runs.run import Kind, Run
from jobs.runs.run_store import RunStore
from jobs.steps.client_secret import ENOUGH
from jobs.storage import keys
from jobs.storage.keys import Key

EVERY_S = 3600
"""Seconds between two rounds of checks. Each channel is checked once a day."""
BEFORE_DAYS = (1, 7, 14, 30, 60)
KEPT = timedelta(days=2)
"""Time for which posted reminders are remembered after the secret's expiry, or after the day."""
log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Ending:
    """Secret of a channel: when it was made and when it expires."""

    made: datetime
    end: datetime

    def due(self, at: datetime) -> int:
        """Return the smallest number of days in :data:`BEFORE_DAYS` that is due, or 0.

        The result is 0 before the first reminder, after the expiry, and for a new secret.
        """
        life, left = self.end - self.made, self.end - at
        if left <= timedelta(0):
            return 0
        return next((days for days in BEFORE_DAYS if left <= timedelta(days=days) < life), 0)

    @property
    def renewable(self) -> datetime:
        """Return the time from which a fix makes a new secret (:mod:`jobs.steps.client_secret`)."""
        return self.end - min(ENOUGH, (self.end - self.made) / 3)


def remind(services: Services, clock: Callable[[], datetime] = now) -> None:
    """Check every proven channel not yet checked today, and post the reminders that are due.

    If Webex is unavailable, the reminder is retried at the next check.
    """
    at = clock()
    for record in services.channels.connected():
        if _first(services, keys.reminder_look(record.channel.mailbox, f"{at:%Y-%m-%d}"), KEPT):
            ending = ending_of(services.store, record.channel.mailbox)
            if ending is not None and (days := ending.due(at)):
                _tell(services, services.store.load(record.run), ending, days, at)


def ending_of(store: RunStore, mailbox: str) -> Ending | None:
    """Return when the secret was made and expires, according to the newest finished run.

    A run that was not proven is ignored, because it has not replaced a secret yet. The result is
    None if no run knows a secret.
    """
    over = [run for run in store.runs_of_mailbox(mailbox) if _knows_end(run)]
    if not over:
        return None
    end = over[-1].fact("expires")
    made = next(run for run in over if run.fact("expires") == end)
    return Ending(made.opened, datetime.fromisoformat(end))


def _knows_end(run: Run) -> bool:
    return run.ended is Kind.FINISHED and run.kind is not RunKind.UNDO and run.fact("expires") != ""


def _tell(services: Services, run: Run, ending: Ending, days: int, at: datetime) -> None:
    """Post the reminder in the space in which the channel was set up.

    Nothing is posted while an outsider is in that space (:mod:`bot.chat.audience`).
    """
    told = keys.reminder_given(run.channel.mailbox, f"{ending.end:%Y-%m-%d}", days)
    if not _first(services, told, ending.end - at + KEPT):
        return
    try:
        locale = locale_of_card(services, run, THREAD)
        if post_in_space(services, run, locale, partial(card_of, run.channel.mailbox, ending, at)):
            return
    except WebexError as error:
        log.warning(
            "reminder not posted", run=run.id, tracking_id=error.tracking_id, error=str(error)
        )
        if passes(error):
            services.redis.delete(keys.reminder_look(run.channel.mailbox, f"{at:%Y-%m-%d}"))
    services.redis.delete(told)


def card_of(mailbox: str, ending: Ending, at: datetime) -> NoticeView:
    """Return the card that says what expires when, and what to do next.

    Until a fix can renew the secret, the card names the date from which a fix can. After that the
    card offers the fix.
    """
    left = max((ending.end.date() - at.date()).days, 0)
    titles = {
        0: Text("reminder.today", {"mailbox": mailbox}),
        1: Text("reminder.tomorrow", {"mailbox": mailbox}),
    }
    title = titles.get(left) or Text("reminder.days", {"mailbox": mailbox, "days": str(left)})
    values = {
        "mailbox": mailbox,
        "end": day_of(ending.end),
        "from": day_of(ending.renewable),
    }
    soon = at >= ending.renewable
    words = Text("reminder.renew", values) if soon else Text("reminder.early", values)
    buttons = (("fix.client_secret", {"do": "fix", "channel": mailbox}),) if soon else ()
    return NoticeView(
        Text("reminder.kicker"),
        title,
        words,
        "accent",
        glyphs.WARNING.glyph,
        buttons=buttons,
        at=at,
    )


def _first(services: Services, key: Key, keep: timedelta) -> bool:
    return bool(services.redis.set(key, "1", nx=True, ex=keep))
