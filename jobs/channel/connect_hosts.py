"""Addresses of Webex Connect, recognized by their host (facts/connect.md 1.3 and 1.4).

A host is Webex Connect's if its domain is ``webexconnect`` or ``imiconnect`` under any top-level
domain, because the domains of other regions than the United States are not documented.
"""

from __future__ import annotations

import re
from urllib.parse import urlsplit

_HOST = re.compile(r"(?:[a-z0-9-]+\.)*(?:webexconnect|imiconnect)\.[a-z]{2,}(?:\.[a-z]{2,})?")
_ADDRESS = re.compile(rf"[\w.+-]+@{_HOST.pattern}(?![\w.-])", re.IGNORECASE)
_CUSTOM_NODE = "oauth."
"""Beginning of a host that belongs to a custom node and not to an email app."""


def is_connect_host(host: str) -> bool:
    """Return whether the host is one of Webex Connect's."""
    return _HOST.fullmatch(host.lower()) is not None


def is_callback(url: str) -> bool:
    """Return whether the redirect URI is the Call Back URL of an email app."""
    parts = urlsplit(url)
    host = (parts.hostname or "").lower()
    callback = parts.scheme == "https" and parts.path.endswith("/callback")
    return callback and is_connect_host(host) and not host.startswith(_CUSTOM_NODE)


def is_forwarding_address(address: str) -> bool:
    """Return whether mail to the address goes to Webex Connect."""
    return is_connect_host(address.rpartition("@")[2])


def addresses_in(text: str) -> list[str]:
    """Return the addresses of Webex Connect in a text, in lower case."""
    return [found.group().lower() for found in _ADDRESS.finditer(text)]
