"""Reminders that the client secret of Webex Connect expires, of the bot's own credential, and of turns.

Those of a channel are posted in its space 60, 30, 14, 7 and 1 days before, once each. No cloud is
asked: the expiry date is the one that the newest finished run recorded. Redis records what was
posted, so a restart posts nothing twice. A channel that was undone is no longer a channel and gets
no reminders.

Those of the bot's own Entra app are posted to the approvers 1:1, on the same days. Without the
setting APPROVERS the bot does not know who operates it, so the reminder is only in the log.

The person whose turn it is gets a reminder 1:1 after an hour, and one after a day, once each for
every turn. A check has no reminders, because nothing waits for its sign-in. A turn that began more
than three days ago gets none, so that an update or a long outage of the bot does not remind people
of old runs.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial

import structlog

from adaptive_cards import glyphs, notice
from adaptive_cards.cards.notice import NoticeView
from adaptive_cards.locale import drawn_for
from bot.cards.delivery import send_direct
from bot.cards.notices import post_in_space, tell_once
from bot.cards.presenters.card_state import REMINDER, PostedCard, keep_card
from bot.chat.preferences import locale_of_card, locale_of_person
from bot.services import Services
from jobs.access.app_access import all_grants, own_credential
from jobs.clock import now
from jobs.model import RunKind, Text, Turn, day_of, minute_of
from jobs.next_action import ActionKind, Wait, wait_of
from jobs.runs.run import Kind, Run
from jobs.runs.run_store import RunStore
from jobs.steps.client_secret import ENOUGH
from jobs.storage import keys

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
        # The result is 0 before the first reminder, after the expiry, and for a new secret.
        life, left = self.end - self.made, self.end - at
        if left <= timedelta(0):
            return 0
        return next((days for days in BEFORE_DAYS if left <= timedelta(days=days) < life), 0)

    @property
    def renewable(self) -> datetime:
        """Return the time from which a fix makes a new secret (:mod:`jobs.steps.client_secret`)."""
        return self.end - min(ENOUGH, (self.end - self.made) / 3)


def remind(services: Services, clock: Callable[[], datetime] = now) -> None:
    # If Webex is unavailable, the reminder is retried at the next check.
    at = clock()
    for record in services.channels.connected():
        mailbox = record.channel.mailbox
        look = keys.reminder_look(mailbox, f"{at:%Y-%m-%d}")
        if not services.redis.set(look, "1", nx=True, ex=KEPT):
            continue
        ending = ending_of(services.store, mailbox)
        if ending is None or not (days := ending.due(at)):
            continue
        told = keys.reminder_given(mailbox, f"{ending.end:%Y-%m-%d}", days)
        # Nothing is posted while an outsider is in that space (:mod:`bot.chat.audience`).
        view = partial(card_of, mailbox, ending, at)
        tell = partial(post_in_space, services, services.store.load(record.run), view)
        if not tell_once(services, told, ending.end - at + KEPT, tell):
            services.redis.delete(look)


def ending_of(store: RunStore, mailbox: str) -> Ending | None:
    """Return when the secret was made and expires, according to the newest finished run.

    A run that was not proven is ignored, because it has not replaced a secret yet. The result is
    None if no run knows a secret.
    """
    finished = (run for run in store.runs_of_mailbox(mailbox) if run.ended is Kind.FINISHED)
    over = [run for run in finished if run.kind is not RunKind.UNDO and run.fact("expires")]
    if not over:
        return None
    end = over[-1].fact("expires")
    made = next(run for run in over if run.fact("expires") == end)
    return Ending(made.opened, datetime.fromisoformat(end))


def card_of(mailbox: str, ending: Ending, at: datetime) -> NoticeView:
    # Until a fix can renew the secret, the card names the date from which a fix can. After that the
    # card offers the fix.
    left = max((ending.end.date() - at.date()).days, 0)
    key = {0: "reminder.today", 1: "reminder.tomorrow"}.get(left, "reminder.days")
    title = Text(key, {"mailbox": mailbox, "days": str(left)})
    values = {"mailbox": mailbox, "end": day_of(ending.end), "from": day_of(ending.renewable)}
    soon = at >= ending.renewable
    words = Text("reminder.renew", values) if soon else Text("reminder.early", values)
    buttons = (("fix.client_secret", {"do": "fix", "channel": mailbox}),) if soon else ()
    warning = glyphs.WARNING.glyph
    return NoticeView(
        Text("reminder.kicker"), title, words, "accent", warning, buttons=buttons, at=at
    )


WHOSE = "the bot's own app"
"""Name of the bot's own app in the keys of reminders, which otherwise name a mailbox."""
LIFE = timedelta(days=3650)
"""Assumed lifetime of the bot's own credential, because its beginning is not known."""


