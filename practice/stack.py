"""Whole product on this machine.

It consists of an embedded Redis, the practice cloud, and the Procfile's processes.
"""

import contextlib
import shutil
import signal
import socket
import ssl
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Self

import httpx
from redis import Redis

from practice import environment
from practice.client import People
from practice.environment import ROOT, Ports, free_ports
from practice.guard import Guard
from practice.patience import pace, patient
from practice.processes import OTHER_HOST, Process, has_other_host, procfile, words

START_S = 30.0
PAUSE_S = 0.15
SECOND = "second"
"""Name of an additional worker, besides the one in the Procfile."""


class NotStartedError(RuntimeError):
    """Error because a part of the stack did not become healthy; its text has the end of the log."""


@dataclass(slots=True)
class Stack:
    """Context manager that runs all processes and leaves none behind.

    ``env`` overrides the product's environment, and ``practice`` the practice cloud's settings (by
    field name). ``restart("worker")``, ``kill("web", SIGKILL)`` and ``start("web")`` act on single
    processes: redis, cloud, and the names of the Procfile.
    """

    env: dict[str, str] = field(default_factory=dict)
    practice: dict[str, str] = field(default_factory=dict)
    folder: Path = field(default_factory=lambda: Path(tempfile.mkdtemp(prefix="practice-")))
    keep: bool = False
    ports: Ports = field(init=False)
    processes: dict[str, Process] = field(init=False, default_factory=dict)
    _guard: Guard | None = field(init=False, default=None)
    _trusted: tuple[int, ssl.SSLContext] | None = field(init=False, default=None)

    def __enter__(self) -> Self:
        """Start all processes and wait until they are healthy.

        Raises:
            NotStartedError: when a part does not become healthy.
        """
        self.ports, self._guard = free_ports(), Guard()
        try:
            self._start_all()
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Stop everything.

        The logs are kept only after an error or with ``keep``.
        """
        self.stop()
        if not self.keep and error is None:
            shutil.rmtree(self.folder, ignore_errors=True)

    @property
    def public_url(self) -> str:
        """Return the URL under which browsers and Webex reach the product."""
        return self.ports.public_url

    @property
    def cloud_url(self) -> str:
        """Return the URL of the practice cloud."""
        return self.ports.cloud_url

    @property
    def ca_path(self) -> Path:
        """Return the path of the certificate of the practice cloud's authority."""
        return self.folder / "cloud" / "ca.pem"

    def redis(self) -> Redis:
        """Return a connection to the Redis of the product."""
        return Redis(port=self.ports.redis)

    def people(self, on_change: Callable[[dict[str, object]], None] = lambda _: None) -> People:
        """Return a driver for the people of this stack."""
        return People(self.cloud_url, self.ca_path, on_change)

    def start(self, name: str) -> None:
        """Start one process and wait until it is healthy."""
        self.processes[name].start()
        self._wait(name)

    def kill(self, name: str, number: int = signal.SIGKILL, *, whole: bool = False) -> None:
        """Send a signal to one process, or to its whole session."""
        self.processes[name].kill(number, whole=whole)

    def restart(self, name: str) -> None:
        """Stop one process as an operator does, and start it again."""
        self.processes[name].stop()
        self.start(name)

    def start_second(self) -> None:
        """Start one more worker on the same Redis.

        The worker runs on another host if that is possible (:data:`OTHER_HOST`).
        """
        worker = self.processes["worker"]
        host = f"{words(*OTHER_HOST)} " if has_other_host() else ""
        command = f"{host}{worker.command.removeprefix('exec ')}"
        self._add(SECOND, command, worker.env)
        self.start(SECOND)

    def stop_second(self) -> None:
        """Stop the second worker, if there is one."""
        if second := self.processes.pop(SECOND, None):
            second.kill(signal.SIGTERM, whole=True)  # what is before it passes no signal on
            second.stop()

    def stop(self) -> None:
        """Stop all processes, those of the product first."""
        self.stop_second()
        for process in reversed(self.processes.values()):
            process.stop()
        if self._guard:
            self._guard.close()

    def logs(self, lines: int = 40) -> str:
        """Return the ends of the logs of all processes."""
        return "\n".join(
            f"--- {name}: {process.log.name}\n{process.tail(lines)}"
            for name, process in self.processes.items()
        )

    def _start_all(self) -> None:
        base, cloud = environment.base(), environment.cloud_env(self.ports, self.practice)
        self._start_around(base, cloud)
        env = (
            base
            | environment.measured()
            | environment.product_env(self.ports, cloud, self.ca_path)
            | {"PACE": str(pace())}
            | self.env
        )
        self._start_product(env)

    def _start_around(self, base: dict[str, str], cloud: dict[str, str]) -> None:
        """Start the processes that the product needs: Redis and the practice cloud."""
        self._add("redis", self._redis_command(), base, self.folder)
        place = ("--port", str(self.ports.cloud), "--data", self.ca_path.parent)
        serve = words("python", "-m", "practice", "serve", *place)
        self._add("cloud", serve, base | cloud)
        self._start_together("redis", "cloud")

    def _redis_command(self) -> str:
        """Return the command line of Redis."""
        return words("python", "-m", "bot", "redis", "--port", str(self.ports.redis))

    def _start_product(self, env: dict[str, str]) -> None:
        """Start the processes of the Procfile."""
        commands = procfile(ROOT / "Procfile")
        for name, command in commands.items():
            self._add(name, command, env)
        self._start_together(*commands)

    def _start_together(self, *names: str) -> None:
        for name in names:
            self.processes[name].start()
        for name in names:
            self._wait(name)

    def _add(self, name: str, command: str, env: dict[str, str], folder: Path = ROOT) -> None:
        self.processes[name] = Process(
            name, command, env, folder, self.folder / f"{name}.log", self._guard
        )

    def _wait(self, name: str) -> None:
        process, healthy = self.processes[name], self._healthy(name)
        deadline = time.monotonic() + patient(START_S)
        while not healthy():
            if not process.alive or time.monotonic() > deadline:
                ended = "is not healthy" if process.alive else "ended"
                raise NotStartedError(f"{name} {ended}: {process.command}\n{process.tail()}")
            time.sleep(PAUSE_S)

    def _healthy(self, name: str) -> Callable[[], bool]:
        checks = {
            "redis": lambda: _listens(self.ports.redis),
            "cloud": lambda: self._answers(f"{self.cloud_url}/practice/health"),
            "web": lambda: self._answers(f"{self.public_url}/healthz"),
            "worker": self._subscribed,
        }
        return checks.get(name, lambda: True)

    def _answers(self, url: str) -> bool:
        return self._get(url) is not None

    def _subscribed(self) -> bool:
        """Return whether the worker has registered its three webhooks.

        They must be active and lead to this stack.
        """
        answer = self._get(f"{self.cloud_url}/practice/webex/webhooks")
        hooks = answer.json()["items"] if answer else []
        mine = {
            hook["resource"]
            for hook in hooks
            if hook["status"] == "active" and hook["targetUrl"].startswith(self.public_url)
        }
        return {"messages", "attachmentActions", "memberships"} <= mine

    def _context(self) -> ssl.SSLContext:
        """Return a TLS context that trusts the practice cloud.

        Each start of the cloud has a new context, because its authority is new.

        Raises:
            FileNotFoundError: before the cloud has written its authority.
        """
        written = self.ca_path.stat().st_mtime_ns
        if self._trusted is None or self._trusted[0] != written:
            self._trusted = written, ssl.create_default_context(cafile=str(self.ca_path))
        return self._trusted[1]

    def _get(self, url: str) -> httpx.Response | None:
        with contextlib.suppress(httpx.HTTPError, OSError):
            answer = httpx.get(url, verify=self._context(), trust_env=False, timeout=5)
            return answer if answer.is_success else None
        return None


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        probe.settimeout(1)
        return probe.connect_ex(("127.0.0.1", port)) == 0
