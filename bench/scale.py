"""Throughput and cost with many channels: ``python -m bench scale``.

``scale-short`` has fewer events, for a busy machine. ``scale-small`` only shows that everything
works.

Redis is filled with 500, 5,000 and 50,000 channels, and at each number the cost of a command is
measured with one worker. Each tenant has 25 channels in a space of its own, so a list shows the same
number at each size: there are more tenants, and no larger spaces. Then, for 1, 2 and 4 workers,
people give commands as webhooks at 10,000 a minute for half a minute, until everything is answered,
and 200 setups are asked for at once. A scripted Webex makes up the messages
(:mod:`bench.scripted_webex`). It counts the answers, so lost and doubled answers are seen.

The stages of an event are the acceptance of its webhook, the wait until a worker asks Webex for the
message, and the work until the answer is posted. The sums for 100,000 channels are computed from
all of these numbers.
"""

import hashlib
import hmac
import http.client
import json
import os
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from http import HTTPStatus

from redis import Redis

from bench.many import A_SPACE, Site, seed, site, until
from bench.table import percentile, say, table, verdict

CLIENTS = 32
MANY = 100_000
ANSWERED_S = 900.0
IDLE_S = 10.0
COMMANDS = ("status", "channels")
"""Commands of the events, in turn. Both commands read the bot's data about the space."""


@dataclass(frozen=True, slots=True)
class Size:
    """Size of a measurement: numbers of channels, setups at once, and events.

    ``a_minute`` is the number of webhooks in a minute, ``events`` the number of all webhooks, and
    ``workers`` the numbers of workers to measure with.
    """

    channels: tuple[int, ...]
    setups: int
    a_minute: int
    events: int
    workers: tuple[int, ...]


FULL = Size((500, 5_000, 50_000), 200, 10_000, 5_000, (1, 2, 4))
SHORT = Size((500, 5_000), 200, 10_000, 300, (1, 2, 4))
SMALL = Size((25, 50), 8, 1_200, 40, (1, 2))


@dataclass(frozen=True, slots=True)
class Measured:
    """Result of one load: milliseconds of each stage, seconds until the last answer, and the costs.

    The costs are for one event: processor time in ms, commands of Redis, and requests to Webex.
    They include the work that the timers did in the meantime.
    """

    workers: int
    channels: int
    events: int
    accepted: tuple[float, ...]
    waited: tuple[float, ...]
    worked: tuple[float, ...]
    seconds: float
    sent_a_minute: float
    refused: int
    lost: int
    doubled: int
    web_ms: float
    worker_ms: float
    redis_ms: float
    commands: float
    calls: float

    @property
    def a_second(self) -> float:
        """Return the number of events that were answered in a second."""
        return (self.events - self.lost) / self.seconds

    @property
    def is_whole(self) -> bool:
        """Return whether every event was accepted and was answered exactly once."""
        return self.refused == self.lost == self.doubled == 0


@dataclass(frozen=True, slots=True)
class Stock:
    """Memory of Redis in MiB with so many channels, and its commands in a second without events."""

    channels: int
    mib: float
    idle: float


def main(size: Size = FULL) -> bool:
    """Measure everything, print it, and return whether nothing was lost or doubled."""
    with site() as place:
        stocks, costs = _grow(place, size)
        loads, setups = [], []
        for workers in size.workers:
            place.workers(workers)
            loads.append(load(place, size, f"w{workers}", COMMANDS, size.events, size.a_minute))
            setups.append(load(place, size, f"s{workers}", ("setup",), size.setups, 0))
            rates = f"{loads[-1].a_second:.1f} commands and {setups[-1].a_second:.1f} setups"
            say(f"  {workers} workers answered {rates} a second")
    _print_loads("Commands", loads)
    _print_loads("Setups at once, up to the first card", setups)
    _print_growth(costs, stocks)
    _print_sums(loads, stocks)
    everything = [*costs, *loads, *setups]
    return verdict(
        f"{sum(each.events for each in everything)} events: "
        f"{sum(each.refused for each in everything)} refused, {sum(each.lost for each in everything)} lost, "
        f"{sum(each.doubled for each in everything)} doubled",
        all(each.is_whole for each in everything),
    )


def short() -> bool:
    """Run everything with all channels and few events."""
    return main(SHORT)


def small() -> bool:
    """Run everything with a few channels, to see that the bench works. Its times mean nothing."""
    return main(SMALL)


