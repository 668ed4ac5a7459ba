"""Processes and data of ``bench scale``.

The processes are Redis, the scripted Webex, the web process, and 1 to 4 workers. The web process
and the workers are the product's own, started from its command line. Redis is the embedded server
with the append-only file.
"""

import contextlib
import logging
import secrets
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from functools import partial
from itertools import chain
from pathlib import Path
from typing import Any

import httpx
import structlog
from cryptography.fernet import Fernet
from redis import Redis
from redis.client import Pipeline
from redis.exceptions import ConnectionError as RedisConnectionError

from bench.scripted_webex import DOMAIN
from bot.processes import redis_server, worker
from jobs.access import tenants
from jobs.clock import now
from jobs.microsoft.scopes import EXCHANGE_APP_ROLES, GRAPH_APP_ROLES
from jobs.model import Channel, Person, Profile, RunKind
from jobs.runs import event_log
from jobs.runs.audit import AuditEntry
from jobs.runs.run import Event, Kind, Origin, new_id, opening
from jobs.runs.run_store import Record, RunStore
from jobs.storage import DATA_FOLDER, codec, generation, keys
from jobs.storage.connection import EMBEDDED, open_redis
from practice.environment import ROOT, base, measured
from practice.guard import Guard
from practice.patience import patient
from practice.processes import Process, session, words

START_S = 60.0
A_SPACE = 25
"""Channels of a space, which ``/channels`` lists."""
RQ_WORKERS = len(worker.FEW)
"""RQ workers of one worker process."""
CALLBACK, FORWARD = "https://uk.webexconnect.io/callback", "x1@mail.webexconnect.io"
TICK_MS = 10.0
"""Milliseconds in one tick of the processor times in /proc."""


@dataclass(slots=True)
class Site:
    """Running processes by name, with the addresses that the bench uses.

    With ``embedded`` it is the smallest installation: one command runs all of it in ``folder``.
    """

    folder: Path
    ports: dict[str, int]
    env: dict[str, str] = field(repr=False)
    processes: dict[str, Process] = field(default_factory=dict)
    guard: Guard = field(default_factory=Guard)
    embedded: bool = False

    @property
    def redis(self) -> Redis:
        """Return a new connection to Redis."""
        return open_redis(f"{EMBEDDED}{self.data}" if self.embedded else self.env["REDIS_URL"])

    @property
    def data(self) -> Path:
        """Return the data folder of the embedded Redis."""
        return self.folder / DATA_FOLDER

    @property
    def secret(self) -> str:
        """Return the secret that signs the webhooks."""
        return self.env["WEBEX_WEBHOOK_SECRET"]

    def start(self, name: str, *arguments: str) -> None:
        """Start a Python process of the project, which logs to a file of its name."""
        process = Process(
            name,
            words("python", *arguments),
            self.env,
            self.folder if self.embedded else ROOT,
            self.folder / f"{name}.log",
            self.guard,
        )
        self.processes[name] = process
        process.start()

    def workers(self, count: int) -> None:
        """Replace the running workers with ``count`` new ones, and wait until Redis knows them."""
        for name in [name for name in self.processes if name.startswith("worker")]:
            self.processes.pop(name).stop()
        if not self.embedded:
            self.redis.delete("rq:workers")
        for number in range(count):
            self.start(f"worker-{number}", "-m", "bot", "run" if self.embedded else "worker")
        until(lambda: self._rq_workers() >= RQ_WORKERS * count, f"{count} workers")
        until(partial(listens, self.ports["web"]), "the web process")

    def _rq_workers(self) -> int:
        with contextlib.suppress(RedisConnectionError):
            return int(self.redis.scard("rq:workers"))
        return 0

    def kept(self) -> dict[str, Any]:
        """Return the requests that reached the scripted Webex since the last call of this."""
        found: dict[str, Any] = httpx.get(
            f"http://127.0.0.1:{self.ports['webex']}/kept", trust_env=False, timeout=60
        ).json()
        return found

    def leader(self, name: str) -> int:
        """Return the process number of the named process; 0 if the process does not run."""
        process = self.processes[name].running
        return process.pid if process else 0

    def busy_ms(self, kind: str) -> float:
        """Return the milliseconds of processor time of all processes whose names begin so."""
        leaders = [
            process.running.pid
            for name, process in self.processes.items()
            if name.startswith(kind) and process.running
        ]
        return sum(busy_ms(pid) for leader in leaders for pid in session(leader))


@contextlib.contextmanager
def site(*, embedded: bool = False) -> Iterator[Site]:
    """Start Redis, the scripted Webex and the web process, and end everything when the block ends.

    With ``embedded`` the worker starts Redis and the web process.
    """
    quiet = structlog.make_filtering_bound_logger(logging.WARNING)
    structlog.configure(wrapper_class=quiet)  # the seed writes an audit trail of thousands of lines
    with tempfile.TemporaryDirectory(prefix="scale-") as folder:
        made = Site(Path(folder), _ports(), {}, embedded=embedded)
        made.env.update(_environment(made.ports))
        with contextlib.ExitStack() as left:
            left.callback(made.guard.close)
            left.callback(_stop, made.processes)
            if embedded:
                del made.env["REDIS_URL"]
            else:
                left.enter_context(own_redis(made.ports["redis"]))
            made.start("webex", "-m", "bench.scripted_webex", str(made.ports["webex"]))
            if not embedded:
                made.start("web", "-m", "bot", "web")
            for name in made.processes:
                until(partial(listens, made.ports[name]), name)
            yield made


