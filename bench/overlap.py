"""Overlap of automated work, measured against the longest chain of dependent cloud calls.

Every cloud call takes 200 ms. Two spans between human steps of a setup are measured in the real
processes of the Procfile: from the return of the sign-in to the plan card, and from the press on
Approve to the consent card. The baseline, in the same run, is a straight-line script: the same
calls, one after the other.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from redis import Redis

from bench.calls import Call, Json, read
from bench.chain import Span
from bench.table import median, table, verdict
from jobs.model import Profile, State
from jobs.runs.run import Event, Kind
from jobs.steps import steps_for
from jobs.storage import codec
from practice.scenario import Scenario
from practice.stack import Stack

LATENCY_MS = 200
RUNS = 3
TARGET = 1.2
AT_ONCE = ("replication_s", "exchange_replication_s", "customization_s", "trace_delay_s")
DELAYS = {"latency_ms": str(LATENCY_MS), **dict.fromkeys(AT_ONCE, "0")}


@dataclass(frozen=True, slots=True)
class Recorded:
    """A run up to the consent card: its events, and every call to the clouds."""

    events: tuple[Event, ...]
    calls: list[Call]

    def first(self, kind: Kind, wanted: Callable[[Event], bool] = lambda _: True) -> float:
        """Return when a matching event first happened, in seconds since the epoch."""
        return next(
            event.at.timestamp() for event in self.events if event.kind is kind and wanted(event)
        )


def record() -> Recorded:
    """Play the conversation up to the consent card."""
    with Stack(env={"LOG_LEVEL": "DEBUG"}, practice=DELAYS) as stack:
        people = stack.people()
        try:
            story = Scenario(people, lambda _: None)
            for _, play in story.scenes()[:5]:
                play()
            story.card("a consent card", "look_again", seconds=60)
            items: list[Json] = people.control("GET", "calls")["items"]
        finally:
            people.close()
        logs = [stack.folder / f"{name}.log" for name in ("web", "worker")]
        return Recorded(_events(stack.ports.redis), read(items, *logs))


def plan_span(recorded: Recorded) -> Span:
    """Return the span from the browser's return from Microsoft to the plan card."""
    signed_in, planned = recorded.first(Kind.SIGNED_IN), recorded.first(Kind.PLANNED)
    began = max(
        call.end
        for call in recorded.calls
        if call.path.endswith("/authorize") and call.end < signed_in
    )
    card = _card(recorded, planned)
    head = [call for call in _between(recorded, began, signed_in) if "/webex/" not in call.path]
    work = [call for call in _between(recorded, signed_in, card.start) if call.steps]
    steps = steps_for(Profile.ARTICLE)
    return Span(
        tuple(head),
        tuple(work),
        card,
        frozenset(name for name, step in steps.items() if step.automatic),
        card.end - began,
    )


def consent_span(recorded: Recorded) -> Span:
    """Return the span from the accepted webhook of the press on Approve to the consent card."""
    approved = recorded.first(Kind.APPROVED)
    began = _accepted(recorded, approved)
    card = _card(recorded, recorded.first(Kind.FOUND, _waits_for_consent))
    head = [call for call in _between(recorded, began, approved) if "/webex/" in call.path]
    work = [call for call in _between(recorded, approved, card.start) if call.steps]
    return Span(tuple(head), tuple(work), card, frozenset({"admin_consent"}), card.end - began)


def _accepted(recorded: Recorded, approved: float) -> float:
    """Return when the bot accepted the webhook of the press on Approve.

    The time is in seconds since the epoch.
    """
    notices = [
        call
        for call in recorded.calls
        if call.method == "NOTIFY" and "attachmentActions" in call.path and call.end < approved
    ]
    last = max(call.end for call in notices if call.start < approved - LATENCY_MS / 1000)
    return min(call.end for call in notices if call.end > last - 0.1)


def _waits_for_consent(event: Event) -> bool:
    return (
        event.step == "admin_consent"
        and event.finding is not None
        and event.finding.state is State.WAITING
    )


def _card(recorded: Recorded, after: float) -> Call:
    """Return the first call after a moment that shows the card.

    The call is a post, or an edit of the run's card.
    """
    return next(
        call
        for call in recorded.calls
        if call.method in {"POST", "PUT"} and "/messages" in call.path and call.start > after
    )


def _between(recorded: Recorded, start: float, end: float) -> list[Call]:
    return [
        call
        for call in recorded.calls
        if start - 0.005 <= call.start < end and call.method != "NOTIFY"
    ]


def _events(port: int) -> tuple[Event, ...]:
    redis: Any = Redis(port=port)
    key = next(iter(redis.scan_iter("run:*:events")))
    return tuple(codec.load(raw, Event) for raw in redis.lrange(key, 0, -1))


def _row(name: str, number: object, span: Span, chain: list[Call]) -> tuple[object, ...]:
    length = sum(call.seconds for call in chain)
    calls = len(span.head) + len(span.work) + 1
    return (
        name,
        number,
        span.wall,
        length,
        len(chain),
        span.wall / length,
        span.total,
        calls,
        span.total / span.wall,
    )


HEAD = (
    "span",
    "run",
    "wall s",
    "chain s",
    "calls in it",
    "wall/chain",
    "one by one s",
    "calls",
    "faster by",
)


def main() -> bool:
    """Print three runs and their medians, and return whether both spans are within the target."""
    steps, rows = steps_for(Profile.ARTICLE), []
    for number in range(1, RUNS + 1):
        recorded = record()
        for name, span in (
            ("sign-in to plan card", plan_span(recorded)),
            ("Approve to consent card", consent_span(recorded)),
        ):
            rows.append(_row(name, number, span, span.chain(steps)))
    names = sorted({str(row[0]) for row in rows}, reverse=True)
    medians = [
        (
            name,
            "median",
            *(
                median([_number(row[n]) for row in rows if row[0] == name])
                for n in range(2, len(HEAD))
            ),
        )
        for name in names
    ]
    table(
        f"Overlap, {LATENCY_MS} ms a cloud call; the baseline is the same calls one by one",
        HEAD,
        [*sorted(rows, key=_order), *medians],
    )
    return all(
        [  # noqa: C419  print every line
            verdict(
                f"{row[0]}: wall/chain {_number(row[5]):.2f}, at most {TARGET}",
                _number(row[5]) <= TARGET,
            )
            for row in medians
        ]
    )


def _order(row: tuple[object, ...]) -> tuple[str, str]:
    return str(row[0]), str(row[1])


def _number(cell: object) -> float:
    return float(str(cell))
