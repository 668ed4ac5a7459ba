"""Counters of events, kept in Redis for all processes of the bot.

A job is a process that lives for milliseconds, on any of several hosts. So a process counts in
memory, and adds its counts to Redis in one round trip: when a job ends, and every few seconds in a
process that goes on. The web process reads them when Prometheus asks. The multiprocess mode of
prometheus-client would write a file for each of these processes, on each host.

A process that is killed loses what it has not added yet. Nothing decides by these numbers.
"""

import os
import threading
from collections import Counter as Tally
from dataclasses import dataclass

from redis import Redis
from redis.exceptions import RedisError

from jobs.storage import codec, keys

FLUSH_S = 5.0
ALL = "counters"
SEPARATOR = "|"
BUCKETS_S = (0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 90.0)
"""Upper bounds of the latency buckets; no request waits for longer than the last."""
OVER = "over"
TOTAL = "ms"


@dataclass(frozen=True, slots=True)
class Counter:
    """Description of a counter of events, which only grows; ``labels`` are its label names."""

    name: str
    words: str
    labels: tuple[str, ...] = ()


EVENTS_RECEIVED = Counter("events_received", "Webhook events that were accepted.", ("resource",))
EVENTS_REFUSED = Counter("events_refused", "Webhooks that were refused.", ("reason",))
EVENTS_HANDLED = Counter("events_handled", "Tries of events, by their outcome.", ("outcome",))
RUNS_OPENED = Counter("runs_opened", "Runs that began.", ("kind",))
RUNS_ENDED = Counter("runs_ended", "Runs that ended.", ("kind", "state"))
CALLS = Counter("call_seconds", "Latency of requests to the clouds.", ("cloud", "outcome"))
"""Counter for the latency of requests to the clouds. Only :meth:`Counters.time` uses it."""
THROTTLED = Counter("calls_throttled", "Answers of 429.", ("cloud",))
CARDS = Counter("cards", "Cards that were sent to Webex.", ("outcome",))
LOOKS = Counter("watch_looks", "Looks of the watch at a channel.")
WEBHOOKS_WRONG = Counter("webhooks_wrong", "Webhooks that a look found missing or switched off.")
TAKEN_OVER = Counter("leases_taken_over", "Locks taken over from lost processes.", ("work",))
COUNTED = [each for each in vars().copy().values() if isinstance(each, Counter) and each != CALLS]


class Counters:
    """Counts of this process that are not in Redis yet; several threads may count at a time."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._counts: Tally[str] = Tally()

    def add(self, counter: Counter, *labels: str, by: int = 1) -> None:
        self._add({field_of(counter.name, labels): by})

    def time(self, counter: Counter, *labels: str, seconds: float) -> None:
        bound = next((str(each) for each in BUCKETS_S if seconds <= each), OVER)
        head = field_of(counter.name, labels)
        milliseconds = round(seconds * 1000)
        self._add({f"{head}{SEPARATOR}{bound}": 1, f"{head}{SEPARATOR}{TOTAL}": milliseconds})

    def flush(self, redis: Redis) -> None:
        """Add the counts to Redis; they are kept for the next time if Redis does not take them."""
        with self._lock:
            counts, self._counts = self._counts, Tally()
        if not counts:
            return
        try:
            with redis.pipeline(transaction=True) as pipe:
                for field, count in counts.items():
                    pipe.hincrby(keys.figures(ALL), field, count)
                pipe.execute()
        except RedisError:
            self._add(counts)

    def reset(self) -> None:
        self.__init__()  # type: ignore[misc]  # a new lock, too: another thread may hold the old one

    def _add(self, counts: dict[str, int]) -> None:
        with self._lock:
            self._counts.update(counts)


COUNTERS = Counters()
os.register_at_fork(after_in_child=COUNTERS.reset)  # the parent adds its own counts


def field_of(name: str, labels: tuple[str, ...]) -> str:
    return SEPARATOR.join((name, *(label.replace(SEPARATOR, "_") for label in labels)))


def read(redis: Redis) -> dict[str, int]:
    """Return every counter from Redis, by its field.

    Raises:
        redis.RedisError: Redis does not answer.
    """
    found = redis.hgetall(keys.figures(ALL)).items()
    counts = ((codec.as_text(field), codec.as_text(value)) for field, value in found)
    return {field: int(count) for field, count in counts if count.isdecimal()}
