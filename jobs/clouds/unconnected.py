"""Reasons for which a connection was never made, and which the bot's operator can look into.

httpx, requests and msal wrap the error of the resolver or of TLS several times. In both cases
nothing of the request was sent, so even a request that makes something may be sent again.
"""

from __future__ import annotations

import socket
import ssl
from collections.abc import Iterator
from dataclasses import dataclass

from jobs.causes.cause import Cause

UNCONNECTED = frozenset({Cause.CERTIFICATE_INVALID, Cause.HOST_NAME_UNKNOWN})
"""Causes that can end without any action in the tenant, so the bot keeps trying."""
_DEEPEST = 12


@dataclass(frozen=True, slots=True)
class Unconnected:
    """Cause code, and one line that names the host with the words of the resolver or of OpenSSL."""

    cause: str
    words: str


def why_unconnected(error: BaseException, host: str) -> Unconnected | None:
    """Return why no connection to the host was made, or None if the error has another reason."""
    for each in _chain(error):
        if isinstance(each, socket.gaierror):
            return Unconnected(Cause.HOST_NAME_UNKNOWN, f"{host}: {each.strerror or each}")
        if isinstance(each, ssl.SSLCertVerificationError):
            return Unconnected(Cause.CERTIFICATE_INVALID, f"{host}: {each.verify_message or each}")
    return None


def words_of(error: BaseException, host: str) -> str:
    """Return why no connection was made, in one line, or the name of any other error."""
    why = why_unconnected(error, host)
    return why.words if why else type(error).__name__


def _chain(error: BaseException) -> Iterator[BaseException]:
    """Yield the error and everything that it wraps, each once."""
    waiting, seen = [error], set[int]()
    while waiting and len(seen) < _DEEPEST:
        each = waiting.pop(0)
        if id(each) in seen:
            continue
        seen.add(id(each))
        yield each
        waiting += _wrapped_in(each)


def _wrapped_in(error: BaseException) -> list[BaseException]:
    inner = (error.__cause__, error.__context__, getattr(error, "reason", None), *error.args)
    return [each for each in inner if isinstance(each, BaseException)]
