"""Presenter of /watch: from a watched channel and its last look to a line of the list."""

from __future__ import annotations

from datetime import datetime

from adaptive_cards.cards.watch_list import WatchLine
from bot.cards.presenters.incident import cause_of
from bot.services import Services
from jobs.model import State, Text, minute_of, span_of
from jobs.watch.model import ChannelState, Eye, Sight, WatchedChannel


def line_of(services: Services, watched: WatchedChannel, at: datetime) -> WatchLine:
    """Return the line: what is known of the channel, when it was looked at, what cannot be seen."""
    state = services.watching.incidents.state(watched.mailbox)
    incident = services.watching.incidents.open_of_channel(watched.mailbox)
    unseen = _unseen(state)
    if watched.is_paused(at) and watched.paused_until is not None:
        words = Text("watch.line_paused", {"until": minute_of(watched.paused_until)})
        return WatchLine(watched.mailbox, State.WAITING, words, state.looked)
    if incident is not None:
        blind = incident.sight is Sight.CANNOT_LOOK
        shown = State.UNKNOWN if blind else State.WRONG
        return WatchLine(watched.mailbox, shown, cause_of(incident), state.looked, unseen)
    return WatchLine(watched.mailbox, *_quiet_line(watched, state), state.looked, unseen)


def _quiet_line(watched: WatchedChannel, state: ChannelState) -> tuple[State, Text]:
    """Return the state and the words of a channel without an incident."""
    every = {"interval": span_of(watched.interval)}
    if state.last is None:
        return State.WAITING, Text("watch.line_never", every)
    if state.suspicion is not None:
        return State.WARNING, Text("watch.line_suspected", every)
    if state.last.sight is Sight.UNSURE:
        return State.WARNING, Text("watch.line_unsure", every)
    return State.OK, Text("watch.line_healthy", every)


def _unseen(state: ChannelState) -> Text | None:
    """Return what the watch cannot see of the channel, or None if it sees all that it could."""
    if state.last is None:
        return None
    has_app, has_login = Eye.APP in state.last.eyes, Eye.LOGIN in state.last.eyes
    if has_app and has_login:
        return None
    key = "login" if has_app else ("app" if has_login else "both")
    return Text(f"watch.unseen_{key}")
