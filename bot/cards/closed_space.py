"""Message to the requester of a run, or of a watch, whose space accepts no cards any more.

The space may be archived or read-only, only moderators may write there, or the bot was removed.
Webex documents no field or code from which the bot could learn that a space is archived. So every
refusal that lasts counts.
"""

from __future__ import annotations

from adaptive_cards import notice
from adaptive_cards.cards.notice import NoticeView
from adaptive_cards.locale import drawn_for
from bot.cards import put_off
from bot.cards.notices import end_title
from bot.cards.presenters import card_state as shared
from bot.chat import preferences
from bot.services import Services
from bot.webex.errors import CONFLICT, FORBIDDEN, GONE, NOT_FOUND
from jobs.clock import now, paced
from jobs.model import Text
from jobs.next_action import next_action
from jobs.runs.run import Run

LASTS_S = paced(60.0)
"""Seconds for which Webex must have refused a card before the requester is told."""
SLOT = "closed"
"""Slot of the message to the requester among the run's cards."""
CLOSED = frozenset({FORBIDDEN, NOT_FOUND, CONFLICT, GONE})


def cards(run: Run, services: Services) -> list[shared.DesiredCard]:
    """Return the message to the requester, as soon as the space has refused the cards for long.

    It is edited for the last time when the space accepts them again or the run has ended.
    """
    refusal = put_off.refused_in_space(services, run)
    told, to = shared.was_posted(services, run.id, SLOT), run.requester.email
    if not told and (refusal is None or run.origin.direct or not _lasts(refusal)):
        return []
    is_watch = not services.store.length(run.id)
    with drawn_for(preferences.locale_of_card(services, run, to)):
        if refusal and not (told and run.ended):
            view = card_of_watch(run) if is_watch else card_of(run)
            urgency = next_action(run).kind
            return [shared.desired_card(SLOT, view, notice(view), to=to, urgency=urgency)]
        values = {"mailbox": run.channel.mailbox or run.id, "run": run.id}
        title, words = Text("living.reopened_title", values), Text("living.over_words")
        if run.ended:
            title = end_title(run, values)
        elif not is_watch:
            words = Text("living.reopened_words", values)
        return [shared.last_look(SLOT, Text("notice.closed_kicker"), title, words, to=to)]


def _lasts(refusal: put_off.Refusal) -> bool:
    return refusal.status in CLOSED and now().timestamp() - refusal.since >= LASTS_S


def card_of_watch(run: Run) -> NoticeView:
    values = {"mailbox": run.channel.mailbox}
    return NoticeView(
        Text("watch.kicker"),
        Text("watch.closed_title", values),
        Text("watch.closed_words", values),
        "attention",
        "✗",
        at=now(),
    )


def card_of(run: Run) -> NoticeView:
    name = run.channel.mailbox or run.id
    return NoticeView(
        Text("notice.closed_kicker"),
        Text("notice.closed_title", {"mailbox": name}),
        Text("notice.closed_words"),
        "attention",
        "✗",
        facts=(("notice.closed_now", next_action(run).words),),
        buttons=() if run.ended else (("button.cancel_run", {"do": "cancel", "run": run.id}),),
        at=now(),
    )