def _grow(place: Site, size: Size) -> tuple[list[Stock], list[Measured]]:
    """Fill Redis, and return its memory and the load of one worker at each number of channels."""
    place.workers(size.workers[0])
    load(place, SMALL, "warm", COMMANDS, SMALL.events, size.a_minute)
    stocks, costs = [_stock(place, size, 0)], []
    for channels in size.channels:
        seed(place, stocks[-1].channels, channels)
        stocks.append(_stock(place, size, channels))
        events, name = max(size.events // 10, 1), f"c{channels}"
        costs.append(load(place, size, name, COMMANDS, events, size.a_minute, channels))
    return stocks, costs


def _stock(place: Site, size: Size, channels: int) -> Stock:
    with place.redis as redis:
        pause_s = 1.0 if size is SMALL else IDLE_S
        time.sleep(pause_s)  # until what began with the workers is done
        before, began = _commands(redis), time.monotonic()
        time.sleep(pause_s)
        idle = (_commands(redis) - before) / (time.monotonic() - began)
        return Stock(channels, redis.info("memory")["used_memory"] / 2**20, idle)


def _commands(redis: Redis) -> int:
    return int(redis.info("stats")["total_commands_processed"])


def _redis_ms(redis: Redis) -> float:
    info = redis.info("cpu")
    return 1000 * float(info["used_cpu_user"] + info["used_cpu_sys"])


def load(  # noqa: PLR0913, PLR0917  what is sent, and how fast
    place: Site,
    size: Size,
    name: str,
    kinds: Sequence[str],
    events: int,
    a_minute: int,
    channels: int = 0,
) -> Measured:
    """Send the events, wait for the answers, and return the measurements.

    With 0 events in a minute all events are sent at once.
    """
    channels = channels or size.channels[-1]
    ids = [
        f"{name}-{kinds[number % len(kinds)]}-{number % (channels // A_SPACE)}-{number}{name}"
        for number in range(events)
    ]
    workers = sum(each.startswith("worker") for each in place.processes)
    place.kept()
    with place.redis as redis:
        before = (_commands(redis), _redis_ms(redis), place.busy_ms("web"), place.busy_ms("worker"))
        began = time.time()
        accepted, refused = _send(place, ids, a_minute)
        sent_s = time.time() - began
        asked, posted, calls = _answers(place, ids)
        after = (_commands(redis), _redis_ms(redis), place.busy_ms("web"), place.busy_ms("worker"))
    commands, redis_ms, web_ms, worker_ms = (
        (late - early) / events for early, late in zip(before, after, strict=True)
    )
    answered = [each for each in ids if each in posted]
    return Measured(
        workers,
        channels,
        events,
        tuple(end - start for start, end in accepted.values()),
        tuple(1000 * asked[each] - accepted[each][1] for each in answered),
        tuple(1000 * (posted[each][0] - asked[each]) for each in answered),
        max((posted[each][0] for each in answered), default=began + 1) - began,
        60 * events / sent_s,
        refused,
        len(ids) - len(answered),
        sum(len(posted[each]) - 1 for each in answered),
        web_ms,
        worker_ms,
        redis_ms,
        commands,
        calls / events,
    )


def _send(
    place: Site, ids: Sequence[str], a_minute: int
) -> tuple[dict[str, tuple[float, float]], int]:
    """Post a signed webhook for each id.

    Return when each webhook was sent and accepted, in ms since 1970, and how many were refused.
    """
    times: dict[str, tuple[float, float]] = {}
    refused: list[int] = []
    began = time.monotonic()

    def client(own: int) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", place.ports["web"], timeout=60)
        for number in range(own, len(ids), CLIENTS):
            if a_minute:
                time.sleep(max(0.0, began + 60 * number / a_minute - time.monotonic()))
            body, signature = _signed(place.secret, ids[number])
            start = 1000 * time.time()
            connection.request(
                "POST",
                "/webhooks/webex",
                body,
                {"Content-Type": "application/json", "X-Spark-Signature": signature},
            )
            answer = connection.getresponse()
            answer.read()
            times[ids[number]] = (start, 1000 * time.time())
            if answer.status != HTTPStatus.OK:
                refused.append(answer.status)
        connection.close()

    threads = [threading.Thread(target=client, args=(own,)) for own in range(CLIENTS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return times, len(refused)


def _signed(secret: str, identifier: str) -> tuple[bytes, str]:
    room = identifier.split("-")[2]
    data = {
        "id": identifier,
        "roomId": f"room-{room}",
        "personId": f"person-{room}",
        "created": datetime.now(UTC).isoformat().replace("+00:00", "Z"),
    }
    envelope = {"resource": "messages", "event": "created", "createdBy": "bot", "data": data}
    body = json.dumps(envelope).encode()
    return body, hmac.new(secret.encode(), body, hashlib.sha1).hexdigest()


def _answers(
    place: Site, ids: Sequence[str]
) -> tuple[dict[str, float], dict[str, list[float]], int]:
    """Return when each message was asked for and answered, and the number of requests to Webex.

    The function waits until all messages are answered and a little longer, so that a second answer
    is seen.
    """
    asked: dict[str, float] = {}
    posted: dict[str, list[float]] = {}
    calls = [0]

    def collect() -> bool:
        found = place.kept()
        asked.update({key: at for key, at in found["asked"].items() if key not in asked})
        for key, times in found["posted"].items():
            posted.setdefault(key, []).extend(times)
        calls[0] += int(found["calls"])
        return set(ids) <= set(posted)

    try:
        until(collect, "the answers", ANSWERED_S)
    except TimeoutError:
        say("  not everything was answered")
    until(lambda: not place.redis.keys("event:*:lock"), "the end of the last event")
    collect()
    return asked, posted, calls[0]


def _print_loads(title: str, found: Sequence[Measured]) -> None:
    stages = ("accepted", "waited", "worked")
    head = (
        *("workers", "sent a min", "answered a s", "a s a worker"),
        *(f"{stage} {share}" for stage in stages for share in ("p50", "p99")),
        *("refused", "lost", "doubled"),
    )
    rows = [
        (
            each.workers,
            round(each.sent_a_minute),
            round(each.a_second, 1),
            round(each.a_second / each.workers, 1),
            *(
                round(percentile(getattr(each, stage) or (0.0,), share), 1)
                for stage in stages
                for share in (0.5, 0.99)
            ),
            each.refused,
            each.lost,
            each.doubled,
        )
        for each in found
    ]
    table(f"{title}: {found[0].events} events, {found[0].channels} channels, ms", head, rows)


def _print_growth(found: Sequence[Measured], stocks: Sequence[Stock]) -> None:
    head = ("channels", "web ms", "worker ms", "Redis ms", "Redis commands", "Webex requests")
    rows = [
        (
            each.channels,
            round(each.web_ms, 2),
            round(each.worker_ms, 1),
            round(each.redis_ms, 2),
            round(each.commands, 1),
            round(each.calls, 2),
        )
        for each in found
    ]
    table("Cost of a command, one worker, processor time", head, rows)
    table(
        "Redis without events",
        ("channels", "MiB", "commands a s"),
        [(each.channels, round(each.mib, 1), round(each.idle, 1)) for each in stocks],
    )


def _print_sums(loads: Sequence[Measured], stocks: Sequence[Stock]) -> None:
    """Print the resources for 100,000 channels, if each has as many events as in the load."""
    first, full, empty = loads[0], stocks[-1], stocks[0]
    times = MANY / full.channels
    a_minute = first.sent_a_minute * times
    kib = 1024 * (full.mib - empty.mib) / full.channels
    growth = max(full.idle - empty.idle, 0.0) / full.channels
    best = max(loads, key=lambda each: each.a_second)
    needs = {"web": first.web_ms, "workers": first.worker_ms, "Redis": first.redis_ms}
    rows: list[tuple[object, ...]] = [
        (f"{name}, cores", f"{ms:.2f} ms an event", *_cores(ms, (first.sent_a_minute, a_minute)))
        for name, ms in needs.items()
    ]
    rows += [
        ("Redis, MiB", f"{kib:.1f} KiB a channel", round(full.mib), round(kib * MANY / 1024)),
        (
            "Redis, commands a s without events",
            f"{growth * 1000:.1f} per 1,000 channels",
            round(full.idle),
            round(empty.idle + growth * MANY),
        ),
        ("webhooks a minute", "", round(first.sent_a_minute), round(a_minute)),
    ]
    table("Sums", ("what", "each", f"{full.channels} channels", f"{MANY} channels"), rows)
    limit = max(needs, key=lambda name: needs[name])
    cores = os.cpu_count() or 1
    say(
        f"  first limit: {limit}, {needs[limit]:.1f} of {sum(needs.values()):.1f} ms processor time an event; "
        f"most answered: {best.a_second:.1f} a second with {best.workers} workers on {cores} cores; "
        f"one Redis alone: {1000 / max(first.redis_ms, 0.001):.0f} events a second"
    )


def _cores(milliseconds: float, rates_a_minute: Sequence[float]) -> tuple[float, ...]:
    """Return how many cores are busy at each rate of events."""
    return tuple(round(rate / 60 * milliseconds / 1000, 1) for rate in rates_a_minute)
