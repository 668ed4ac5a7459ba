"""Message to the requester of a run, or of a watch, whose space accepts no cards any more.

The space may be archived or read-only, only moderators may write there, or the bot was removed.
Webex documents no field or code from which the bot could learn that a space is archived. So every
refusal that lasts counts.
"""

from __future__ import annotations

from dataclasses import replace

import structlog

from adaptive_cards import notice
from adaptive_cards.cards.notice import NoticeView
from adaptive_cards.locale import drawn_for
from bot.cards.notices import end_title
from bot.cards.presenters import card_state as shared
from bot.chat import preferences
from bot.services import Services
from bot.webex.errors import CONFLICT, FORBIDDEN, GONE, NOT_FOUND, WebexError
from jobs.clock import now, paced
from jobs.model import Text
from jobs.next_action import next_action
from jobs.runs.run import Run
from jobs.storage import keys

LASTS_S = paced(60.0)
"""Seconds for which Webex must have refused a card before the requester is told."""
SLOT = "closed"
"""Slot of the message to the requester among the run's cards."""
KEPT_S = 30 * 24 * 3600
CLOSED = frozenset({FORBIDDEN, NOT_FOUND, CONFLICT, GONE})
log = structlog.get_logger(__name__)


def tell_requester(services: Services, run: Run, status: int, lasted_s: float) -> None:
    """Tell the requester 1:1, once for each run, that the run's space refuses its cards.

    If Webex does not accept the message, it is sent again after the next refusal.
    """
    if run.origin.direct or status not in CLOSED or lasted_s < LASTS_S:
        return
    told = keys.run_mark(run.id, "closed")
    if not services.redis.set(told, "1", nx=True, ex=KEPT_S):
        return
    with drawn_for(preferences.locale_of_card(services, run, run.requester.email)):
        card = notice(card_of(run) if services.store.length(run.id) else card_of_watch(run))
    try:
        sent = services.messenger.send(
            to_person_id=run.requester.id, text=card.text, card=card.content
        )
    except WebexError as error:
        log.warning("closed space not told", run=run.id, error=str(error))
        services.redis.delete(told)
        return
    shown = shared.PostedCard(sent.id, sent.room_id, SLOT, next_action(run).kind, now())
    shared.keep_card(services, run.id, SLOT, shown)


def cards(run: Run, services: Services) -> list[shared.DesiredCard]:
    # The message is edited while the space accepts no cards, and for the last time when the space
    # accepts them again or the run has ended.
    if shared.posted_card(services, run.id, SLOT) is None:
        return []
    to, refused = run.requester.email, f"{run.id}:{shared.slot_of(shared.THREAD)}"
    if not run.ended and services.redis.hexists(keys.cards_refused(), refused):
        view = card_of(run)
        return [
            shared.desired_card(
                SLOT, replace(view, at=None), notice(view), to=to, urgency=next_action(run).kind
            )
        ]
    values = {"mailbox": run.channel.mailbox or run.id, "run": run.id}
    if run.ended:
        title, words = end_title(run, values), Text("living.over_words", values)
    else:
        title, words = Text("living.reopened_title", values), Text("living.reopened_words", values)
    return [shared.last_look(SLOT, Text("notice.closed_kicker"), title, words, to=to)]


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
