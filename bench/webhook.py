"""Time that Webex waits for the answer to a webhook: the bot's web process against a bare route.

    python -m bench webhook

The bare route verifies and enqueues. Both servers have waitress with 8 threads, the same Valkey
(append-only file on) and no worker. Each run sends 1,920 signed, unique events after 200 to warm
up, with 1, 16 and 64 clients. There are three repeats in alternating order, and the medians are
printed. Lost and duplicated events are counted by reading the queue afterwards.
"""

from __future__ import annotations

import hashlib
import hmac
import http.client
import json
import os
import platform
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
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

from bench.many import busy_ms, own_redis
from bot.queue import make_queue
from bot.queue.events import PendingEvent
from jobs.storage import codec, keys

ROOT = Path(__file__).resolve().parent.parent
SECRET = "a-made-up-secret-for-the-bench"  # noqa: S105  a placeholder
REDIS_PORT, BOT_PORT, BARE_PORT = 17399, 17400, 17401
REDIS_URL = f"redis://127.0.0.1:{REDIS_PORT}/0"
EVENTS, WARM_UP, REPEATS = 1920, 200, 3
CLIENTS = (1, 16, 64)
TARGET_MS = 5.0
PADDING = "x" * 300


@dataclass(frozen=True, slots=True)
class Result:
    """Result of one run: times in milliseconds, and the numbers of failed, lost and doubled events.

    ``busy`` is the processor time of the server for one event, which a busy machine hardly changes.
    """

    p50: float
    p95: float
    p99: float
    most: float
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
    times.sort()
    p50, p95, p99 = (
        times[min(len(times) - 1, int(len(times) * share))] for share in (0.50, 0.95, 0.99)
    )
    return Result(
        p50,
        p95,
        p99,
        times[-1],
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


def until(true: Callable[[], bool]) -> None:
    """Wait until a server listens.

    Raises:
        TimeoutError: The server did not start.
    """
    for _ in range(200):
        try:
            if true():
                return
        except OSError:
            pass
        time.sleep(0.05)
    raise TimeoutError("a server did not start")


def listens(port: int) -> bool:
    """Return whether a server answers HTTP on the port."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=2)
    connection.request("GET", "/")
    return connection.getresponse().status > 0


def say(line: str) -> None:
    """Print a line and flush the output."""
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def report(clients: int, results: dict[str, list[Result]]) -> bool:
    """Print a row for the bot and for the bare route.

    Return whether no event was lost and the target was met.
    """
    for side, runs in results.items():
        middle = {
            name: statistics.median(getattr(each, name) for each in runs)
            for name in ("p50", "p95", "p99", "most", "per_second", "busy")
        }
        failed, lost, doubled = (
            sum(getattr(each, name) for each in runs) for name in ("failed", "lost", "doubled")
        )
        values = "".join(f"{value:9.2f}" for value in list(middle.values())[:-2])
        rates = f"{middle['per_second']:9.0f}{middle['busy']:8.2f}"
        say(f"{clients:7} {side:6}{values}{rates}{failed:8}{lost:6}{doubled:9}")
    whole = all(each.failed == each.lost == each.doubled == 0 for each in results["bot"])
    return whole and (
        clients > 1 or statistics.median(each.p99 for each in results["bot"]) <= TARGET_MS
    )


def main() -> int:
    """Start both servers, measure them, and return the exit code.

    The code is 0 if the target was met and no event was lost or duplicated, otherwise 1.
    """
    with (
        own_redis(REDIS_PORT),
        process("-m", "bot", "web") as web,
        process(__file__, "bare") as plain,
    ):
        until(partial(listens, BOT_PORT))
        until(partial(listens, BARE_PORT))
        say(
            f"Python {platform.python_version()}, {os.cpu_count()} cores, "
            f"load {os.getloadavg()[0]:.2f}, {EVENTS} events a run, ms"
        )
        say(
            "clients side        p50      p95      p99      max    per s    busy  failed  lost  doubled"
        )
        servers = {"bot": web, "bare": plain}
        good = [report(clients, measure(clients, servers)) for clients in CLIENTS]
    return 0 if all(good) else 1


if __name__ == "__main__":
    if sys.argv[1:] == ["bare"]:
        bare()
    else:
        sys.exit(main())
