"""Short messages that the bot sends on its own initiative, each once.

- A client secret of Webex Connect expires: in the channel's space 60, 30, 14, 7 and 1 days before.
  The date is the one that the newest finished run recorded, so no cloud is asked.
- The credential of the bot's own Entra app expires: to the approvers 1:1, on the same days. Without
  the setting APPROVERS the reminder is only in the log.
- A person's turn goes on: 1:1 after an hour, and after a day. A turn that began more than three days
  ago gets no reminder, so that a long outage of the bot does not remind people of old runs.
- The bot has lost its data about a space (:mod:`jobs.storage.generation`). Redis does not know the
  space any more, so each process remembers those with an open run or a connected channel.
- The bot did not look at the channels of a space for a while (:mod:`jobs.watch.store`).
- A space takes no cards any more: 1:1 to the requester of the run, or of the watch. Webex documents
  no field from which the bot could learn that a space is archived. So every refusal that lasts
  counts.
"""

import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import partial

import structlog

from adaptive_cards import Card, notice
from adaptive_cards.components import ASKED, BROKEN, WARNED
from adaptive_cards.locale import day, drawn_for
from adaptive_cards.texts import listed
from bot.cards import delivery
from bot.cards.presenters import card_state as shared
from bot.chat import permissions
from bot.chat.preferences import THREAD, locale_of, locale_of_card
from bot.services import Services
from bot.webex.errors import CONFLICT, FORBIDDEN, GONE, NOT_FOUND, WebexError, passes
from jobs.clock import now, paced
from jobs.microsoft.client_credential import own_credential
from jobs.model import Channel, RunKind, Text, Turn, minute_of, verbatim
from jobs.next_action import ActionKind, Wait, next_action, wait_of
from jobs.runs.run import Kind, Origin, Run, RunGoneError
from jobs.runs.run_store import RunStore
from jobs.steps.client_secret import ENOUGH
from jobs.storage import keys
from jobs.storage.generation import Generation
from jobs.storage.keys import Key
from jobs.watch.store import Gap

log = structlog.get_logger(__name__)
REFUSED_FOR = timedelta(hours=12)
"""Time after which a notice that Webex has refused may be tried again."""
CLAIMED = timedelta(minutes=5)


def post_in_space(services: Services, run: Run, draw: Callable[[], Card]) -> bool:
    """Post a notice in the run's space; return False if an outsider is there and prevents it.

    ``draw`` is called when the texts are drawn in the language and time zone of the space.

    Raises:
        WebexError: Webex does not answer, or refuses the message.
    """
    if not permissions.may_read(services, run):
        return False
    with drawn_for(locale_of_card(services, run, THREAD)):
        card = draw()
    services.messenger.send(card, room_id=run.origin.room)
    return True


def tell_once(services: Services, told: Key, keep: timedelta, tell: Callable[[], object]) -> bool:
    """Tell somebody something, unless ``told`` says that it was done; return False to try again.

    A notice that an outsider prevents is due in the caller's next round, a refused one later. The
    mark is a claim until the message is out: what is cut off is told rather twice than never.
    """
    redis = services.redis
    if not redis.set(told, "0", nx=True, ex=CLAIMED):
        return redis.get(told) != b"0"
    due = False
    try:
        held = tell() is False
    except WebexError as error:
        log.warning("not told", what=told, tracking_id=error.tracking_id, error=str(error))
        held = due = passes(error)
        keep = REFUSED_FOR
    if held:
        redis.delete(told)
    else:
        redis.set(told, "1", ex=keep)
    return not due


LOOK_EVERY_S = 10.0
MOST = 1000
"""Number of runs and of channels that are remembered. They are the newest runs."""
TOLD = timedelta(days=30)


