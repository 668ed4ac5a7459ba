"""Duration of a signed-in /check against its slowest probe, and the time until the first finding.

The signed-in check runs with 200 ms a cloud call, the first finding without delay. If the probes
overlap, a check takes as long as its slowest probe plus one round of token calls. A probe alone
takes its own calls (in the worker's log, by ``client-request-id``), one after the other, after
those of its needs. A probe without HTTP calls (SMTP, DNS) takes the time from the start of the
check to its finding. The round of tokens is one lookup of the endpoint and one token. The baseline,
in the same run, is every call one after the other.
"""

import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from bench.calls import Call, Json, read
from bench.chain import longest
from bench.table import median, percentile, table, verdict
from jobs.model import Access, Profile
from jobs.probes import checks_for
from jobs.runs.run import Event, Kind
from jobs.storage import codec
from practice.actors import ADMIN, MAILBOX, REQUESTER, SPACE
from practice.client import NotSeenError, People, links
from practice.scenario import Scenario
from practice.stack import Stack
from practice.verdicts import catalogue, texts

LATENCY_MS = 200
RUNS, SAMPLES, WARM_UP = 3, 20, 3
TARGET = 1.25
FIRST_MS = 300.0
SCENES = 11
PATIENCE_S = 60.0
TOKENS = ("/.well-known/openid-configuration", "/token")
STEPS = checks_for(Profile.ARTICLE)


@dataclass(frozen=True, slots=True)
class Checked:
    """Times of one signed-in check, in seconds.

    ``wall`` is the elapsed time, ``slowest`` the time of the slowest probe alone, ``tokens`` that
    of one round of tokens, and ``total`` that of all calls. ``name`` is the slowest probe.
    """

    wall: float
    slowest: float
    tokens: float
    total: float
    name: str

    @property
    def allowed(self) -> float:
        """Return the longest time that the check may take, in seconds."""
        return TARGET * self.slowest + self.tokens


class Checkup:
    """Running stack of processes with a channel that is set up, on which checks are timed."""

    def __init__(self, stack: Stack) -> None:
        self._stack, self._seen = stack, list[tuple[float, Json]]()
        self.people: People = stack.people(
            lambda message: self._seen.append((time.time(), message))
        )
        for _, play in Scenario(self.people, lambda _: None).scenes()[:SCENES]:
            play()

    def signed_in(self) -> Checked:
        """Start a check, sign in, and wait until it has finished."""
        self.people.control("PUT", "settings", {"latency_ms": LATENCY_MS})
        card = self._until(self._ask(), lambda message: bool(links(message)))
        self.people.control("POST", "calls/reset")
        self.people.open_link(ADMIN, links(card)[0])
        self._until(
            card["parentId"],
            lambda message: str(catalogue()["access"]["admin"]) in texts(message["card"]),
        )
        self._until(card["parentId"], lambda message: "ooking" not in texts(message["card"]))
        return checked(
            self._events(),
            read(self.people.control("GET", "calls")["items"], self._stack.folder / "worker.log"),
        )

    def first_finding(self) -> tuple[float, float]:
        """Return the milliseconds from the webhook to the card with the first finding.

        The first number is when the card reached Webex, the second when a person had it.
        """
        self.people.control("PUT", "settings", {"latency_ms": 0})
        self.people.control("POST", "calls/reset")
        self._seen.clear()
        thread = self._ask()
        self._until(
            thread,
            lambda message: (
                "check" in str(message["card"]) and "ooking" not in texts(message["card"])
            ),
        )
        calls = read(self.people.control("GET", "calls")["items"])
        sent = next(call for call in calls if call.method == "NOTIFY").start
        seen = next(
            at
            for at, message in self._seen
            if message["parentId"] == thread and message["card"] and _finds(message["card"])
        )
        cards = [
            call.start
            for call in calls
            if call.method in {"POST", "PUT"} and "/messages" in call.path and call.start < seen
        ]
        return (max(cards) - sent) * 1000, (seen - sent) * 1000

    def _ask(self) -> str:
        self.people.look()
        return str(self.people.say(REQUESTER, f"/check {MAILBOX}", SPACE)["id"])

    def _until(self, thread: str, wanted: Any) -> Json:
        return self.people.wait_for(
            "the check",
            lambda each: each["parentId"] == thread and bool(each["card"]) and wanted(each),
            PATIENCE_S,
        )

    def _events(self) -> list[Event]:
        """Return the recorded events of the mailbox's newest check."""
        redis: Any = self._stack.redis()
        run = redis.get(f"channel:{MAILBOX}:check").decode()
        return [codec.load(raw, Event) for raw in redis.lrange(f"run:{run}:events", 0, -1)]


