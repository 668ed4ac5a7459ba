"""Reminders to the person whose turn it is: after an hour, and after a day.

They are posted 1:1, once each for every turn. A check has no reminders, because nothing waits for its
sign-in. A turn that began more than three days ago gets none, so that an update or a long outage of the
bot does not remind people of old runs.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

import structlog

from adaptive_cards import glyphs, notice
from adaptive_cards.cards.notice import NoticeView
from adaptive_cards.locale import drawn_for
from bot.cards.delivery import send_direct
from bot.chat.preferences import locale_of_card
from bot.services import Services
from bot.webex.errors import WebexError, passes
from jobs.clock import now
from jobs.model import RunKind, Text, Turn, minute_of
from jobs.next_action import ActionKind, Wait, wait_of
from jobs.runs.run import Run
from jobs.storage import keys

EVERY_S = 300
"""Seconds between two rounds of reminders."""
AFTER_HOURS = (24, 1)
LATEST = timedelta(days=3)
KEPT = timedelta(days=4)
"""Time for which a given reminder is remembered. It is longer than :data:`LATEST`."""
MOST_RUNS = 1000
"""Number of open runs in one round. They are the newest ones."""
KINDS = frozenset({RunKind.SETUP, RunKind.FIX, RunKind.UNDO})
FORMS = frozenset({ActionKind.FORM, ActionKind.TOKEN, ActionKind.REGISTER})
"""Turns whose card is always a 1:1 message."""
log = structlog.get_logger(__name__)


def remind_of_turns(services: Services, clock: Callable[[], datetime] = now) -> None:
    # If Webex is unavailable, the reminder is retried at the next round.
    at = clock()
    for run_id in services.channels.open_runs(MOST_RUNS):
        try:
            run = services.store.load(run_id)
        except LookupError:  # deleted meanwhile, or not this bot's
            continue
        _remind(services, run, at)


def _remind(services: Services, run: Run, at: datetime) -> None:
    wait = wait_of(run) if run.kind in KINDS else None
    if wait is None or not (due := _due_hours(at - wait.since)):
        return
    for person in _people(services, run, wait):
        _remind_once(services, run, wait, person, due)


def _due_hours(age: timedelta) -> int:
    # An older reminder that was missed is left out.
    if age > LATEST:
        return 0
    return next((hours for hours in AFTER_HOURS if age >= timedelta(hours=hours)), 0)


def _remind_once(services: Services, run: Run, wait: Wait, person: str, due: int) -> None:
    stamp = f"{wait.since:%Y-%m-%dT%H:%M:%S}"
    mark = keys.reminder_given(f"{run.id} {wait.kind} {person}", stamp, due)
    first = bool(services.redis.set(mark, "1", nx=True, ex=KEPT))
    if first and not _tell(services, run, wait, person):
        services.redis.delete(mark)


def _people(services: Services, run: Run, wait: Wait) -> tuple[str, ...]:
    if wait.turn is Turn.APPROVER and services.bot.approvers:
        domains = services.bot.allowed_email_domains
        return tuple(each for each in services.bot.approvers if each.rpartition("@")[2] in domains)
    return (wait.who or run.requester.email,)


def _tell(services: Services, run: Run, wait: Wait, person: str) -> bool:
    """Post the reminder 1:1; return False if it is to be tried again."""
    own = person == run.requester.email
    with drawn_for(locale_of_card(services, run, person)):
        card = notice(card_of(run, wait, own=own))
    try:
        send_direct(services, run, person, card)
    except WebexError as error:
        log.warning("reminder not posted", tracking_id=error.tracking_id, error=str(error))
        return not passes(error)
    return True


def card_of(run: Run, wait: Wait, *, own: bool) -> NoticeView:
    # ``own`` is true for the requester, who may be the one who has to find another person.
    named = bool(wait.who) or wait.turn is Turn.APPROVER
    key = "turn_words" if named else "turn_words_nobody"
    here = run.origin.direct or _is_asked_direct(wait, own=own)
    facts = (
        ("label.since", Text("time.at", {"at": minute_of(wait.since)})),
        ("reminder.where", Text("reminder.in_this_chat" if here else "reminder.in_the_space")),
    )
    return NoticeView(
        Text("reminder.turn_kicker"),
        Text("reminder.turn_title", {"mailbox": run.channel.mailbox, "run": run.id}),
        Text(
            f"reminder.{key}",
            {"who": f"key:turn.{wait.turn}", "words": f"key:turn_words.{wait.kind}"},
        ),
        "accent",
        glyphs.PERSON.glyph,
        facts=facts,
    )


def _is_asked_direct(wait: Wait, *, own: bool) -> bool:
    """Return whether the person has the card in a 1:1 conversation, even for a run in a space."""
    return wait.kind in FORMS or not (own or wait.turn is Turn.APPROVER)
