"""Time from the webhook to the first card, with a Webex that answers at once.

It is measured from the moment the practice Webex sends the signed webhook to the moment the card's
``POST /messages`` reaches it. In between are the web process, Redis, a worker that forks a process
for the job, and the requests to Webex that the card needs. The baseline, in the same run, makes the
same requests one after the other from a process that is warm and connected.
"""

from __future__ import annotations

import ssl
import time
from dataclasses import dataclass
from typing import Any

import httpx

from bench.calls import Call, read
from bench.table import percentile, table, verdict
from practice.actors import REQUESTER, SPACE
from practice.client import People
from practice.stack import Stack

SAMPLES, WARM_UP = 30, 5
WAIT_S, LONGEST_S = 0.3, 60.0
MEDIAN_MS, TAIL_MS = 25.0, 60.0


@dataclass(frozen=True, slots=True)
class Sample:
    """Milliseconds from the webhook to its acceptance, to the job's first request, and to the card."""

    accepted: float
    asked: float
    card: float


def main() -> bool:
    """Run thirty commands, each for another mailbox, and return whether the targets are met."""
    with Stack() as stack:
        people = stack.people()
        try:
            people.control("PUT", "settings", {"latency_ms": 0})
            samples = [
                _sample(people, f"box{number}@contoso.com") for number in range(SAMPLES + WARM_UP)
            ][WARM_UP:]
            floor = _floor(stack, people)
        finally:
            people.close()
    rows = [
        ("webhook accepted", *_shares([s.accepted for s in samples])),
        ("job's first question", *_shares([s.asked for s in samples])),
        ("first card", *_shares([s.card for s in samples])),
        ("baseline: the questions alone", *_shares(floor)),
    ]
    table(
        f"First card, {SAMPLES} commands, ms after the webhook was sent (a process is forked for each)",
        ("until", "p50", "p95", "max"),
        rows,
    )
    middle, tail = _number(rows[2][1]), _number(rows[2][2])
    good = middle <= MEDIAN_MS and tail <= TAIL_MS
    return verdict(
        f"p50 {middle:.0f} ms, at most {MEDIAN_MS:.0f}; p95 {tail:.0f} ms, at most {TAIL_MS:.0f}",
        good,
    )


def _sample(people: People, mailbox: str) -> Sample:
    people.control("POST", "calls/reset")
    people.say(REQUESTER, f"/setup-email {mailbox}", SPACE)
    calls: list[Call] = []
    until = time.monotonic() + LONGEST_S
    while not any(map(_is_card, calls)) and time.monotonic() < until:
        time.sleep(WAIT_S)
        calls = read(people.control("GET", "calls")["items"])
    notice = next(call for call in calls if call.method == "NOTIFY")
    asked = next(call for call in calls if call.method == "GET")
    card = next(filter(_is_card, calls))
    return Sample(
        notice.seconds * 1000,
        (asked.start - notice.start) * 1000,
        (card.start - notice.start) * 1000,
    )


def _is_card(call: Call) -> bool:
    return call.method == "POST" and call.path.endswith("/messages")


def _floor(stack: Stack, people: People) -> list[float]:
    """Time the requests for the message, the person and the members, in order over one connection."""
    said: dict[str, Any] = people.say(REQUESTER, "a message to ask for", SPACE, mention=False)
    env = stack.processes["worker"].env
    context = ssl.create_default_context(cafile=str(stack.ca_path))
    headers = {"Authorization": f"Bearer {env['WEBEX_ACCESS_TOKEN']}"}
    with httpx.Client(
        base_url=env["WEBEX_API_URL"], verify=context, headers=headers, trust_env=False
    ) as webex:
        me = webex.get("people/me").raise_for_status().json()["id"]
        hooks = (f"messages/{said['id']}", f"people/{me}", f"memberships?roomId={said['roomId']}")
        return [_timed(webex, hooks) for _ in range(SAMPLES)]


def _timed(webex: httpx.Client, paths: tuple[str, ...]) -> float:
    began = time.perf_counter()
    for path in paths:
        webex.get(path)
    return (time.perf_counter() - began) * 1000


def _shares(values: list[float]) -> tuple[float, float, float]:
    return (
        round(percentile(values, 0.5), 1),
        round(percentile(values, 0.95), 1),
        round(max(values), 1),
    )


def _number(cell: object) -> float:
    return float(str(cell))
