"""Report on the watch for ``doctor``: its rounds, its channels, its gaps, and its test mails."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from datetime import datetime, timedelta

from redis.exceptions import RedisError

from bot import program
from bot.queue.redis_report import Report
from jobs.clock import now
from jobs.mail import watch_mail
from jobs.runs.run_store import RunStore
from jobs.watch import rounds
from jobs.watch.model import WatchedChannel
from jobs.watch.store import Watching


def on_watch(store: RunStore) -> Report:
    """Report whether the watched channels are looked at in time.

    A group that waits for a worker, or a channel without a look for more than three intervals, is
    wrong. A sending server that did not take the newest test mail of a channel is a doubt.
    """
    try:
        return _report(Watching.of(store), now())
    except RedisError as error:
        return Report(wrong=f"cannot be seen ({type(error).__name__})")


def _report(watching: Watching, at: datetime) -> Report:
    channels = watching.channels.all()
    if not channels:
        return Report("no channel is watched; /watch ADDRESS begins it")
    late = rounds.lateness(watching, at)
    if late > rounds.LATE:
        return Report(
            wrong=f"a group of channels has waited for {_minutes(late)} for its round: start"
            f" `{program()} worker`, or look at why the workers do not come to it"
        )
    if unseen := _unseen(watching, channels, at):
        since = min(gap.since for gap in unseen)
        return Report(
            wrong=f"{len(unseen)} of {len(channels)} channels were not looked at for more than"
            f" {rounds.INTERVALS} intervals, {unseen[0].mailbox} since {since:%d %b %H:%MZ}: look at"
            " the workers' logs"
        )
    return Report(_good(watching, channels, at), doubt=_refused(watching, channels))


def _good(watching: Watching, channels: tuple[WatchedChannel, ...], at: datetime) -> str:
    """Return the numbers of watched channels and open incidents, and when the last round ended."""
    beat = rounds.newest_pulse(watching.channels.redis)
    ended = (
        f"the last round ended {_minutes(at - beat.at)} ago"
        if beat is not None
        else "the first round has not ended yet"
    )
    open_ones = len(watching.incidents.open_incidents())
    paused = sum(each.is_paused(at) for each in channels)
    parts = [f"channels that are watched: {len(channels)}", ended, f"incidents: {open_ones}"]
    return ", ".join([*parts, *([f"paused: {paused}"] if paused else [])])


def _unseen(
    watching: Watching, channels: Iterable[WatchedChannel], at: datetime
) -> list[rounds.Gap]:
    """Return the channels that had no look for too long, beginning with the longest gap."""
    state = watching.incidents.state
    found = (rounds.gap_of(each, state(each.mailbox), at) for each in channels)
    return sorted(filter(None, found), key=lambda gap: gap.since)


def _refused(watching: Watching, channels: Iterable[WatchedChannel]) -> str:
    """Return the sending server's refusals of the newest test mails, or an empty string."""
    redis = watching.channels.redis
    newest = (watch_mail.newest(redis, each.mailbox)[:1] for each in channels)
    causes = Counter(mail.refused for mails in newest for mail in mails if mail.refused)
    if not causes:
        return ""
    told = ", ".join(f"{cause} ({count})" for cause, count in causes.most_common())
    return (
        "the server of PROBE_SMTP_URL did not take the last test mail of some channels, so nothing"
        f" shows there that mail goes the whole way: {told}. Look at PROBE_SMTP_URL and PROBE_FROM, or"
        " set WATCH_TEST_MAIL to 0"
    )


def _minutes(span: timedelta) -> str:
    return f"{max(round(span.total_seconds() / 60), 0)} minutes"