class LossWatch:
    """Memory of the spaces of this process, and the notices that wait for Webex."""

    def __init__(self, services: Services, clock: Callable[[], float] = time.monotonic) -> None:
        """Start without any remembered space; ``clock`` counts seconds and never goes back."""
        self._services = services
        self._generation = Generation(services.redis, clock)
        self._known: dict[str, Run] = {}
        self._pending: dict[str, list[Run]] = {}
        self._data_id = ""

    def __call__(self) -> None:
        services, store = self._services, self._services.store
        if lost := self._generation.look():
            self._data_id = lost
            for run in self._known.values():
                self._pending.setdefault(run.origin.room, []).append(run)
            self._known = {}
            log.error("spaces that may have lost data", count=len(self._pending))
        for room, runs in [*self._pending.items()]:
            # Runs and channels that an older backup contains are not gone, and go on.
            gone = [run for run in runs if not store.length(run.id)]
            tell = partial(post_in_space, services, runs[0], partial(card_of_loss, gone))
            if not gone or tell_once(services, keys.loss_told(self._data_id, room), TOLD, tell):
                del self._pending[room]
        known = dict[str, Run]()  # until all is read, because Redis may be away meanwhile
        connected = (record.run for record in store.channels.connected(MOST))
        for run_id in (*store.channels.open_runs(MOST), *connected):
            last = self._known.get(run_id)
            with suppress(RunGoneError):
                known[run_id] = last if last and last.channel.mailbox else store.load(run_id)
        self._known = known


def card_of_loss(runs: list[Run]) -> Card:
    mailboxes = listed(sorted({run.channel.mailbox for run in runs} - {""}))
    about = Text("loss.title_of", {"mailboxes": mailboxes}) if mailboxes else Text("loss.title")
    return notice(Text("loss.kicker"), about, Text("loss.words"), BROKEN, at=now())


GAPS_EVERY_S = 20.0
RETRY = timedelta(minutes=5)
CHANNELS_MOST = 8


def tell_spaces(services: Services, clock: Callable[[], datetime] = now) -> None:
    at = clock()
    for room, found in services.watching.gaps_due(at).items():
        known, over = (services.watching.load(each.mailbox) for each in found), True
        try:
            if watched := next(filter(None, known), None):
                channel, origin = Channel(watched.mailbox), Origin(room, direct=watched.direct)
                run = Run("", channel, watched.by, at, RunKind.CHECK, origin)
                over = post_in_space(services, run, partial(card_of_gaps, found, at))
        except WebexError as error:
            log.warning("gap not told", tracking_id=error.tracking_id, error=str(error))
            over = not passes(error)
        if over:
            services.watching.forget_gaps(found)
        else:
            services.watching.keep_gaps(replace(each, due=at + RETRY) for each in found)


def card_of_gaps(found: tuple[Gap, ...], at: datetime) -> Card:
    names = ", ".join(each.mailbox for each in found[:CHANNELS_MOST])
    lines = (
        ("watch.row_since", Text("time.at", {"at": minute_of(min(each.since for each in found))})),
        ("watch.row_ended", Text("time.at", {"at": minute_of(max(each.until for each in found))})),
        ("watch.channels_section", verbatim(names)),
    )
    title = Text("watch.gap_title", {"count": str(len(found))})
    return notice(Text("watch.kicker"), title, Text("watch.gap_words"), WARNED, lines, at=at)


EVERY_S = 3600
"""Seconds between two rounds of reminders of what expires."""
BEFORE_DAYS = (1, 7, 14, 30, 60)
KEPT = timedelta(days=2)
"""Time for which posted reminders are remembered after the secret's expiry, or after the day."""


@dataclass(frozen=True, slots=True)
class Ending:
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
    # If Webex is unavailable, the reminder is retried at the next round.
    at = clock()
    for record in services.channels.connected():
        mailbox = record.channel.mailbox
        ending = ending_of(services.store, mailbox)
        if ending is None or not (days := ending.due(at)):
            continue
        told = keys.reminder_given(mailbox, f"{ending.end:%Y-%m-%d}", days)
        # Nothing is posted while an outsider is in that space (:mod:`bot.chat.permissions`).
        view = partial(card_of, mailbox, ending, at)
        for run in services.store.known([record.run]):  # none if an operator has deleted it
            tell = partial(post_in_space, services, run, view)
            tell_once(services, told, ending.end - at + KEPT, tell)