def checked(events: Iterable[Event], calls: list[Call]) -> Checked:
    """Return the times of a signed-in check.

    They are the elapsed time from the sign-in on, and the times of the calls of each probe alone.
    """
    events = list(events)
    began = next(event.at.timestamp() for event in events if event.kind is Kind.SIGNED_IN)
    ended = next(event.at.timestamp() for event in reversed(events) if event.kind is Kind.CHECKED)
    work = [call for call in calls if began - 0.005 <= call.start < ended and _is_of_cloud(call)]
    by_itself = {step: _by_itself(step, after, work) for step, after in _found(events, began)}
    alone = {step: _with_needs(step, by_itself) for step in by_itself}
    name = max(alone, key=lambda step: alone[step])
    return Checked(
        ended - began, alone[name], _tokens(work), sum(call.seconds for call in work), name
    )


def _is_of_cloud(call: Call) -> bool:
    return call.method != "NOTIFY" and "/webex/" not in call.path


def _found(events: list[Event], began: float) -> Iterator[tuple[str, float]]:
    """Yield the step of each finding, and the seconds from the sign-in until the finding."""
    for event in events:
        after = event.at.timestamp() - began
        if event.kind is Kind.FOUND and after > 0:
            yield event.step, after


def _by_itself(step: str, after: float, work: list[Call]) -> float:
    """Return the seconds of a probe's own calls.

    For a probe that needs no sign-in and makes no call, these are the seconds until its finding.
    """
    own = [call for call in work if step in call.steps and not call.path.endswith(TOKENS)]
    free = STEPS[step].diagnosis.access is Access.NONE
    return _alone(own) or (after if free else 0.0)


def _with_needs(step: str, alone: dict[str, float]) -> float:
    """Return a probe's seconds, including the slowest of its needs."""
    return alone[step] + max(
        (_with_needs(need, alone) for need in STEPS[step].needs if need in alone), default=0.0
    )


def _alone(calls: list[Call]) -> float:
    """Return the seconds of one probe's longest chain of calls.

    In a chain each call begins after the previous answer.
    """
    chains = (longest(calls[: number + 1], lambda *_: True) for number in range(len(calls)))
    return max((sum(call.seconds for call in chain) for chain in chains), default=0.0)


def _tokens(calls: list[Call]) -> float:
    """Return the seconds of one endpoint lookup and one token."""
    return sum(
        max((call.seconds for call in calls if call.path.endswith(kind)), default=0.0)
        for kind in TOKENS
    )


def _finds(card: Json) -> bool:
    """Return whether the card shows more than a progress text and skipped findings."""
    told = texts(card)
    return str(catalogue()["access"]["none"]) in told or "ooking" not in told


def main() -> bool:
    """Run three signed-in checks and twenty first findings; return whether both targets are met."""
    with Stack(
        env={"LOG_LEVEL": "DEBUG"},
        practice={
            "replication_s": "0",
            "exchange_replication_s": "0",
            "customization_s": "0",
            "trace_delay_s": "0",
        },
    ) as stack:
        checkup = Checkup(stack)
        try:
            runs = [checkup.signed_in() for _ in range(RUNS)]
            firsts = [checkup.first_finding() for _ in range(SAMPLES + WARM_UP)][WARM_UP:]
        except NotSeenError as error:
            return verdict(str(error), good=False)
        finally:
            checkup.people.close()
    return _print(runs, firsts)


def _print(runs: list[Checked], firsts: list[tuple[float, float]]) -> bool:
    head = (
        "run",
        "wall s",
        "slowest probe alone s",
        "which",
        "tokens s",
        "allowed s",
        "one by one s",
        "faster by",
    )
    rows = [
        (n, r.wall, r.slowest, r.name, r.tokens, r.allowed, r.total, r.total / r.wall)
        for n, r in enumerate(runs, 1)
    ]
    table(
        f"Signed-in check, {LATENCY_MS} ms a cloud call; the baseline is the same calls one by one",
        head,
        rows,
    )
    wall, allowed = median([run.wall for run in runs]), median([run.allowed for run in runs])
    overlaps = verdict(
        f"wall {wall:.2f} s, at most {TARGET} x the slowest probe + one round of tokens = {allowed:.2f} s",
        wall <= allowed,
    )
    reached, seen = zip(*firsts, strict=True)
    shares = [
        (name, *(round(percentile(values, share)) for share in (0.5, 0.95, 1)))
        for name, values in (("reached Webex", reached), ("seen", seen))
    ]
    table("First finding, ms after the webhook was sent", ("when", "p50", "p95", "max"), shares)
    middle, late, last = (percentile(reached, share) for share in (0.5, 0.95, 1))
    told = f"first finding p50 {middle:.0f} ms, at most {FIRST_MS:.0f}; p95 {late:.0f} ms, max {last:.0f} ms"
    return verdict(told, middle <= FIRST_MS) and overlaps
