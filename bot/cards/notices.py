"""Common parts of notices: short cards that tell a space or a person one thing.

They also say that the bot has lost its data about a space (:mod:`jobs.storage.generation`), or did
not look at its channels for a while (:mod:`jobs.watch.rounds`). After a loss of data Redis does not
know the spaces any more. So this process remembers those with a run that goes on or
with a connected channel, and tells each of them once. A worker that is started after the loss
remembers none, and tells nobody.
"""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial

import structlog

from adaptive_cards import notice
from adaptive_cards.cards.notice import NoticeView
from adaptive_cards.locale import drawn_for
from adaptive_cards.texts import listed
from bot.chat import audience
from bot.chat.preferences import THREAD, locale_of_card
from bot.services import Services
from bot.webex.errors import WebexError, passes
from jobs.clock import now
from jobs.model import Channel, Evidence, RunKind, Text, minute_of
from jobs.next_action import ENDED
from jobs.runs.fold import fold
from jobs.runs.run import Kind, Origin, Run, RunGoneError, opening
from jobs.storage import keys
from jobs.storage.generation import Generation
from jobs.storage.keys import Key
from jobs.watch import rounds
from jobs.watch.rounds import Gap

log = structlog.get_logger(__name__)
REFUSED_FOR = timedelta(hours=12)
"""Time after which a notice that Webex has refused may be tried again."""


def post_in_space(services: Services, run: Run, view: Callable[[], NoticeView]) -> bool:
    """Post a notice in the run's space; return False if an outsider is there and prevents it.

    ``view`` is called when the texts are drawn in the language and time zone of the space.

    Raises:
        WebexError: Webex does not answer, or refuses the message.
    """
    if not audience.may_read(services, run):
        return False
    with drawn_for(locale_of_card(services, run, THREAD)):
        card = notice(view())
    services.messenger.send(room_id=run.origin.room, text=card.text, card=card.content)
    return True


def tell_once(services: Services, told: Key, keep: timedelta, tell: Callable[[], object]) -> bool:
    """Tell somebody something, unless ``told`` says that it was done; return False to try again.

    What an outsider prevents, and what Webex refuses, is for the caller's next look on another day.
    """
    if not services.redis.set(told, "1", nx=True, ex=keep):
        return True
    try:
        if tell() is False:
            services.redis.delete(told)
    except WebexError as error:
        log.warning("not told", what=told, tracking_id=error.tracking_id, error=str(error))
        if passes(error):
            services.redis.delete(told)
            return False
        services.redis.expire(told, REFUSED_FOR)
    return True


def end_title(run: Run, about: dict[str, str]) -> Text:
    if run.ended is Kind.FINISHED:
        return Text("living.over_done", about)
    return Text(f"notice.over_{ENDED[run.ended]}", about)


LOOK_EVERY_S = 10.0
CHANNELS_EVERY_S = 300.0
"""Seconds between two reads of the connected channels."""
MOST = 1000
"""Number of runs and of channels that are remembered. They are the newest runs."""
TOLD = timedelta(days=30)


class LossWatch:
    """Memory of the spaces of this process, and the notices that wait for Webex."""

    def __init__(self, services: Services, clock: Callable[[], float] = time.monotonic) -> None:
        """Start without any remembered space; ``clock`` counts seconds and never goes back."""
        self._services, self._clock = services, clock
        self._generation = Generation(services.redis, clock)
        self._known: dict[str, Run] = {}
        self._connected: list[str] = []
        self._connected_due = -CHANNELS_EVERY_S
        self._pending: dict[str, list[Run]] = {}
        self._data_id = ""

    def __call__(self) -> None:
        services = self._services
        if lost := self._generation.look():
            self._data_id, self._pending = lost, self._lost()
            self._known, self._connected_due = {}, self._clock()
            log.error("spaces that lost data", count=len(self._pending))
        for room, runs in [*self._pending.items()]:
            told = keys.loss_told(self._data_id, room)
            tell = partial(post_in_space, services, runs[0], partial(card_of_loss, runs))
            if tell_once(services, told, TOLD, tell):
                del self._pending[room]
        self._remember()

    def _lost(self) -> dict[str, list[Run]]:
        # Runs and channels that an older backup contains are not gone, and go on.
        spaces: dict[str, dict[str, Run]] = defaultdict(dict)
        for run in self._known.values():
            if not self._services.store.length(run.id):
                spaces[run.origin.room][run.channel.mailbox] = run
        return {room: list(runs.values()) for room, runs in spaces.items()}

    def _remember(self) -> None:
        """Remember the open runs, and the run of each connected channel."""
        store, known, self._known = self._services.store, self._known, {}
        if self._clock() >= self._connected_due:
            self._connected_due = self._clock() + CHANNELS_EVERY_S
            self._connected = [record.run for record in store.channels.connected(MOST)]
        for run_id in (*store.channels.open_runs(MOST), *self._connected):
            run = known.get(run_id)
            with suppress(RunGoneError):
                self._known[run_id] = run if run and run.channel.mailbox else store.load(run_id)


def card_of_loss(runs: list[Run]) -> NoticeView:
    mailboxes = listed(sorted({run.channel.mailbox for run in runs} - {""}))
    about = Text("loss.title_of", {"mailboxes": mailboxes})
    return NoticeView(
        Text("loss.kicker"),
        about if mailboxes else Text("loss.title"),
        Text("loss.words"),
        "attention",
        "✗",
        at=now(),
    )


GAPS_EVERY_S = 20.0
RETRY = timedelta(minutes=5)
CHANNELS_MOST = 8


def tell_spaces(services: Services, clock: Callable[[], datetime] = now) -> None:
    at = clock()
    for room, found in rounds.gaps_due(services.redis, at).items():
        try:
            _tell_space(services, room, found, at)
        except WebexError as error:
            log.warning("gap not told", tracking_id=error.tracking_id, error=str(error))
            if passes(error):
                later = (replace(each, due=at + RETRY) for each in found)
                rounds.keep_gaps(services.redis, later)
                continue
        rounds.forget_gaps(services.redis, found)


def _tell_space(services: Services, room: str, found: tuple[Gap, ...], at: datetime) -> None:
    if run := _run_of(services, room, found):
        post_in_space(services, run, partial(card_of_gaps, found, at))


def _run_of(services: Services, room: str, found: tuple[Gap, ...]) -> Run | None:
    watched = next(
        filter(None, (services.watching.channels.load(each.mailbox) for each in found)), None
    )
    if watched is None:
        return None
    origin = Origin(room, direct=watched.direct)
    return fold("", [opening(Channel(watched.mailbox), watched.by, RunKind.CHECK, origin, None)])


def card_of_gaps(found: tuple[Gap, ...], at: datetime) -> NoticeView:
    lines = (
        ("watch.row_since", Text("time.at", {"at": minute_of(min(each.since for each in found))})),
        ("watch.row_ended", Text("time.at", {"at": minute_of(max(each.until for each in found))})),
    )
    title = Text("watch.gap_title", {"count": str(len(found))})
    names = tuple(Evidence("·", each.mailbox) for each in found[:CHANNELS_MOST])
    words = Text("watch.gap_words")
    return NoticeView(Text("watch.kicker"), title, words, "accent", "▲", lines, names, at=at)


def ping_if_late(services: Services, clock: Callable[[], datetime] = now) -> None:
    rounds.ping_if_late(services.bot.watch_ping_url, services.watching, clock())