@contextlib.contextmanager
def own_redis(port: int) -> Iterator[Redis]:
    """Start a Redis for this bench alone, and yield a client."""
    with tempfile.TemporaryDirectory() as folder:
        line = redis_server.command(port, Path(folder))
        with subprocess.Popen(line, start_new_session=True) as server:  # noqa: S603  our own
            try:
                until(partial(listens, port), "Redis")
                with Redis(port=port) as redis:
                    yield redis
            finally:
                server.terminate()


def _stop(processes: dict[str, Process]) -> None:
    for process in reversed(processes.values()):
        process.stop()


def seed(place: Site, first: int, last: int) -> None:
    """Put the connected channels number ``first`` to ``last - 1`` into Redis.

    Each channel has its ended setup, its record, and its tenant's access. Each tenant has a space
    of its own, with :data:`A_SPACE` channels.
    """
    own = (place.env["ENCRYPTION_KEYS"],)
    with place.redis as redis:
        generation.ensure_layout(redis)
        store = RunStore(redis, own)
        for tenant in range(first // A_SPACE, -(-last // A_SPACE)):
            tenants.keep_grant(
                redis,
                tenants.AppAccess(
                    f"tenant-{tenant}", now(), DOMAIN, (*GRAPH_APP_ROLES, *EXCHANGE_APP_ROLES)
                ),
            )
        for begin in range(first, last, 500):
            batch = range(begin, min(begin + 500, last))
            with redis.pipeline() as pipe:
                told = [_connect(store, pipe, number, number // A_SPACE) for number in batch]
                pipe.execute()
            store.audit.add(*chain.from_iterable(told))


def _connect(store: RunStore, pipe: Pipeline, number: int, tenant: int) -> Iterable[AuditEntry]:
    """Add a connected channel, and return its entries for the audit trail.

    A setup for each would take 5 ms, and 50,000 of them four minutes.
    """
    box, room, run_id, at = f"box{number}@tenant{tenant}.example", f"room-{tenant}", new_id(), now()
    channel = Channel(box, CALLBACK, FORWARD, profile=Profile.LEAST, tenant_id=f"tenant-{tenant}")
    person = Person(f"person-{tenant}", f"person-{tenant}@{DOMAIN}", "org")
    events = (
        opening(channel, person, RunKind.SETUP, Origin(room, f"thread-{number}")),
        Event(Kind.DETAILS, at, by=person.email, channel=channel),
        Event(Kind.FINISHED, at),
    )
    lines = store.event_log.chained(run_id, map(codec.dump, events))
    pipe.rpush(keys.run_events(run_id), *lines)
    store.channels.keep(Record(run_id, at, channel), pipe)
    pipe.sadd(keys.channels(), box)
    pipe.sadd(keys.space_channels(room), box)
    pipe.zadd(keys.channel_runs(box), {run_id: at.timestamp()})
    pipe.zadd(keys.space_runs(room), {run_id: at.timestamp()})
    return event_log.entries_of({"run": run_id}, events)


def until(true: Callable[[], object], what: str, seconds: float = START_S) -> None:
    """Wait until a condition is true.

    Raises:
        TimeoutError: The condition did not come true in time.
    """
    deadline = time.monotonic() + patient(seconds)
    while not true():
        if time.monotonic() > deadline:
            raise TimeoutError(f"{what}: not within {patient(seconds):.0f} s")
        time.sleep(0.1)


def listens(port: int) -> bool:
    """Return whether a server listens on the port."""
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def _ports() -> dict[str, int]:
    with contextlib.ExitStack() as held:
        probes = {name: held.enter_context(socket.socket()) for name in ("redis", "web", "webex")}
        for probe in probes.values():
            probe.bind(("127.0.0.1", 0))
        return {name: int(probe.getsockname()[1]) for name, probe in probes.items()}


def _environment(ports: dict[str, int]) -> dict[str, str]:
    return (
        base()
        | measured()
        | {
            "WEBEX_ACCESS_TOKEN": "made-up",
            "WEBEX_WEBHOOK_SECRET": secrets.token_urlsafe(32),
            "WEBEX_API_URL": f"http://127.0.0.1:{ports['webex']}/",
            "PUBLIC_URL": f"http://127.0.0.1:{ports['web']}",
            "HOST": "127.0.0.1",
            "PORT": str(ports["web"]),
            "REDIS_URL": f"redis://127.0.0.1:{ports['redis']}/0",
            "MICROSOFT_CLIENT_ID": "made-up",
            "MICROSOFT_CLIENT_SECRET": "made-up",
            "ENCRYPTION_KEYS": Fernet.generate_key().decode(),
            "ALLOWED_EMAIL_DOMAINS": DOMAIN,
            "COMMANDS_PER_HOUR": "100000",
            "WEBEX_STATUS_URL": "off",
            "LOG_LEVEL": "WARNING",
        }
    )


def busy_ms(pid: int) -> float:
    """Return the processor time of a process and of its ended children; 0 without the process."""
    try:
        figures = (Path("/proc") / str(pid) / "stat").read_text("utf-8").rpartition(")")[2].split()
    except OSError:
        return 0.0
    return sum(map(int, figures[11:15])) * TICK_MS
