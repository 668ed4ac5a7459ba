"""Host of everything behind the page.

It is the stack of processes, with the page's URL as the bot's PUBLIC_URL.
"""

import os
import shutil
import signal
import subprocess
import sys
import threading
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from practice.environment import ROOT
from practice.page import relay
from practice.page.addresses import Json, Places
from practice.page.server import PageServer
from practice.page.web import Space
from practice.stack import Stack

LOOKS_S = 300.0
"""Longest time for the looks of the watch, in seconds."""


@dataclass(slots=True)
class SpaceStack(Stack):
    """Stack whose browsers and webhooks come through the page."""

    page_url: str = ""

    @property
    def public_url(self) -> str:
        """Return the URL of the page."""
        return self.page_url


@dataclass(slots=True)
class PracticeSpace:
    """Practice space: the page and everything behind it.

    ``open`` takes the port, ``start`` starts the rest, and ``stop`` ends everything.
    """

    folder: Path
    port: int
    stack: SpaceStack | None = None
    ready: bool = False
    stopping: bool = False
    _server: PageServer = field(init=False)
    _lock: threading.Lock = field(init=False, default_factory=threading.Lock)

    def open(self) -> str:
        """Serve the page, which shows the progress of the start, and return its URL.

        Raises:
            PortTakenError: when another program uses the port.
        """
        self._server = PageServer(self.port, Space(self).app())
        self._server.start()
        return self._server.url

    def start(self) -> None:
        """Start all processes and wait until they are healthy.

        Raises:
            NotStartedError: when one of them does not become healthy.
        """
        shutil.rmtree(self.folder, ignore_errors=True)
        self.folder.mkdir(parents=True)
        url = self._server.url
        self.stack = SpaceStack(
            env={"PUBLIC_URL": url}, folder=self.folder, keep=True, page_url=url
        )
        self.stack.__enter__()
        self.ready = True

    def stop(self) -> None:
        """Stop everything; only the logs remain."""
        places, self.ready, self.stopping = self.places, False, True
        if self.stack:
            self.stack.stop()
        self._server.stop()
        if places:
            relay.close(places.ca_path)

    @property
    def url(self) -> str:
        """Return the URL of the page, once it is open."""
        return self._server.url

    @property
    def places(self) -> Places | None:
        """Return all addresses, or None until the cloud has written its certificate authority."""
        stack = self.stack
        if (
            self.stopping
            or stack is None
            or "web" not in stack.processes
            or not stack.ca_path.exists()
        ):
            return None
        return Places(
            self._server.url, f"http://127.0.0.1:{stack.ports.web}", stack.cloud_url, stack.ca_path
        )

    def shown(self) -> list[Json]:
        """Return the name, the pid and the state of each process, as the page shows them."""
        found = tuple(self.stack.processes.items()) if self.stack else ()
        return [
            {"name": name, "state": self._state(process), "pid": _pid(process)}
            for name, process in found
        ]

    def kill(self, name: str) -> None:
        """Kill a process and all its children with SIGKILL, as in a crash, then start it again.

        Raises:
            KeyError: for any name but "web" and "worker".
        """
        if self.stack is None or name not in {"web", "worker"}:
            raise KeyError(name)
        with self._lock:
            self.stack.kill(name, signal.SIGKILL, whole=True)
            self.stack.processes[name].stop()
            self.stack.start(name)

    def look(self) -> Json:
        """Have the bot's watch look at its channels now, and twice at a suspicious channel.

        Return the results. ``lines`` has one line for each channel, and none if no channel is
        watched. The operator's own command does this, so the looks are those of the worker, and
        only the time until they are due is skipped.

        Raises:
            RuntimeError: the space is still starting, or no worker has looked in time.
        """
        if self.stack is None or not self.ready:
            raise RuntimeError("the practice space is still starting")
        found = subprocess.run(
            [sys.executable, "-m", "bot", "look", "--again"],
            cwd=ROOT,
            env=self.stack.processes["worker"].env,
            capture_output=True,
            text=True,
            check=False,
            timeout=LOOKS_S,
        )
        lines = found.stdout.strip().splitlines()
        if found.returncode:
            raise RuntimeError(lines[-1] if lines else "the command look has failed")
        return {"lines": [line for line in lines if "@" in line.partition(":")[0]]}

    def _state(self, process: Any) -> str:
        if process.alive:
            return "running" if self.ready else "starting"
        return "stopped" if process.running else "not yet"


def _pid(process: Any) -> int:
    return int(process.running.pid) if process.alive else 0


def real_settings() -> list[str]:
    """Return the names of settings of a real installation in this environment.

    The practice space does not start if there are any.
    """
    return sorted(name for name in REAL if os.environ.get(name))


REAL = (
    "WEBEX_ACCESS_TOKEN",
    "WEBEX_WEBHOOK_SECRET",
    "WEBEX_API_URL",
    "PUBLIC_URL",
    "REDIS_URL",
    "MICROSOFT_CLIENT_ID",
    "MICROSOFT_CLIENT_SECRET",
    "MICROSOFT_CLIENT_CERTIFICATE",
    "MICROSOFT_FEDERATED_TOKEN_FILE",
    "MICROSOFT_LOGIN_URL",
    "MICROSOFT_GRAPH_URL",
    "EXCHANGE_ADMIN_URL",
    "SMTP_SERVER",
    "PROBE_SMTP_URL",
    "CONNECT_AUDIT_URL",
    "CONNECT_AUDIT_TOKEN",
    "CONTACT_CENTER_URL",
    "CONTACT_CENTER_TOKEN",
    "CONTACT_CENTER_ORG_ID",
    "ENCRYPTION_KEYS",
    "METRICS_TOKEN",
    "WATCH_PING_URL",
)