def remind_of_own(services: Services, clock: Callable[[], datetime] = now) -> None:
    """Look once a day whether the bot's credential ends soon, and tell each approver once."""
    at = clock()
    look = keys.reminder_look(WHOSE, f"{at:%Y-%m-%d}")
    if not services.redis.set(look, "1", nx=True, ex=KEPT):
        return
    ends = own_credential(services.settings, all_grants(services.redis)).ends
    if ends is None or not (days := Ending(ends - LIFE, ends).due(at)):
        return
    log.warning("the credential of the bot's own app ends", days=days, end=f"{ends:%Y-%m-%d}")
    for approver in services.bot.approvers:
        told = keys.reminder_given(f"{WHOSE} {approver}", f"{ends:%Y-%m-%d}", days)
        tell = partial(_tell_approver, services, approver, ends, at)
        if not tell_once(services, told, ends - at + KEPT, tell):
            services.redis.delete(look)


def _tell_approver(services: Services, approver: str, ends: datetime, at: datetime) -> None:
    with drawn_for(locale_of_person(services, approver)):
        card = notice(card_of_own(ends, at))
    services.messenger.send(to_email=approver, text=card.text, card=card.content)


def card_of_own(ends: datetime, at: datetime) -> NoticeView:
    left = max((ends.date() - at.date()).days, 0)
    titles = {0: Text("reminder.own_today"), 1: Text("reminder.own_tomorrow")}
    title = titles.get(left) or Text("reminder.own_days", {"days": str(left)})
    words = Text("reminder.own_words", {"end": day_of(ends)})
    warning = glyphs.WARNING.glyph
    return NoticeView(Text("reminder.own_kicker"), title, words, "accent", warning, at=at)


TURNS_EVERY_S = 300
"""Seconds between two rounds of reminders."""
AFTER_HOURS = (24, 1)
LATEST = timedelta(days=3)
TURNS_KEPT = timedelta(days=4)
"""Time for which a given reminder is remembered. It is longer than :data:`LATEST`."""
MOST_RUNS = 1000
"""Number of open runs in one round. They are the newest ones."""
KINDS = frozenset({RunKind.SETUP, RunKind.FIX, RunKind.UNDO})
FORMS = frozenset({ActionKind.FORM, ActionKind.TOKEN, ActionKind.REGISTER})
"""Turns whose card is always a 1:1 message."""


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
    age = at - wait.since if wait else LATEST
    due = next((hours for hours in AFTER_HOURS if age >= timedelta(hours=hours)), 0)
    # An older reminder that was missed is left out.
    if wait is None or not due or age > LATEST:
        return
    stamp = f"{wait.since:%Y-%m-%dT%H:%M:%S}"
    for person in _people(services, run, wait):
        told = keys.reminder_given(f"{run.id} {wait.kind} {person}", stamp, due)
        tell_once(services, told, TURNS_KEPT, partial(_tell_turn, services, run, wait, person, due))


def _people(services: Services, run: Run, wait: Wait) -> tuple[str, ...]:
    if wait.turn is Turn.APPROVER and services.bot.approvers:
        domains = services.bot.allowed_email_domains
        return tuple(each for each in services.bot.approvers if each.rpartition("@")[2] in domains)
    return (wait.who or run.requester.email,)


def _tell_turn(services: Services, run: Run, wait: Wait, person: str, due: int) -> None:
    with drawn_for(locale_of_card(services, run, person)):
        card = notice(card_of_turn(run, wait, own=person == run.requester.email))
    sent = send_direct(services, run, person, card)
    slot = f"{REMINDER}{wait.kind}:{person}:{due}"
    keep_card(services, run.id, slot, PostedCard(sent.id, sent.room_id, slot, slot, now()))


def card_of_turn(run: Run, wait: Wait, *, own: bool) -> NoticeView:
    # ``own`` is true for the requester, who may be the one who has to find another person.
    named = bool(wait.who) or wait.turn is Turn.APPROVER
    key = "turn_words" if named else "turn_words_nobody"
    # A form is always 1:1, and so is the card of everybody but the requester and the approver.
    direct = wait.kind in FORMS or not (own or wait.turn is Turn.APPROVER)
    here = run.origin.direct or direct
    facts = (
        ("label.since", Text("time.at", {"at": minute_of(wait.since)})),
        ("reminder.where", Text("reminder.in_this_chat" if here else "reminder.in_the_space")),
    )
    who = {"who": f"key:turn.{wait.turn}", "words": f"key:turn_words.{wait.kind}"}
    about = {"mailbox": run.channel.mailbox, "run": run.id}
    kicker, title = Text("reminder.turn_kicker"), Text("reminder.turn_title", about)
    words, person = Text(f"reminder.{key}", who), glyphs.PERSON.glyph
    return NoticeView(kicker, title, words, "accent", person, facts=facts)
