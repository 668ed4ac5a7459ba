"""Judge of a simulated quarter of the watch.

It compares the incidents and cards with the truth of the simulated world.
"""

import statistics
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from bench.table import percentile, table, verdict
from bench.watch_quarter import Quarter
from bench.watch_world import HOUR, Break, BreakKind, World, mails_of
from jobs.watch import history
from jobs.watch.model import BLIND_AFTER, Incident, Sight, WatchedChannel

SLACK = timedelta(seconds=120)
"""Time between a break and its card that is allowed in addition to the interval."""
SHOWN = 10
"""Maximum number of examples that are printed of each kind of error."""
MOST_BYTES = 128 * 1024
"""Largest space in Redis that a channel may take, in bytes."""


@dataclass(slots=True)
class Judged:
    """Result of the quarter, compared with the truth."""

    breaks: Counter[str] = field(default_factory=Counter)
    noticed: Counter[str] = field(default_factory=Counter)
    short: Counter[str] = field(default_factory=Counter)
    seconds: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    raw_seconds: list[float] = field(default_factory=list)
    late: list[str] = field(default_factory=list)
    missed: list[str] = field(default_factory=list)
    false: list[str] = field(default_factory=list)
    doubled: list[str] = field(default_factory=list)
    mails_made: int = 0
    mails_kept: int = 0


def judge(quarter: Quarter) -> Judged:
    """Compare the incidents and cards of the quarter with the truth of the simulated world."""
    found, world = Judged(), quarter.world
    incidents = {
        mailbox: quarter.services.watching.of_channel(mailbox)
        for some in world.tenants.values()
        for mailbox in some
    }
    for each in world.breaks:
        _judge_break(quarter, each, incidents, found)
    for mailbox, every in incidents.items():
        found.false += [
            f"{mailbox} {one.noticed:%d %b %H:%M} {one.cause}"
            for one in every
            if not _is_true(world, mailbox, one)
        ]
    _judge_mails(quarter, found)
    return found


def _judge_break(
    quarter: Quarter, each: Break, incidents: dict[str, tuple[Incident, ...]], found: Judged
) -> None:
    world, spaces = quarter.world, defaultdict[str, set[str]](set)
    channels = quarter.services.watching.channels()
    for watched in (known for known in channels if known.mailbox in each.mailboxes):
        mailbox = watched.mailbox
        own = _noticed(each, incidents[mailbox])
        seen_from = _seen_from(world, mailbox, each)
        found.breaks[each.kind] += 1
        label = f"{each.kind}: {mailbox} {each.begins:%d %b %H:%M} for {each.ends - each.begins}"
        if not own:
            if _lasted(world, watched, each):
                found.missed.append(label)
            else:
                found.short[each.kind] += 1
            continue
        found.noticed[each.kind] += 1
        if len(own) > 1:
            found.doubled.append(label)
        allowed = watched.interval + SLACK
        _judge_time(quarter, each, own[0], seen_from or each.begins, allowed, label, found)
        for one in own:
            for room, card in quarter.cards.shown.get(one.id, {}):
                spaces[room].add(card)
    found.doubled += [f"{each.kind} in {room}" for room, some in spaces.items() if len(some) > 1]


def _lasted(world: World, watched: WatchedChannel, each: Break) -> bool:
    """Return whether the break could be seen for longer than the watch may take to notice it."""
    seen_from = _seen_from(world, watched.mailbox, each)
    if seen_from is None:
        return False
    lost = world.lost(watched.group, seen_from, each.ends)
    return each.ends - seen_from - lost > watched.interval + SLACK


def _noticed(each: Break, incidents: tuple[Incident, ...]) -> list[Incident]:
    """Return the incidents that have the break's kind and were noticed while it lasted."""
    return [
        one for one in incidents if each.begins <= one.noticed < each.ends and _is_of(one, each)
    ]


def _judge_time(  # noqa: PLR0913, PLR0917  what a time is made of
    quarter: Quarter,
    each: Break,
    incident: Incident,
    seen_from: datetime,
    allowed: timedelta,
    label: str,
    found: Judged,
) -> None:
    """Record the time from the break to the card.

    The time in which no look was possible does not count.
    """
    places = quarter.cards.shown.get(incident.id, {})
    if not places:
        found.missed.append(f"no card: {label}")
        return
    card = min(places.values())
    group = next(
        tenant for tenant, some in quarter.world.tenants.items() if incident.mailbox in some
    )
    lost = quarter.world.lost(group, seen_from, card)
    seconds = (card - seen_from - lost).total_seconds()
    found.seconds[each.kind].append(seconds)
    found.raw_seconds.append((card - each.begins).total_seconds())
    if seconds > allowed.total_seconds() and each.kind is not BreakKind.FLAPS:
        found.late.append(f"{seconds:.0f} s: {label}")


def _is_of(incident: Incident, each: Break) -> bool:
    """Return whether an incident is of the kind that the break makes."""
    blind = each.kind is BreakKind.ACCESS
    return incident.sight is (Sight.CANNOT_LOOK if blind else Sight.BROKEN)


