"""Hooks of the httpx clients that measure the clock by Microsoft's answers."""

from __future__ import annotations

import time
from dataclasses import dataclass
from urllib.parse import urlsplit

import httpx

from jobs.clouds.clock_skew import METER, MICROSOFT
from jobs.settings import Settings

_BEGAN = "bot_began"
"""Name of the request's extension that holds the time at which the request was sent."""


@dataclass(frozen=True, slots=True)
class DateHeaders:
    """Hooks that measure the clock by the answers of Microsoft's hosts alone."""

    hosts: frozenset[str]

    @classmethod
    def of(cls, settings: Settings) -> DateHeaders:
        urls = (settings.login_url, settings.graph_url, settings.exchange_url)
        return cls(frozenset(str(urlsplit(url).hostname).lower() for url in urls))

    def begin(self, request: httpx.Request) -> None:
        request.extensions[_BEGAN] = time.monotonic()

    def measure(self, response: httpx.Response) -> None:
        """Measure the clock by the answer, regardless of its status, before its body is read."""
        began = response.request.extensions.get(_BEGAN)
        if began is not None and response.request.url.host.lower() in self.hosts:
            METER.note(MICROSOFT, response.headers, time.monotonic() - began)
