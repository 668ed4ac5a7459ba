"""Presenter of the cards that lead nowhere, because somebody has deleted the app of the run.

The progress card says what was deleted and what happens next. These cards no longer ask for
anything. If the app is restored or made again, they do.
"""

from __future__ import annotations

from adaptive_cards import notice
from adaptive_cards.cards.notice import NoticeView
from adaptive_cards.glyphs import SKIPPED
from bot.cards.presenters._common import direct_slots, posted
from bot.cards.presenters.card_state import DesiredCard, desired_card
from bot.services import Services
from jobs.engine.made_objects import is_deleted
from jobs.model import Text
from jobs.runs.run import Run


def cards(run: Run, services: Services) -> list[DesiredCard]:
    """Return the cards for the consent and the form, as far as they were posted."""
    if run.ended or not is_deleted(run):
        return []
    asked = (run.answer("administrator"), run.answer("consent_administrator"))
    slots = [
        ("consent", "thread"),
        *direct_slots("consent", *asked),
        ("connect", run.requester.email),
    ]
    return [_withdrawn(slot, to) for slot, to in posted(services, run, slots)]


def _withdrawn(slot: str, to: str) -> DesiredCard:
    view = NoticeView(
        kicker=Text("notice.deleted_kicker"),
        title=Text("notice.deleted_title"),
        words=Text("notice.deleted_words"),
        glyph=SKIPPED.glyph,
    )
    return desired_card(slot, view, notice(view), to=to, urgency="deleted", prompt="")
