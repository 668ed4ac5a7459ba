"""Numbers for Prometheus: counters and gauges of all processes, read from Redis for each request.

Every web process shows the same numbers, because all of them are in Redis. So they are not added up
over web processes (docs/operations.md, "Watch it"). No label names a person, an address or a channel.
"""

from __future__ import annotations

import tomllib
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from prometheus_client import CollectorRegistry
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    Metric,
)
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4, generate_latest
from prometheus_client.registry import Collector
from redis import Redis
from redis.exceptions import RedisError

from bot import __version__
from bot.queue import health
from bot.queue.events import RESOURCES
from jobs.clock import now
from jobs.clouds.clock_skew import shared
from jobs.model import RunKind
from jobs.runs.run import ENDS, Kind
from jobs.storage import counters, keys
from jobs.storage.due_queue import DueQueue
from jobs.storage.locks import LockKind
from jobs.watch.store import WatchStore

PREFIX = "webex_email_bot_"
WORDS: dict[str, str] = tomllib.loads(
    Path(__file__).with_suffix(".toml").read_text(encoding="utf-8")
)
"""Words of each gauge."""
KINDS = tuple(map(str, RunKind))
FROM_ZERO: dict[str, Iterable[tuple[str, ...]]] = {
    counters.EVENTS_RECEIVED.name: [(resource,) for resource in RESOURCES.values()],
    counters.EVENTS_REFUSED.name: [("signature",), ("body",), ("redis",)],
    counters.EVENTS_HANDLED.name: [("done",), ("put_off",), ("failed",), ("given_up",)],
    counters.RUNS_OPENED.name: [(kind,) for kind in KINDS],
    counters.RUNS_ENDED.name: [
        (kind, str(end)) for kind in KINDS for end in (*sorted(ENDS), Kind.CHECKED)
    ],
    counters.THROTTLED.name: [(cloud,) for cloud in ("webex", "entra", "graph", "exchange")],
    counters.CARDS.name: [("posted",), ("edited",), ("refused",), ("not_taken",)],
    counters.TAKEN_OVER.name: [(str(kind),) for kind in LockKind],
    counters.LOOKS.name: [()],
    counters.WEBHOOKS_WRONG.name: [()],
}
"""Labels that a counter shows as 0 before anything was counted, by the counter's name.

Prometheus sees a rise only from a number that it has seen before.
"""


def exposition(redis: Redis) -> tuple[bytes, str]:
    """Return the numbers in the text format of Prometheus, and its content type.

    If Redis is away, ``redis_up`` is 0 and no other number is shown.
    """
    registry = CollectorRegistry()
    registry.register(_Numbers(redis))
    return generate_latest(registry), CONTENT_TYPE_PLAIN_0_0_4


class _Numbers(Collector):
    def __init__(self, redis: Redis) -> None:
        self._redis = redis

    def describe(self) -> Iterable[Metric]:
        """Return nothing: the registry does not have to read Redis to know the names."""
        return ()

    def collect(self) -> Iterator[Metric]:
        version = GaugeMetricFamily(f"{PREFIX}info", WORDS["info"], labels=["version"])
        version.add_metric([__version__], 1)
        yield version
        up = GaugeMetricFamily(f"{PREFIX}redis_up", WORDS["redis_up"])
        try:
            found = [
                *_counted(counters.read(self._redis)),
                *_waiting(self._redis),
                *_clocks(self._redis),
            ]
            up.add_metric([], 1)
        except RedisError:
            found = []
            up.add_metric([], 0)
        yield up
        yield from found


def _counted(counts: Mapping[str, int]) -> Iterator[Metric]:
    by_name: dict[str, dict[tuple[str, ...], int]] = defaultdict(dict)
    for field, count in counts.items():
        name, *labels = field.split(counters.SEPARATOR)
        by_name[name][tuple(labels)] = count
    for counter in counters.COUNTED:
        shown = dict.fromkeys(FROM_ZERO[counter.name], 0) | by_name[counter.name]
        family = CounterMetricFamily(
            PREFIX + counter.name, counter.words, labels=list(counter.labels)
        )
        for own, value in sorted(shown.items()):
            if len(own) == len(counter.labels):
                family.add_metric(own, value)
        yield family
    yield _histogram(counters.CALLS, by_name[counters.CALLS.name])


def _histogram(counter: counters.Counter, counts: Mapping[tuple[str, ...], int]) -> Metric:
    family = HistogramMetricFamily(
        PREFIX + counter.name, counter.words, labels=list(counter.labels)
    )
    found: dict[tuple[str, ...], dict[str, int]] = defaultdict(dict)
    for labels, count in counts.items():
        if len(labels) == len(counter.labels) + 1:
            found[labels[:-1]][labels[-1]] = count
    for labels, own in sorted(found.items()):
        buckets, so_far = [], 0
        for bound in (*map(str, counters.BUCKETS_S), counters.OVER):
            so_far += own.get(bound, 0)
            buckets.append(("+Inf" if bound == counters.OVER else bound, float(so_far)))
        family.add_metric(labels, buckets, own.get(counters.TOTAL, 0) / 1000)
    return family


def _waiting(redis: Redis) -> Iterator[Metric]:
    waiting, due = health.waiting_events(redis), len(DueQueue(redis, LockKind.EVENT).all())
    lateness = (now() - due for due in WatchStore(redis).schedule.all().values())
    numbers = {
        "events_waiting": waiting.count + max(due - health.MOST, 0),
        "events_unfinished": due,
        "oldest_event_seconds": waiting.age_s,
        "runs_unfinished": redis.zcard(keys.runs_open()),
        "channels": redis.scard(keys.channels()),
        "watched_channels": redis.hlen(keys.watched_channels()),
        "incidents_open": redis.zcard(keys.incidents_open()),
        "watch_late_seconds": max((each.total_seconds() for each in lateness), default=0.0),
        "workers": len(health.seen_workers(redis)),
    }
    for name, value in numbers.items():
        yield GaugeMetricFamily(PREFIX + name, WORDS[name], value=value)


def _clocks(redis: Redis) -> Iterator[Metric]:
    """Yield by how many seconds the bot's clock is ahead of each cloud's.

    A cloud whose clock was not compared lately is missing.
    """
    name = "clock_skew_seconds"
    family = GaugeMetricFamily(PREFIX + name, WORDS[name], labels=["cloud"])
    for cloud, ahead_s in sorted(shared(redis).items()):
        family.add_metric([cloud], ahead_s)
    yield family
