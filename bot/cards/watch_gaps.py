"""Notices in a space that its channels were not looked at for a while (:mod:`jobs.watch.gaps`)."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from functools import partial

import structlog

from adaptive_cards.cards.notice import NoticeView
from bot.cards.notices import post_in_space
from bot.chat.preferences import THREAD, locale_of_card
from bot.services import Services
from bot.webex.errors import WebexError, passes
from jobs.clock import now
from jobs.model import Channel, Evidence, RunKind, Text, minute_of
from jobs.runs.fold import fold
from jobs.runs.origin import Origin
from jobs.runs.run import Run, opening
from jobs.watch import gaps, pulse
from jobs.watch.gaps import Gap

EVERY_S = 20.0
RETRY = timedelta(minutes=5)
CHANNELS_MOST = 8
log = structlog.get_logger(__name__)


def tell_spaces(services: Services, clock: Callable[[], datetime] = now) -> None:
    at = clock()
    for room in gaps.due(services.redis, at):
        try:
            _tell_space(services, room, at)
        except WebexError as error:
            log.warning("gap not told", tracking_id=error.tracking_id, error=str(error))
            if passes(error):
                gaps.put_off(services.redis, room, at + RETRY)
                continue
        gaps.forget_told(services.redis, room)


def _tell_space(services: Services, room: str, at: datetime) -> None:
    found = gaps.of_room(services.redis, room)
    run = _run_of(services, room, found)
    if run is not None:
        locale = locale_of_card(services, run, THREAD)
        post_in_space(services, run, locale, partial(card_of, found, at))


def _run_of(services: Services, room: str, found: tuple[Gap, ...]) -> Run | None:
    watched = next(
        filter(None, (services.watching.channels.load(each.mailbox) for each in found)), None
    )
    if watched is None:
        return None
    origin = Origin(room, direct=watched.direct)
    return fold("", [opening(Channel(watched.mailbox), watched.by, RunKind.CHECK, origin, None)])


def card_of(found: tuple[Gap, ...], at: datetime) -> NoticeView:
    lines = (
        ("watch.row_since", Text("time.at", {"at": minute_of(min(each.since for each in found))})),
        ("watch.row_ended", Text("time.at", {"at": minute_of(max(each.until for each in found))})),
    )
    title = Text("watch.gap_title", {"count": str(len(found))})
    names = tuple(Evidence("·", each.mailbox) for each in found[:CHANNELS_MOST])
    words = Text("watch.gap_words")
    return NoticeView(Text("watch.kicker"), title, words, "accent", "▲", lines, names, at=at)


def ping_if_late(services: Services, clock: Callable[[], datetime] = now) -> None:
    pulse.ping_if_late(services.bot.watch_ping_url, services.watching, clock())