def _seen_from(world: World, mailbox: str, each: Break) -> datetime | None:
    """Return when a look could first see the break.

    A break that only a mail shows is seen with the first mail. The result is None if no mail came
    while the break lasted.
    """
    if each.kind is not BreakKind.MAIL:
        return each.begins
    first = world.first_mail(mailbox, each.begins, each.ends)
    return first + world.delay(mailbox, first) if first is not None else None


def _is_true(world: World, mailbox: str, incident: Incident) -> bool:
    """Return whether the incident was real when it was noticed and confirmed.

    The channel must have been broken, or the clouds or the workers must have been away for long
    enough.
    """
    noticed, confirmed = incident.noticed, incident.confirmed
    broken = any(
        mailbox in each.mailboxes and each.begins <= noticed < each.ends and _is_of(incident, each)
        for each in world.breaks
    )
    if broken or incident.sight is Sight.BROKEN:
        return broken
    group = next(tenant for tenant, some in world.tenants.items() if mailbox in some)
    return world.lost(group, noticed, confirmed) >= BLIND_AFTER / 2


def _judge_mails(quarter: Quarter, found: Judged) -> None:
    """Compare the mails in the history with those that came.

    The newest hours are left out, because the watch may not have seen their mails yet.
    """
    world = quarter.world
    last = world.ends.replace(hour=0, minute=0, second=0) - timedelta(days=1)
    first = max(world.begins, last - timedelta(days=80))
    for some in world.tenants.values():
        for mailbox in some:
            kept = history.days(quarter.redis, mailbox, world.ends)
            found.mails_kept += sum(
                total.mails for day, total in kept.items() if first.date() <= day < last.date()
            )
            hour = first
            while hour < last:
                found.mails_made += len(mails_of(world.seed, mailbox, hour))
                hour += HOUR


def show(quarter: Quarter, found: Judged) -> bool:
    """Print the tables of the simulated quarter; return whether the targets are met."""
    _show_times(quarter, found)
    _show_weather(quarter)
    wrong = {
        "Late": found.late,
        "Missed": found.missed,
        "False": found.false,
        "Doubled": found.doubled,
    }
    for name, some in wrong.items():
        if some:
            table(name, ("",), [(each,) for each in some[:SHOWN]])
    return _is_met(quarter, found)


def _show_times(quarter: Quarter, found: Judged) -> None:
    world = quarter.world
    channels = sum(map(len, world.tenants.values()))
    days = (world.ends - world.begins).days
    head = ("break", "breaks", "noticed", "too short", "p50 s", "p100 s")
    rows = [
        (
            str(kind),
            found.breaks[kind],
            found.noticed[kind],
            found.short[kind],
            statistics.median(found.seconds[kind]) if found.seconds[kind] else "-",
            max(found.seconds[kind], default=0.0),
        )
        for kind in BreakKind
    ]
    table(
        f"{days} days, {channels} channels in {len(world.tenants)} tenants, seed {world.seed}: time"
        " from break to card",
        head,
        rows,
    )


def _show_weather(quarter: Quarter) -> None:
    world = quarter.world
    weather = (
        ("rounds", quarter.rounds),
        ("workers killed in a round", quarter.killed),
        ("hosts lost in a round", quarter.hosts_lost),
        ("times without any worker", len(world.away)),
        ("spaces told of a gap", quarter.gaps_told),
        ("times without an answer of a tenant", sum(map(len, world.silent.values()))),
        ("outages of every cloud", len(world.outages)),
        ("moments that looked broken and were not", sum(map(len, world.blips.values()))),
        ("cards", len(quarter.cards.posted)),
        ("seconds of real time", round(quarter.real_s)),
    )
    table("What happened", ("", ""), weather)


def _is_met(quarter: Quarter, found: Judged) -> bool:
    """Print each target with the value that was reached; return whether all targets are met."""
    every = found.raw_seconds or [0.0]
    months = (quarter.world.ends - quarter.world.begins).days / 30
    grown = ", ".join(f"{each / 1024:.1f}" for each in quarter.growth)
    return all(
        [  # every line is printed
            verdict(f"{len(found.false)} false cards", not found.false),
            verdict(f"{len(found.missed)} missed breaks", not found.missed),
            verdict(f"{len(found.doubled)} doubled cards", not found.doubled),
            verdict(
                f"{len(found.late)} cards later than the interval + 120 s, without the time in which"
                f" no cloud answered or no worker ran (with it: p50 {percentile(every, 0.5):.0f} s,"
                f" p100 {max(every):.0f} s)",
                not found.late,
            ),
            verdict(
                f"{found.mails_kept} of {found.mails_made} mails are in the history, once each",
                found.mails_kept == found.mails_made,
            ),
            verdict(
                f"Redis: {grown} KiB a channel at the end of each month,"
                f" {quarter.growth[-1] / 1024 / max(months, 1):.1f} KiB a month",
                quarter.growth[-1] < MOST_BYTES,
            ),
        ]
    )
