"""Presenter of the list of ``/watch``: one line for each watched channel."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from adaptive_cards.cards.watch import WatchLine
from bot.cards.presenters.incident import cause_of
from bot.services import Services
from jobs.model import State, Text, minute_of, span_of
from jobs.watch.model import ChannelState, Eye, Incident, Sight, WatchedChannel

_UNSEEN: Mapping[frozenset[Eye], Text | None] = {
    frozenset({Eye.APP, Eye.LOGIN}): None,
    frozenset({Eye.APP}): Text("watch.unseen_login"),
    frozenset({Eye.LOGIN}): Text("watch.unseen_app"),
    frozenset(): Text("watch.unseen_both"),
}
"""Text about the failures that the watch cannot see.

The key is the set of accesses that the watch has: to the app, as the mailbox, both or none.
"""


def line_of(services: Services, watched: WatchedChannel, at: datetime) -> WatchLine:
    state = services.watching.incidents.state(watched.mailbox)
    incident = services.watching.incidents.open_of_channel(watched.mailbox)
    unseen = _unseen(state)
    if watched.is_paused(at) and watched.paused_until is not None:
        words = Text("watch.line_paused", {"until": minute_of(watched.paused_until)})
        return WatchLine(watched.mailbox, State.WAITING, words, state.looked)
    shown = _quiet_line(watched, state) if incident is None else _incident_line(incident)
    return WatchLine(watched.mailbox, *shown, state.looked, unseen)


def _incident_line(incident: Incident) -> tuple[State, Text]:
    state = State.UNKNOWN if incident.sight is Sight.CANNOT_LOOK else State.WRONG
    return state, cause_of(incident)


def _quiet_line(watched: WatchedChannel, state: ChannelState) -> tuple[State, Text]:
    every = {"interval": span_of(watched.interval)}
    if state.last is None:
        return State.WAITING, Text("watch.line_never", every)
    if state.suspicion is not None:
        return State.WARNING, Text("watch.line_suspected", every)
    if state.last.sight is Sight.UNSURE:
        return State.WARNING, Text("watch.line_unsure", every)
    if _unseen(state) is not None:
        return State.WARNING, Text("watch.line_partly", every)
    return State.OK, Text("watch.line_healthy", every)


def _unseen(state: ChannelState) -> Text | None:
    """Return what the watch cannot see of the channel, or None if it sees all that it could."""
    if state.last is None:
        return None
    return _UNSEEN[frozenset({Eye.APP, Eye.LOGIN}.intersection(state.last.eyes))]