def ending_of(store: RunStore, mailbox: str) -> Ending | None:
    """Return the secret's times according to the newest finished run, or None if no run knows it.

    A run that was not proven is ignored, because it has not replaced a secret yet.
    """
    finished = (run for run in store.runs_of_mailbox(mailbox) if run.ended is Kind.FINISHED)
    over = [run for run in finished if run.kind is not RunKind.UNDO and run.fact("expires")]
    if not over:
        return None
    end = over[-1].fact("expires")
    made = next(run for run in over if run.fact("expires") == end)
    return Ending(made.opened, datetime.fromisoformat(end))


def card_of(mailbox: str, ending: Ending, at: datetime) -> Card:
    # Until a fix can renew the secret, the card names the date from which a fix can. After that the
    # card offers the fix.
    title = shared.days_left("reminder.", ending.end, at, mailbox=mailbox)
    values = {"mailbox": mailbox, "end": day(ending.end), "from": day(ending.renewable)}
    soon = at >= ending.renewable
    words = Text("reminder.renew", values) if soon else Text("reminder.early", values)
    buttons = (("fix.client_secret", {"do": "fix", "channel": mailbox}),) if soon else ()
    return notice(Text("reminder.kicker"), title, words, WARNED, buttons=buttons, at=at)


WHOSE = "the bot's own app"
"""Name of the bot's own app in the keys of reminders, which otherwise name a mailbox."""
LIFE = timedelta(days=3650)
"""Assumed lifetime of the bot's own credential, because its beginning is not known."""


def remind_of_own(services: Services, clock: Callable[[], datetime] = now) -> None:
    at = clock()
    ends = own_credential(services.settings).ends
    if ends is None or not (days := Ending(ends - LIFE, ends).due(at)):
        return
    end = f"{ends:%Y-%m-%d}"
    warn = partial(log.warning, "the credential of the bot's own app ends", days=days, end=end)
    tell_once(services, keys.reminder_given(WHOSE, end, days), ends - at + KEPT, warn)
    for approver in services.bot.approvers:
        told = keys.reminder_given(f"{WHOSE} {approver}", end, days)
        with drawn_for(locale_of(services, approver)):
            title = shared.days_left("reminder.own_", ends, at)
            words = Text("reminder.own_words", {"end": day(ends)})
            card = notice(Text("reminder.own_kicker"), title, words, WARNED, at=at)
        tell = partial(services.messenger.send, card, to_email=approver)
        tell_once(services, told, ends - at + KEPT, tell)


TURNS_EVERY_S = 300
"""Seconds between two rounds of reminders."""
AFTER_HOURS = (24, 1)
LATEST = timedelta(days=3)
TURNS_KEPT = timedelta(days=4)
"""Time for which a given reminder is remembered. It is longer than :data:`LATEST`."""
KINDS = frozenset({RunKind.SETUP, RunKind.FIX, RunKind.UNDO})
FORMS = frozenset({ActionKind.FORM, ActionKind.TOKEN, ActionKind.REGISTER})
"""Turns whose card is always a 1:1 message."""


def remind_of_turns(services: Services, clock: Callable[[], datetime] = now) -> None:
    # If Webex is unavailable, the reminder is retried at the next round.
    at = clock()
    for run_id in services.channels.open_runs(MOST):
        for run in services.store.known([run_id]):  # none if it was deleted meanwhile
            if run.kind in KINDS and (wait := wait_of(run)):
                _remind(services, run, wait, at)


def _remind(services: Services, run: Run, wait: Wait, at: datetime) -> None:
    age = at - wait.since
    due = next((hours for hours in AFTER_HOURS if age >= timedelta(hours=hours)), 0)
    # An older reminder that was missed is left out.
    if not due or age > LATEST:
        return
    stamp = f"{wait.since:%Y-%m-%dT%H:%M:%S}"
    people: tuple[str, ...] = (wait.who or run.requester.email,)
    if wait.turn is Turn.APPROVER and services.bot.approvers:
        people = permissions.served(services.bot, services.bot.approvers)
    for person in people:
        told = keys.reminder_given(f"{run.id} {wait.kind} {person}", stamp, due)
        tell_once(services, told, TURNS_KEPT, partial(_tell_turn, services, run, wait, person, due))


