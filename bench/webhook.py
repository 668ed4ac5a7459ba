"""Time that Webex waits for the answer to a webhook: the bot's web process against a bare route.

    python -m bench webhook

The bare route verifies and enqueues. Both servers have waitress with 8 threads, the same Valkey
(append-only file on) and no worker. Each run sends 1,920 signed, unique events after 200 to warm
up, with 1, 16 and 64 clients. There are three repeats in alternating order, and the medians are
printed. Lost and duplicated events are counted by reading the queue afterwards.
"""

import hashlib
import hmac
import http.client
import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from cryptography.fernet import Fernet
from flask import Flask, Response, abort, request
from redis import Redis
from rq import Queue
from rq.job import Job
from waitress import serve  # type: ignore[import-untyped]  # waitress has no types

from bench.many import busy_ms, listens, own_redis, until
from bench.table import median, percentile, table, verdict
from bot.queue import PendingEvent, make_queue
from jobs.storage import codec, keys

ROOT = Path(__file__).resolve().parent.parent
SECRET = "a-made-up-secret-for-the-bench"  # noqa: S105  a placeholder
REDIS_PORT, BOT_PORT, BARE_PORT = 17399, 17400, 17401
REDIS_URL = f"redis://127.0.0.1:{REDIS_PORT}/0"
EVENTS, WARM_UP, REPEATS = 1920, 200, 3
CLIENTS = (1, 16, 64)
TARGET_MS, RATIO = 5.0, 1.1
"""Longest p99 with one client, and p50 at most as a multiple of the bare route's."""
PADDING = "x" * 300


@dataclass(frozen=True, slots=True)
class Result:
    """Result of one run: sorted times in milliseconds, and the numbers of failed and lost events.

    ``busy`` is the processor time of the server for one event, which a busy machine hardly changes.
    """

    times: list[float]
    per_second: float
    busy: float
    failed: int
    lost: int
    doubled: int


def bare() -> None:
    """Serve the bare route.

    It checks the HMAC of the raw body and enqueues with rq's unique jobs. It has no other
    protection against duplicates, no other checks and no headers.
    """
    app = Flask(__name__)
    queue = Queue("email-bot", connection=Redis.from_url(REDIS_URL), serializer="json")

    @app.post("/webhooks/webex")
    def receive() -> Response:
        body = request.get_data()
        expected = hmac.new(SECRET.encode(), body, hashlib.sha1).hexdigest()
        if not hmac.compare_digest(expected, request.headers.get("X-Spark-Signature", "")):
            abort(401)
        event = json.loads(body)["data"]["id"]
        queue.enqueue_call(
            "bot.events.handler.receive", kwargs={"id": event}, job_id=event, unique=True
        )
        return Response(status=200)

    serve(app, host="127.0.0.1", port=BARE_PORT, threads=8)


def bodies(run: str, count: int) -> list[tuple[bytes, str]]:
    """Return signed events as Webex sends them, each with its own id."""
    made = []
    for number in range(count):
        data = {
            "id": f"{run}-{number}",
            "roomId": "room",
            "personId": "ann",
            "created": "2026-11-25T08:00:00.000Z",
            "padding": PADDING,
        }
        body = json.dumps(
            {
                "resource": "messages",
                "event": "created",
                "createdBy": "bot",
                "actorId": "ann",
                "data": data,
            }
        ).encode()
        made.append((body, hmac.new(SECRET.encode(), body, hashlib.sha1).hexdigest()))
    return made


