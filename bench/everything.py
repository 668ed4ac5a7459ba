"""Calls, seconds and 429s of ``/check all`` through the real processes.

The sizes are 50 channels in 5 tenants, 250 in 10 and 500 in 20. The practice cloud enforces Graph's
limits for reports (5 in 10 s), Conditional Access (1 a second) and message traces (100 in 5 min).
The baseline is the same number of single checks, which would read a tenant's data once for each
channel.
"""

import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from redis import Redis

from bench.crowd import encryption_keys, fill
from bench.table import table, verdict
from jobs.runs.run import Run
from jobs.runs.run_store import RunStore
from practice.actors import REQUESTER
from practice.client import NotSeenError, People
from practice.stack import Stack

SIZES = ((50, 5), (250, 10), (500, 20))
LONGEST_S = 600.0
POLL_S = 0.5
TOO_MANY = 429
MOST_CALLS = 10.0
"""Maximum number of calls to Microsoft per channel, for the largest number of channels."""
ONCE = (
    "Get-BlockedSenderAddress",
    "Get-HostedOutboundSpamFilterPolicy",
    "Get-HostedOutboundSpamFilterRule",
    "Get-OrganizationConfig",
    "Get-DkimSigningConfig",
    "Get-OutboundConnector",
    "Get-RemoteDomain",
    "Get-TransportConfig",
    "Get-TransportRule",
    "/organization",
    "/policies/authorizationPolicy",
    "/policies/defaultAppManagementPolicy",
    "/policies/identitySecurityDefaultsEnforcementPolicy",
    "/identity/conditionalAccess/policies",
)
"""Reads of objects that exist once in a tenant.

A bulk check makes each of them once per tenant, for any number of channels.
"""
SETTINGS = {
    "limits": "1",
    "replication_s": "0",
    "exchange_replication_s": "0",
    "trace_delay_s": "0",
}


@dataclass(frozen=True, slots=True)
class Measured:
    """Result of one bulk check.

    It has the number of channels and tenants, the seconds, the calls, the refused calls, and how
    many channels are in each state.
    """

    channels: int
    tenants: int
    seconds: float
    calls: Counter[str]
    refused: int
    states: Counter[str]

    @property
    def each(self) -> float:
        """Return the number of calls to Microsoft per channel."""
        return sum(self.calls.values()) / self.channels

    @property
    def once(self) -> dict[str, float]:
        """Return how often each call in ``ONCE`` was made per tenant; the target is once."""
        return {name: self.calls[name] / self.tenants for name in ONCE}


def main() -> bool:
    """Run all sizes on one stack, and return whether the targets are met.

    No data of a tenant is read twice, no call is refused, and the cost grows no faster than the
    number of channels.
    """
    with Stack(practice=SETTINGS) as stack:
        people = stack.people()
        try:
            found = [_measure(stack, people, channels, tenants) for channels, tenants in SIZES]
        finally:
            people.close()
    return _print(found)


def _measure(stack: Stack, people: People, channels: int, tenants: int) -> Measured:
    name = f"Check of {channels}"
    room = str(people.control("POST", "webex/space", {"name": name, "members": [REQUESTER]})["id"])
    with stack.redis() as redis:
        fill(
            stack,
            people,
            room,
            [
                f"box{number}@t{number % tenants}-of-{channels}.example"
                for number in range(channels)
            ],
        )
        people.control("POST", "calls/reset")
        began = time.monotonic()
        people.say(REQUESTER, "/check all", name)
        run = _ended(RunStore(redis, encryption_keys(stack)), redis, room)
        seconds = time.monotonic() - began
    items = people.control("GET", "calls")["items"]
    states = Counter(str(finding.state) for finding in run.findings.values())
    return Measured(
        channels,
        tenants,
        seconds,
        Counter(_names(items)),
        sum(item["status"] == TOO_MANY for item in items),
        states,
    )


def _ended(store: RunStore, redis: Redis, room: str) -> Run:
    """Return the space's bulk check as soon as every channel has its verdict."""
    until = time.monotonic() + LONGEST_S
    while time.monotonic() < until:
        raw = redis.get(f"space:{room}:bulk_check")
        run = store.load(raw.decode()) if isinstance(raw, bytes) else None
        if run is not None and run.checked and len(run.findings) == len(run.brief.mailboxes):
            return run
        time.sleep(POLL_S)
    raise NotSeenError(f"the end of the bulk check within {LONGEST_S:.0f} s", None)


def _names(items: list[dict[str, Any]]) -> Iterator[str]:
    """Yield the name of each call to Microsoft: a cmdlet, a path of Graph, or Entra."""
    for item in items:
        path = str(item["path"])
        if path.startswith("/adminapi/"):
            yield str(item["cmdlet"])
        elif path.startswith("/graph/"):
            yield path.removeprefix("/graph").removeprefix("/v1.0")
        elif "/oauth2/" in path or "/.well-known/" in path:
            yield "Entra"


def _print(found: list[Measured]) -> bool:
    head = (
        "channels",
        "tenants",
        "s",
        "s a channel",
        "calls",
        "calls a channel",
        "429",
        "verdicts",
    )
    rows = [
        (
            m.channels,
            m.tenants,
            m.seconds,
            m.seconds / m.channels,
            sum(m.calls.values()),
            m.each,
            m.refused,
            dict(m.states),
        )
        for m in found
    ]
    table("/check all, every tenant lets the bot read by itself", head, rows)
    table(
        "Reads of what a tenant has once, a tenant",
        ("read", *(f"{m.channels}/{m.tenants}" for m in found)),
        [(name, *(m.once[name] for m in found)) for name in ONCE],
    )
    first, last = found[0], found[-1]
    twice = sorted({name for m in found for name, count in m.once.items() if count > 1})
    growth = last.seconds / first.seconds / (last.channels / first.channels)
    return all(
        [  # every line is printed
            verdict(f"read once a tenant: {', '.join(twice) or 'all of it'}", not twice),
            verdict(
                f"{sum(m.refused for m in found)} answers were 429",
                not any(m.refused for m in found),
            ),
            verdict(
                f"calls a channel: {first.each:.1f} at {first.channels}, {last.each:.1f} at {last.channels},"
                f" at most {MOST_CALLS:.0f}",
                last.each <= min(first.each, MOST_CALLS),
            ),
            verdict(
                f"time grows {growth:.2f} times as fast as the number of channels", growth <= 1
            ),
        ]
    )
