"""Tells a channel's space that Webex Connect's client secret ends: 60, 30, 14, 7 and 1 days before, once each.

Nothing is asked of a cloud: the end is the one that the newest finished run wrote down. What was told is kept in Redis, so a restart
tells nothing twice. A channel that was undone is no channel any more, and is told of nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

import structlog

from adaptive_cards import glyphs, notice
from adaptive_cards.cards.notice import NoticeView
from bot.chat import audience
from bot.services import Services
from bot.webex.errors import WebexError, passes
from jobs.clock import now
from jobs.model import RunKind, Text
from jobs.runs.run import Kind, Run
from jobs.runs.run_store import RunStore
from jobs.steps.client_secret import ENOUGH
from jobs.storage import keys
from jobs.storage.keys import Key

EVERY_S = 3600
"""How often it is looked, in seconds; each channel has its turn once a day."""
BEFORE_DAYS = (1, 7, 14, 30, 60)
KEPT = timedelta(days=2)
"""How long beyond the secret's end, or beyond the day, it is known what was told."""
log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Ending:
    """The secret of a channel: when it was made and when it ends."""

    made: datetime
    end: datetime

    def due(self, at: datetime) -> int:
        """The least of the days in :data:`BEFORE_DAYS` that have come; 0 before the first, after the end, and for one that is new."""
        life, left = self.end - self.made, self.end - at
        if left <= timedelta(0):
            return 0
        return next((days for days in BEFORE_DAYS if left <= timedelta(days=days) < life), 0)

    @property
    def renewable(self) -> datetime:
        """From when on a fix makes another one (:mod:`jobs.steps.client_secret`)."""
        return self.end - min(ENOUGH, (self.end - self.made) / 3)


def remind(services: Services, clock: Callable[[], datetime] = now) -> None:
    """Look at every proven channel that was not looked at today, and tell what is due. Where Webex is away, again at the next look."""
    at = clock()
    for record in services.channels.connected():
        mailbox = record.channel.mailbox
        if not _first(services, keys.reminder_look(mailbox, f"{at:%Y-%m-%d}"), KEPT):
            continue
        ending = ending_of(services.store, mailbox)
        if ending is not None and (days := ending.due(at)):
            _tell(services, services.store.load(record.run), ending, days, at)


def ending_of(store: RunStore, mailbox: str) -> Ending | None:
    """What the newest run that came to its end knows of the secret; one that was not proven has replaced nothing yet."""
    over = [
        run for run in store.runs_of_mailbox(mailbox) if run.ended is Kind.FINISHED and run.kind is not RunKind.UNDO and run.fact("expires")
    ]
    if not over:
        return None
    end = over[-1].fact("expires")
    made = next(run for run in over if run.fact("expires") == end)
    return Ending(made.opened, datetime.fromisoformat(end))


def _tell(services: Services, run: Run, ending: Ending, days: int, at: datetime) -> None:
    """In the space where the channel was set up; with an outsider in it, nothing is told there (:mod:`bot.chat.audience`)."""
    told = keys.reminder_given(run.channel.mailbox, f"{ending.end:%Y-%m-%d}", days)
    if not _first(services, told, ending.end - at + KEPT):
        return
    try:
        if audience.may_read(services, run):
            card = notice(card_of(run.channel.mailbox, ending, at))
            services.messenger.send(room_id=run.origin.room, text=card.text, card=card.content)
            return
    except WebexError as error:
        log.warning("reminder not posted", run=run.id, tracking_id=error.tracking_id, error=str(error))
        if passes(error):
            services.redis.delete(keys.reminder_look(run.channel.mailbox, f"{at:%Y-%m-%d}"))
    services.redis.delete(told)


def card_of(mailbox: str, ending: Ending, at: datetime) -> NoticeView:
    """What ends when, and the next click; before a fix would renew it, from when on it will."""
    left = max((ending.end.date() - at.date()).days, 0)
    titles = {0: Text("reminder.today", {"mailbox": mailbox}), 1: Text("reminder.tomorrow", {"mailbox": mailbox})}
    title = titles.get(left) or Text("reminder.days", {"mailbox": mailbox, "days": str(left)})
    values = {"mailbox": mailbox, "end": f"{ending.end:%d %b %Y}", "from": f"{ending.renewable:%d %b %Y}"}
    soon = at >= ending.renewable
    words = Text("reminder.renew", values) if soon else Text("reminder.early", values)
    buttons = (("fix.client_secret", {"do": "fix", "channel": mailbox}),) if soon else ()
    return NoticeView(Text("reminder.kicker"), title, words, "accent", glyphs.WARNING.glyph, buttons=buttons, at=at)


def _first(services: Services, key: Key, keep: timedelta) -> bool:
    return bool(services.redis.set(key, "1", nx=True, ex=keep))
