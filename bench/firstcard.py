"""Time from the webhook to the first card, with a Webex that answers at once.

It is measured from the moment the practice Webex sends the signed webhook to the moment the card's
``POST /messages`` reaches it. In between are the web process, Redis, a worker, and the requests to Webex that the card needs.

There are two baselines in the same run. One is a stock RQ worker behind a bare route, which asks Webex
nothing and posts one card (:mod:`bench.stock`). The other makes the product's requests one after the
other from a process that is warm and connected.
"""

import ssl
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import httpx

from bench.calls import Call, read
from bench.table import percentile, table, verdict
from practice.actors import REQUESTER, SPACE
from practice.client import People
from practice.environment import ROOT
from practice.processes import Process
from practice.stack import Stack

SAMPLES, WARM_UP = 30, 5
WAIT_S, LONGEST_S = 0.3, 60.0
SLOW_MS = 60
"""Latency of Webex, in milliseconds, for the count of round trips.

With this latency, overlapping calls are seen to overlap.
"""
MOST_TIMES, MOST_TRIPS = 1.5, 3
STOCK = {
    "rq worker": "rq worker --url $REDIS_URL --serializer rq.serializers.JSONSerializer stock",
    "SDK imported before": "python -m bench.stock worker",
}
"""Commands of RQ's stock worker, which the bot's worker is compared with."""


@dataclass(frozen=True, slots=True)
class Sample:
    """Milliseconds from the webhook to its acceptance, to the job's first request, and to the card.

    ``trips`` is how many times the job waited for Webex, including the wait for the card. Requests
    that overlap count once.
    """

    accepted: float
    asked: float
    card: float
    trips: int


def main() -> bool:
    """Run thirty commands, each for a different mailbox, and return whether the targets are met."""
    with Stack() as stack:
        people = stack.people()
        try:
            people.control("PUT", "settings", {"latency_ms": 0})
            samples = [
                _sample(people, f"/setup-email box{number}@contoso.com")
                for number in range(SAMPLES + WARM_UP)
            ][WARM_UP:]
            floor = _floor(stack, people)
            people.control("PUT", "settings", {"latency_ms": SLOW_MS})
            trips = _sample(people, "/setup-email trips@contoso.com").trips
            people.control("PUT", "settings", {"latency_ms": 0})
            stock = {name: _of_stock(stack, people, command) for name, command in STOCK.items()}
        finally:
            people.close()
    return _show(samples, floor, stock, trips)


def _show(
    samples: list[Sample], floor: list[float], stock: dict[str, list[float]], trips: int
) -> bool:
    cards = [each.card for each in samples]
    rows = [
        ("webhook accepted", *_shares([s.accepted for s in samples])),
        ("job's first question", *_shares([s.asked for s in samples])),
        ("first card", *_shares(cards)),
        *((f"baseline: a stock worker's card, {name}", *_shares(stock[name])) for name in stock),
        ("baseline: the questions alone", *_shares(floor)),
    ]
    table(
        f"First card, {SAMPLES} commands, ms after the webhook was sent",
        ("until", "p50", "p95", "max"),
        rows,
    )
    quickest = min(percentile(each, 0.5) for each in stock.values())
    times = percentile(cards, 0.5) / quickest
    good = [
        verdict(
            f"p50 is {times:.2f} times that of the quicker stock worker, at most {MOST_TIMES}",
            times <= MOST_TIMES,
        ),
        verdict(f"{trips} round trips to Webex, at most {MOST_TRIPS}", trips <= MOST_TRIPS),
    ]
    return all(good)


def _of_stock(stack: Stack, people: People, command: str) -> list[float]:
    """Return the milliseconds until the card of a stock RQ worker, which replaces the product's."""
    with _stock(stack, command):
        samples = [_sample(people, f"message {number}") for number in range(SAMPLES + WARM_UP)]
    return [each.card for each in samples[WARM_UP:]]


@contextmanager
def _stock(stack: Stack, command: str) -> Iterator[None]:
    """Run a bare Flask route and RQ's own worker instead of the product.

    The route serves at the product's address.
    """
    product = stack.processes["worker"].env
    env = product | {"PYTHONPATH": str(ROOT), "REQUESTS_CA_BUNDLE": str(stack.ca_path)}
    for name in ("worker", "web"):
        stack.processes[name].stop()
    commands = {"web": f"python -m bench.stock web {stack.ports.web}", "worker": command}
    processes = [
        Process(name, line, env, ROOT, stack.folder / f"stock-{name}.log")
        for name, line in commands.items()
    ]
    try:
        for process in processes:
            process.start()
        _until_listening(stack.public_url)
        yield
    finally:
        for process in processes:
            process.stop()


def _until_listening(url: str) -> None:
    """Wait until the route accepts connections.

    Raises:
        TimeoutError: The route did not start.
    """
    until = time.monotonic() + LONGEST_S
    while time.monotonic() < until:
        try:
            httpx.get(url, trust_env=False)
        except httpx.TransportError:
            time.sleep(WAIT_S)
        else:
            return
    raise TimeoutError("the bare route did not start")


def _sample(people: People, text: str) -> Sample:
    people.control("POST", "calls/reset")
    people.say(REQUESTER, text, SPACE)
    calls: list[Call] = []
    until = time.monotonic() + LONGEST_S
    while not any(map(_is_card, calls)) and time.monotonic() < until:
        time.sleep(WAIT_S)
        calls = read(people.control("GET", "calls")["items"])
    notice = next(call for call in calls if call.method == "NOTIFY")
    card = next(filter(_is_card, calls))
    asked = [call for call in calls if call.method == "GET" and call.start <= card.start]
    first = asked[0] if asked else card
    return Sample(
        notice.seconds * 1000,
        (first.start - notice.start) * 1000,
        (card.start - notice.start) * 1000,
        _trips([*asked, card]),
    )


def _trips(calls: Sequence[Call]) -> int:
    """Return how many of the calls began after all earlier ones were answered."""
    return 1 + sum(
        all(each.precedes(call) for each in calls[:number])
        for number, call in enumerate(calls)
        if number
    )


def _is_card(call: Call) -> bool:
    return call.method == "POST" and call.path.endswith("/messages")


def _floor(stack: Stack, people: People) -> list[float]:
    """Return how long the requests for the message, the person and the members take.

    They are made in order over one connection.
    """
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