def _tell_turn(services: Services, run: Run, wait: Wait, person: str, due: int) -> None:
    key = "turn_words" if wait.who or wait.turn is Turn.APPROVER else "turn_words_nobody"
    # A form is always 1:1, and so is the card of everybody but the requester and an approver who
    # is in the space.
    approves = wait.turn is Turn.APPROVER and not run.answer(permissions.ABSENT)
    own = person == run.requester.email  # who may have to find another person
    here = run.origin.direct or wait.kind in FORMS or not (own or approves)
    facts = (
        ("label.since", Text("time.at", {"at": minute_of(wait.since)})),
        ("reminder.where", Text("reminder.in_this_chat" if here else "reminder.in_the_space")),
    )
    who = {"who": f"key:turn.{wait.turn}", "words": f"key:turn_words.{wait.kind}"}
    about = {"mailbox": run.channel.mailbox, "run": run.id}
    kicker, title = Text("reminder.turn_kicker"), Text("reminder.turn_title", about)
    with drawn_for(locale_of_card(services, run, person)):
        card = notice(kicker, title, Text(f"reminder.{key}", who), ASKED, facts)
    sent = delivery.send_direct(services, run, person, card)
    slot = f"{shared.REMINDER}{wait.kind}:{person}:{due}"
    shared.keep(services, run.id, slot, shared.PostedCard(sent.id, sent.room_id, slot, slot, now()))


LASTS_S = paced(60.0)
"""Seconds for which Webex must have refused a card before the requester is told."""
CLOSED_SLOT = "closed"
"""Slot of the message to the requester among the run's cards."""
CLOSED = frozenset({FORBIDDEN, NOT_FOUND, CONFLICT, GONE})


def closed_cards(run: Run, services: Services) -> list[shared.DesiredCard]:
    """Return the message to the requester, once the space has refused the cards for long.

    Its last edit is when the space accepts them again or the run has ended.
    """
    refusal = delivery.refused_in_space(services, run)
    told, to = shared.posted_card(services, run.id, CLOSED_SLOT), run.requester.email
    age = now().timestamp() - refusal.since if refusal and refusal.status in CLOSED else -1.0
    # A check that has answered waits for nobody; what Webex refuses is the line that it is history.
    if not told and any((run.origin.direct, run.checked, age < LASTS_S)):
        return []
    is_watch = not services.store.length(run.id)
    with drawn_for(locale_of_card(services, run, to)):
        if refusal and not (told and run.ended):
            card, urgency = card_of_closed(run, is_watch=is_watch), next_action(run).kind
            seen = is_watch, run.channel.mailbox, next_action(run).words, run.ended
            return [shared.DesiredCard(CLOSED_SLOT, card, shared.marked(seen), to, urgency)]
        values = {"mailbox": run.channel.mailbox or run.id, "run": run.id}
        title, over = Text("living.reopened_title", values), "reminder.over_words"
        kicker, words = "notice.closed_kicker", "living.reopened_words"
        if is_watch:
            kicker, words = "watch.kicker", over
        elif run.ended:
            title, words = shared.end_title(run), over
        return [shared.last_look(CLOSED_SLOT, Text(kicker), title, Text(words, values), to=to)]


def card_of_closed(run: Run, *, is_watch: bool = False) -> Card:
    if is_watch:
        about = {"mailbox": run.channel.mailbox}
        title, words = Text("watch.closed_title", about), Text("watch.closed_words", about)
        return notice(Text("watch.kicker"), title, words, BROKEN, at=now())
    title = Text("notice.closed_title", {"mailbox": run.channel.mailbox or run.id})
    kicker, words = Text("notice.closed_kicker"), Text("notice.closed_words")
    facts = (("notice.closed_now", next_action(run).words),)
    buttons = () if run.ended else (("button.cancel_run", {"do": "cancel", "run": run.id}),)
    return notice(kicker, title, words, BROKEN, facts, buttons, now())