def client(
    port: int, events: list[tuple[bytes, str]], times: list[float], failed: list[int]
) -> None:
    """Send events as one client, one event after the other over one connection."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    for body, signature in events:
        began = time.perf_counter()
        connection.request(
            "POST",
            "/webhooks/webex",
            body,
            {"Content-Type": "application/json", "X-Spark-Signature": signature},
        )
        answer = connection.getresponse()
        answer.read()
        times.append((time.perf_counter() - began) * 1000)
        if answer.status != http.client.OK:
            failed.append(answer.status)
    connection.close()


def load(
    port: int, clients: int, events: list[tuple[bytes, str]]
) -> tuple[list[float], int, float]:
    """Run all clients at once.

    Return the times in ms, the number of failures, and the elapsed seconds.
    """
    times: list[float] = []
    failed: list[int] = []
    threads = [
        threading.Thread(target=client, args=(port, events[number::clients], times, failed))
        for number in range(clients)
    ]
    began = time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return times, len(failed), time.perf_counter() - began


def run(port: int, server: int, clients: int, name: str) -> Result:
    """Measure one run on an empty queue.

    ``server`` is the process that serves the port.
    """
    redis = Redis.from_url(REDIS_URL)
    load(port, clients, bodies(f"{name}-warm", WARM_UP))
    redis.flushall()
    before = busy_ms(server)
    times, failed, seconds = load(port, clients, bodies(name, EVENTS))
    busy = (busy_ms(server) - before) / EVENTS
    found = [_event(redis, job) for job in make_queue(redis).get_jobs()]
    wanted = {f"{name}-{number}" for number in range(EVENTS)}
    return Result(
        times,
        len(times) / seconds,
        busy,
        failed,
        len(wanted - set(found)),
        len(found) - len(set(found)),
    )


def _event(redis: Redis, job: Job) -> str:
    """Return the ID of the event that a job handles.

    The bare route keeps it in the job, the bot in a Redis key of its own.
    """
    if not job.args:
        return str(job.kwargs["id"])
    kept = redis.get(keys.event(job.args[0]))
    return codec.load(kept, PendingEvent).event.id if isinstance(kept, bytes) else ""


def measure(clients: int, servers: dict[str, int]) -> dict[str, list[Result]]:
    """Measure three runs of the bot and of the bare route, alternating which goes first.

    ``servers`` has the process number of each.
    """
    sides = {"bot": BOT_PORT, "bare": BARE_PORT}
    results: dict[str, list[Result]] = {side: [] for side in sides}
    for repeat in range(REPEATS):
        for side in sorted(sides, reverse=repeat % 2 == 0):
            name = f"{side}-{clients}-{repeat}"
            results[side].append(run(sides[side], servers[side], clients, name))
    return results


@contextmanager
def process(*arguments: str) -> Iterator[int]:
    """Start a server of this bench, yield its process number, and stop it when the block ends."""
    env = os.environ | {
        "PYTHONPATH": str(ROOT),
        "PORT": str(BOT_PORT),
        "REDIS_URL": REDIS_URL,
        "WEBEX_ACCESS_TOKEN": "made-up",
        "WEBEX_WEBHOOK_SECRET": SECRET,
        "PUBLIC_URL": "https://bot.example.test",
        "ALLOWED_EMAIL_DOMAINS": "example.test",
        "MICROSOFT_CLIENT_ID": "made-up",
        "MICROSOFT_CLIENT_SECRET": "made-up",
        "ENCRYPTION_KEYS": Fernet.generate_key().decode(),
        "LOG_LEVEL": "WARNING",
    }
    server = subprocess.Popen(  # noqa: S603  our own command line
        [sys.executable, *arguments], env=env, stderr=subprocess.DEVNULL
    )
    try:
        yield server.pid
    finally:
        server.terminate()
        server.wait(10)


def _at(runs: list[Result], share: float) -> float:
    """Return the median of the runs' percentiles, in milliseconds."""
    return median([percentile(each.times, share) for each in runs])


def _row(clients: int, side: str, runs: list[Result]) -> tuple[object, ...]:
    rates = (median([each.per_second for each in runs]), median([each.busy for each in runs]))
    wrong = (sum(each.failed for each in runs), sum(each.lost + each.doubled for each in runs))
    return (clients, side, *(_at(runs, share) for share in (0.5, 0.95, 0.99, 1)), *rates, *wrong)


def main() -> bool:
    """Measure both servers; return whether the targets were met and no event was lost or doubled."""
    with (
        own_redis(REDIS_PORT),
        process("-m", "bot", "web") as web,
        process(__file__, "bare") as plain,
    ):
        for port in (BOT_PORT, BARE_PORT):
            until(partial(listens, port), "a server")
        found = {clients: measure(clients, {"bot": web, "bare": plain}) for clients in CLIENTS}
    rows = [_row(clients, side, runs) for clients in found for side, runs in found[clients].items()]
    head = ("clients", "side", "p50", "p95", "p99", "max", "a s", "busy", "failed", "wrong")
    table(f"Webhooks, ms: {EVENTS} events a run, medians of {REPEATS}", head, rows)
    times = [_at(each["bot"], 0.5) / _at(each["bare"], 0.5) for each in found.values()]
    told = ", ".join(f"{each:.2f}" for each in times)
    p99 = _at(found[1]["bot"], 0.99)
    good = [
        verdict(f"{told} x of bare, each at most {RATIO}", max(times) <= RATIO),
        verdict(f"one client: p99 {p99:.1f} ms, at most {TARGET_MS}", p99 <= TARGET_MS),
        verdict("no event is lost or doubled", not any(row[-1] or row[-2] for row in rows)),
    ]
    return all(good)


if __name__ == "__main__":
    if sys.argv[1:] == ["bare"]:
        bare()
    else:
        sys.exit(not main())
