"""Command ``look``: have the workers look at watched channels now, and report what they see."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

from redis.exceptions import RedisError

from bot.queue import cause
from jobs.clock import now
from jobs.runs.run_store import RunStore
from jobs.watch.model import WatchedChannel
from jobs.watch.store import Watching

WAIT_S = 120.0
"""Seconds to wait for the looks.

If there is no worker, or one of another version, the looks are never made.
"""
LOOK_EVERY_S = 0.2


def main(store: RunStore, mailbox: str, say: Callable[[str], None], *, again: bool = False) -> int:
    """Have the workers look at one channel now, or at all if ``mailbox`` is empty.

    Return 1 if a look failed, else 0; no watched channel at all is no failure. The workers make the
    looks with their usual limits. With ``again`` a channel with a suspicion is looked at a second
    time at once, instead of a minute later.
    """
    watching = Watching.of(store)
    state = watching.incidents.state
    try:
        named = (each for each in watching.channels.all() if mailbox.lower() in {"", each.mailbox})
        chosen = [each for each in named if not each.is_paused(now())]
        unseen = _looked_at(watching, chosen)
        if again:
            suspected = [each for each in chosen if state(each.mailbox).suspicion is not None]
            unseen += _looked_at(watching, suspected)
        for each in chosen:
            say(_channel_line(watching, each.mailbox))
    except RedisError as error:
        say(f"Redis does not answer ({cause(error)})")
        return 1
    if unseen:
        say(f"No worker has looked at {', '.join(sorted(set(unseen)))} in {WAIT_S:.0f} s")
    if not chosen:
        what = f"{mailbox} is not watched" if mailbox else "No channel is watched"
        say(f"{what}, or the watch is paused. Type /watch ADDRESS.")
    return 1 if unseen or (mailbox and not chosen) else 0


def _looked_at(watching: Watching, channels: Sequence[WatchedChannel]) -> list[str]:
    """Have each channel looked at now, and return those that no worker has looked at in time."""
    state = watching.incidents.state
    before = {each.mailbox: state(each.mailbox).looked for each in channels}
    for each in channels:
        watching.incidents.look_soon(each.mailbox)
        watching.channels.schedule.add(each.group, now())
    end = time.monotonic() + WAIT_S
    while left := [name for name, looked in before.items() if state(name).looked == looked]:
        if time.monotonic() > end:
            return left
        time.sleep(LOOK_EVERY_S)
    return []


def _channel_line(watching: Watching, mailbox: str) -> str:
    """Return a line with the result of a channel's newest look, and with its open incident."""
    state = watching.incidents.state(mailbox)
    if state.last is None:
        return f"{mailbox}: not looked at"
    seen = f"{state.last.sight} {state.last.cause}".strip()
    incident = watching.incidents.open_of_channel(mailbox)
    since = f", incident since {incident.since:%d %b %H:%MZ}" if incident else ""
    first = ", a first look; a second one follows" if state.suspicion else ""
    return f"{mailbox}: {seen}{since}{first}"
