"""Numbers for Prometheus: counters and gauges of all processes, read from Redis for each request.

Every web process shows the same numbers, because all of them are in Redis. So they are not added up
over web processes (docs/operations.md, "Watch it"). No label names a person, an address or a channel.
"""

from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import accumulate, product

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4, generate_latest
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector
from redis import Redis
from redis.exceptions import RedisError

from bot import __version__, table
from bot.queue import health
from jobs.clock import now
from jobs.clouds.clock_skew import shared
from jobs.model import RunKind
from jobs.runs.run import ENDS, Kind
from jobs.storage import counters, keys
from jobs.storage.locks import DueQueue, LockKind
from jobs.watch.store import Watching

PREFIX = "webex_email_bot_"
_TABLE = table(__file__)
WORDS: dict[str, str] = _TABLE["words"]
FROM_ZERO: dict[str, list[tuple[str, ...]]] = {
    **{name: [(each,) for each in labels] for name, labels in _TABLE["zero"].items()},
    counters.RUNS_OPENED.name: [(kind,) for kind in RunKind],
    counters.RUNS_ENDED.name: [*product(RunKind, sorted({*ENDS, Kind.CHECKED}))],
    counters.TAKEN_OVER.name: [(kind,) for kind in LockKind],
    counters.LOOKS.name: [()],
    counters.WEBHOOKS_WRONG.name: [()],
}
"""Labels that a counter shows as 0 before anything was counted, by the counter's name."""


def exposition(redis: Redis) -> tuple[bytes, str]:
    return generate_latest(_Numbers(redis)), CONTENT_TYPE_PLAIN_0_0_4


@dataclass(frozen=True, slots=True)
class _Numbers(Collector):
    redis: Redis

    def collect(self) -> Iterator[Metric]:
        """Yield the numbers; if Redis is away, ``redis_up`` is 0 and no other one is shown."""
        yield _gauge("info", "version", {__version__: 1})
        try:
            counts, clocks = counters.read(self.redis), shared(self.redis)
            found = [*_counted(counts), *_waiting(self.redis)]
            found.append(_gauge("clock_skew_seconds", "cloud", clocks))
        except RedisError:
            found = []
        yield GaugeMetricFamily(f"{PREFIX}redis_up", WORDS["redis_up"], value=bool(found))
        yield from found


def _gauge(name: str, label: str, values: Mapping[str, float]) -> Metric:
    family = GaugeMetricFamily(PREFIX + name, WORDS[name], labels=[label])
    for each, value in sorted(values.items()):
        family.add_metric([each], value)
    return family


def _counted(counts: Mapping[str, int]) -> Iterator[Metric]:
    by_name: dict[str, dict[tuple[str, ...], int]] = defaultdict(dict)
    for field, count in counts.items():
        name, *labels = field.split(counters.SEPARATOR)
        by_name[name][tuple(labels)] = count
    for counter in counters.COUNTED:
        shown = dict.fromkeys(FROM_ZERO[counter.name], 0) | by_name[counter.name]
        family = CounterMetricFamily(PREFIX + counter.name, counter.words, labels=counter.labels)
        for own, value in sorted(shown.items()):
            if len(own) == len(counter.labels):
                family.add_metric(own, value)
        yield family
    yield _histogram(counters.CALLS, by_name[counters.CALLS.name])


def _histogram(counter: counters.Counter, counts: Mapping[tuple[str, ...], int]) -> Metric:
    family = HistogramMetricFamily(PREFIX + counter.name, counter.words, labels=counter.labels)
    found: dict[tuple[str, ...], dict[str, int]] = defaultdict(dict)
    for labels, count in counts.items():
        if len(labels) == len(counter.labels) + 1:
            found[labels[:-1]][labels[-1]] = count
    bounds = [*map(str, counters.BUCKETS_S)]
    for labels, own in sorted(found.items()):
        sums = accumulate(float(own.get(bound, 0)) for bound in (*bounds, counters.OVER))
        buckets = [*zip((*bounds, "+Inf"), sums, strict=True)]
        family.add_metric(labels, buckets, own.get(counters.TOTAL, 0) / 1000)
    return family


def _waiting(redis: Redis) -> Iterator[Metric]:
    waiting, age_s = health.waiting_events(redis)
    due = DueQueue(redis, LockKind.EVENT).count()
    numbers = {
        "events_waiting": waiting + max(due - health.MOST, 0),
        "events_unfinished": due,
        "oldest_event_seconds": age_s,
        "runs_unfinished": redis.zcard(keys.runs_open()),
        "channels": redis.scard(keys.channels()),
        "watched_channels": redis.hlen(keys.watched_channels()),
        "incidents_open": redis.zcard(keys.incidents_open()),
        "watch_late_seconds": Watching(redis).lateness(now()).total_seconds(),
        "workers": len(health.seen_workers(redis)),
    }
    for name, value in numbers.items():
        yield GaugeMetricFamily(PREFIX + name, WORDS[name], value=value)
