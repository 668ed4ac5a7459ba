"""Notice in a space that the bot has lost its data about it (:mod:`jobs.storage.generation`).

Redis does not know the spaces any more. So this process remembers those with a run that goes on or
with a connected channel, and tells each of them once. A worker that is started after the loss
remembers none, and tells nobody.
"""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import partial

import structlog

from adaptive_cards.cards.notice import NoticeView
from adaptive_cards.texts import listed
from bot.cards.notices import post_in_space
from bot.chat.preferences import THREAD, locale_of_card
from bot.services import Services
from bot.webex.errors import WebexError, passes
from jobs.clock import now
from jobs.model import Text
from jobs.runs.run import Run, RunGoneError
from jobs.storage import keys
from jobs.storage.generation import Generation

EVERY_S = 5.0
CHANNELS_EVERY_S = 300.0
"""Seconds between two reads of the connected channels. Each read is a scan of all keys."""
MOST = 1000
"""Number of runs and of channels that are remembered. They are the newest ones."""
TOLD_S = 30 * 24 * 3600
log = structlog.get_logger(__name__)


class LossWatch:
    """Memory of the spaces of this process, and the notices that wait for Webex."""

    def __init__(self, services: Services, clock: Callable[[], float] = time.monotonic) -> None:
        """Start without any remembered space; ``clock`` counts seconds and never goes back."""
        self._services, self._clock = services, clock
        self._generation = Generation(services.redis, clock)
        self._runs: dict[str, Run] = {}
        self._channels: dict[str, Run] = {}
        self._channels_due = -CHANNELS_EVERY_S
        self._pending: dict[str, list[Run]] = {}
        self._data_id = ""

    def __call__(self) -> None:
        if lost := self._generation.look():
            self._data_id = lost
            self._collect()
        for room in list(self._pending):
            self._tell(room, self._pending[room])
        self._remember()

    def _collect(self) -> None:
        """Note the spaces whose runs or channels are gone from Redis.

        Runs and channels that an older backup contains are not gone, and go on.
        """
        spaces: dict[str, dict[str, Run]] = defaultdict(dict)
        for mailbox, run in self._gone():
            spaces[run.origin.room][mailbox] = run
        self._pending = {room: list(runs.values()) for room, runs in spaces.items()}
        self._runs, self._channels, self._channels_due = {}, {}, self._clock()
        log.error("spaces that lost data", count=len(self._pending))

    def _gone(self) -> Iterator[tuple[str, Run]]:
        store = self._services.store
        for run in self._runs.values():
            if not store.length(run.id):
                yield run.channel.mailbox, run
        for mailbox, run in self._channels.items():
            if store.channels.record(mailbox) is None:
                yield mailbox, run

    def _remember(self) -> None:
        self._remember_runs()
        if self._clock() >= self._channels_due:
            self._channels_due = self._clock() + CHANNELS_EVERY_S
            self._remember_channels()

    def _remember_runs(self) -> None:
        store = self._services.store
        going_on = store.channels.open_runs(MOST)
        known = {key: run for key, run in self._runs.items() if run.channel.mailbox}
        self._runs = {}
        for run_id in going_on:
            with suppress(RunGoneError):
                self._runs[run_id] = known.get(run_id) or store.load(run_id)

    def _remember_channels(self) -> None:
        store = self._services.store
        self._channels = {}
        for record in store.channels.connected()[:MOST]:
            with suppress(RunGoneError):
                self._channels[record.channel.mailbox] = store.load(record.run)

    def _tell(self, room: str, runs: list[Run]) -> None:
        """Post the notice, once for each space and loss; retry later if Webex is unavailable."""
        services, told = self._services, keys.loss_told(self._data_id, room)
        del self._pending[room]
        if not services.redis.set(told, "1", nx=True, ex=TOLD_S):
            return
        try:
            locale = locale_of_card(services, runs[0], THREAD)
            post_in_space(services, runs[0], locale, partial(card_of, runs))
        except WebexError as error:
            log.warning("loss not told", tracking_id=error.tracking_id, error=str(error))
            if passes(error):
                services.redis.delete(told)
                self._pending[room] = runs


def card_of(runs: list[Run]) -> NoticeView:
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
