"""Check of a Call Back URL that a person types, with one sentence about its fault.

Sign-ins of the email app go to this address, so nothing in it may be read in two ways. Entra
compares the address byte by byte (platforms/connect.md 1.4), so the bot never changes it.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable
from ipaddress import ip_address
from urllib.parse import SplitResult, unquote, urlsplit

from jobs.channel import spelling
from jobs.model import Text
from jobs.settings import is_loopback

LONGEST_URL = 200
_LABEL = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?")
_NUMBER = re.compile(r"\d+|0x[0-9a-f]*")
"""Last label of a host that browsers read as an IPv4 address (WHATWG URL, "ends in a number")."""
_PATH = re.compile(r"(?:[A-Za-z0-9._~!$&'()*+,;=:@/-]|%[0-9A-Fa-f]{2})*")
"""Characters that the path of a URL may contain (RFC 3986, section 3.3)."""


def fault_in(url: str) -> Text | None:
    """Return the text about the address's fault, or None if it can be a Call Back URL."""
    if fault := _in_text(url):
        return fault
    try:
        parts = urlsplit(url)
    except ValueError:
        return Text("typed.callback_ip" if "[" in url else "typed.callback_no_url")
    return next(filter(None, (check(parts, url) for check in _CHECKS)), None)


def _in_text(url: str) -> Text | None:
    if not url:
        return Text("typed.callback_missing")
    if len(url) > LONGEST_URL:
        return Text("typed.callback_long", {"most": str(LONGEST_URL)})
    if any(unicodedata.category(sign)[0] in "CZ" for sign in url):
        return Text("typed.callback_spaces" if "://" in url else "typed.callback_no_url")
    return _lookalikes(url)


def _lookalikes(url: str) -> Text | None:
    """Return the text about characters that represent others, with what was probably meant."""
    if signs := spelling.stand_ins(url):
        named = {"signs": spelling.named(signs), "meant": spelling.plain(url)}
        return Text("typed.callback_lookalike", named)
    return None


def _scheme(parts: SplitResult, _: str) -> Text | None:
    """Return the text about a wrong scheme; Entra takes http only for the local machine."""
    schemes = {"https", "http"} if is_loopback(_host_of(parts)) else {"https"}
    return None if parts.scheme in schemes else Text("typed.callback_https")


def _no_host(parts: SplitResult, _: str) -> Text | None:
    missing = not parts.hostname and "@" not in parts.netloc
    return Text("typed.callback_no_url") if missing else None


def _user(parts: SplitResult, _: str) -> Text | None:
    return Text("typed.callback_user") if "@" in parts.netloc else None


def _ip(parts: SplitResult, _: str) -> Text | None:
    number = "[" in parts.netloc or _is_number(_host_of(parts))
    return Text("typed.callback_ip") if number else None


def _mixed_scripts(parts: SplitResult, _: str) -> Text | None:
    if mixed := spelling.mixed_label(_host_of(parts)):
        letters = {"label": mixed, "letters": spelling.strange_letters(mixed)}
        return Text("typed.callback_mixed", letters)
    return None


def _host(parts: SplitResult, _: str) -> Text | None:
    host = _host_of(parts)
    labels = spelling.as_ascii(host).split(".")
    whole = all(map(_LABEL.fullmatch, labels)) and (len(labels) > 1 or is_loopback(host))
    return None if whole else Text("typed.callback_host", {"host": host})


def _host_of(parts: SplitResult) -> str:
    return parts.hostname or ""


def _is_number(host: str) -> bool:
    """Return whether the host is an IP address, also in the forms that only browsers know."""
    try:
        ip_address(host)
    except ValueError:
        return _NUMBER.fullmatch(host.rpartition(".")[2]) is not None
    return True


def _port(parts: SplitResult, _: str) -> Text | None:
    try:
        good = parts.port != 0 and not parts.netloc.endswith(":")
    except ValueError:
        good = False
    return None if good else Text("typed.callback_port")


def _end(_: SplitResult, url: str) -> Text | None:
    """Return the text about a query or a fragment after the path, even an empty one, or None."""
    if "?" in url:
        return Text("typed.callback_query")
    return Text("typed.callback_fragment") if "#" in url else None


def _path(parts: SplitResult, _: str) -> Text | None:
    """Return the text about a strange character, a dot segment, or no ``/callback`` at the end."""
    if rest := _PATH.sub("", parts.path, count=1):
        return Text("typed.callback_signs", {"sign": rest[0]})
    if {".", ".."} & set(re.split(r"[/\\]", unquote(parts.path))):
        return Text("typed.callback_dots")
    return None if parts.path.endswith("/callback") else Text("typed.callback_path")


_CHECKS: tuple[Callable[[SplitResult, str], Text | None], ...] = (
    _scheme,
    _no_host,
    _user,
    _ip,
    _mixed_scripts,
    _host,
    _port,
    _end,
    _path,
)
"""Checks of the parts of the address, in the order in which they are reported."""
