"""Reminders to the approvers that the credential of the bot's own Entra app ends.

They are posted 1:1, on the same days before the end as the reminders of a channel's client secret
(:mod:`bot.cards.reminders`). Without the setting APPROVERS the bot does not know who operates it,
so the reminder is only in the log.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

import structlog

from adaptive_cards import glyphs, notice
from adaptive_cards.cards.notice import NoticeView
from adaptive_cards.locale import drawn_for
from bot.cards.reminders import KEPT, Ending
from bot.chat.preferences import locale_of_person
from bot.services import Services
from bot.webex.errors import WebexError, passes
from jobs.access.app_access import all_grants
from jobs.access.own_credential import own_credential
from jobs.clock import now
from jobs.model import Text, day_of
from jobs.storage import keys
from jobs.storage.keys import Key

WHOSE = "the bot's own app"
"""Name of the bot's own app in the keys of reminders, which otherwise name a mailbox."""
LIFE = timedelta(days=3650)
"""Assumed lifetime of the bot's own credential, because its beginning is not known."""
log = structlog.get_logger(__name__)


def remind_of_own(services: Services, clock: Callable[[], datetime] = now) -> None:
    """Look once a day whether the bot's credential ends soon, and tell each approver once."""
    at = clock()
    look = keys.reminder_look(WHOSE, f"{at:%Y-%m-%d}")
    if services.redis.set(look, "1", nx=True, ex=KEPT):
        _look_at(services, look, at)


def _look_at(services: Services, look: Key, at: datetime) -> None:
    """Tell each approver if a reminder is due; delete ``look`` if one must be tried again."""
    ends = own_credential(services.settings, all_grants(services.redis), at).ends
    if ends is None or not (days := Ending(ends - LIFE, ends).due(at)):
        return
    log.warning("the credential of the bot's own app ends", days=days, end=f"{ends:%Y-%m-%d}")
    for approver in services.bot.approvers:
        if not _tell(services, approver, ends, days, at):
            services.redis.delete(look)


def _tell(services: Services, approver: str, ends: datetime, days: int, at: datetime) -> bool:
    """Post the reminder to one approver, once; return False if it is to be tried again."""
    told = keys.reminder_given(f"{WHOSE} {approver}", f"{ends:%Y-%m-%d}", days)
    if not services.redis.set(told, "1", nx=True, ex=ends - at + KEPT):
        return True
    with drawn_for(locale_of_person(services, approver)):
        card = notice(card_of_own(ends, at))
    try:
        services.messenger.send(to_email=approver, text=card.text, card=card.content)
    except WebexError as error:
        log.warning("reminder not posted", tracking_id=error.tracking_id, error=str(error))
        if not passes(error):
            return True
        services.redis.delete(told)
        return False
    return True


def card_of_own(ends: datetime, at: datetime) -> NoticeView:
    left = max((ends.date() - at.date()).days, 0)
    titles = {0: Text("reminder.own_today"), 1: Text("reminder.own_tomorrow")}
    title = titles.get(left) or Text("reminder.own_days", {"days": str(left)})
    words = Text("reminder.own_words", {"end": day_of(ends)})
    warning = glyphs.WARNING.glyph
    return NoticeView(Text("reminder.own_kicker"), title, words, "accent", warning, at=at)
