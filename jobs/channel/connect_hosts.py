"""Addresses of Webex Connect, recognized by their host (platforms/connect.md 1.3 and 1.4).

The setting CONNECT_HOSTS adds to the domains that Cisco's pages name, because those of some regions
are not documented. No other host counts, however much its name looks like it.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase

from jobs.model import Channel, RunKind
from jobs.runs.run import FOREIGN_HOSTS, Run
from jobs.settings import parts_of

_IMICONNECT = ("io", "eu", "us", "in", "ca", "com")
PATTERNS = ("*.webexconnect.io", *(f"*.imiconnect.{end}" for end in _IMICONNECT))
"""Hosts of Webex Connect.

Tenants have a host below webexconnect.io, and older ones below a domain of imiconnect
(developers.webexconnect.io/reference, "Know your API endpoints"). The Forwarding Address is at a
host below imiconnect.io, such as mail-us.imiconnect.io (Cisco's labs).
"""
_ADDRESS = re.compile(r"[\w.+-]+@([a-z0-9.-]*[a-z0-9])(?![\w-])", re.IGNORECASE)
_CUSTOM_NODE = "oauth."
"""Beginning of a host that belongs to a custom node and not to an email app."""


@dataclass(frozen=True, slots=True)
class ConnectHosts:
    """Known hosts, and the patterns of CONNECT_HOSTS: a host, or ``*.`` and a domain."""

    more: tuple[str, ...] = ()

    def has(self, host: str) -> bool:
        every = (pattern.replace("*", "?*") for pattern in (*PATTERNS, *self.more))
        return any(fnmatchcase(host.lower(), pattern) for pattern in every)

    def is_callback(self, url: str) -> bool:
        parts = parts_of(url)
        host = (parts.hostname or "").lower()
        callback = parts.scheme == "https" and parts.path.endswith("/callback")
        return callback and self.has(host) and not host.startswith(_CUSTOM_NODE)

    def is_forwarding_address(self, address: str) -> bool:
        return self.has(address.rpartition("@")[2])

    def addresses_in(self, text: str) -> list[str]:
        return [found[0].lower() for found in _ADDRESS.finditer(text) if self.has(found[1])]


def callback_host(channel: Channel) -> str:
    return (parts_of(channel.callback_url).hostname or "").lower()


def forwarding_host(channel: Channel) -> str:
    return channel.forwarding_address.rpartition("@")[2].lower()


def foreign_hosts(run: Run, connect_hosts: Sequence[str]) -> tuple[str, ...]:
    """Return the plan's hosts that are not Webex Connect's; an approver confirms them by name."""
    if run.kind is RunKind.UNDO:
        return ()
    known = ConnectHosts(tuple(connect_hosts))
    hosts = (callback_host(run.channel), forwarding_host(run.channel))
    return tuple(dict.fromkeys(host for host in hosts if host and not known.has(host)))


def unconfirmed_hosts(run: Run, connect_hosts: Sequence[str]) -> tuple[str, ...]:
    confirmed = run.answer(FOREIGN_HOSTS).split()
    return tuple(host for host in foreign_hosts(run, connect_hosts) if host not in confirmed)
