"""Addresses of Redis: one server, a primary that Sentinels name, or the embedded server.

``redis+sentinel://user:password@host1:26379,host2:26379/SERVICE/0`` has the form that most Redis
clients use. The user and the password are those of Redis. Those of the Sentinels are the options
``sentinel_username`` and ``sentinel_password``. ``rediss+sentinel`` is the same over TLS.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import parse_qsl, unquote, urlsplit

from jobs.settings import parts_of

SENTINEL_SCHEMES = ("redis+sentinel", "rediss+sentinel")
SENTINEL_PORT = 26379
SENTINEL_EXAMPLE = "redis+sentinel://host1:26379,host2:26379/SERVICE/0"
SENTINEL_OPTIONS = frozenset({"sentinel_username", "sentinel_password"})
SERVER_SCHEMES = frozenset({"redis", "rediss", "unix"})
EXAMPLE = "redis://127.0.0.1:6379/0"
LAST_PORT = 65_535
_EMBEDDED = "redis+embedded:"


class RedisUrlError(ValueError):
    """Error for a Redis address that cannot be right.

    The error's text is the rest of a sentence that begins with the name of the setting.
    """


@dataclass(frozen=True, slots=True)
class SentinelAddress:
    """Address of a primary Redis server that Sentinels name.

    ``user`` and ``password`` are those of Redis, and ``sentinel_user`` and ``sentinel_password``
    those of the Sentinels. Each is empty if it is not needed.
    """

    hosts: tuple[tuple[str, int], ...]
    service: str
    db: int = 0
    tls: bool = False
    user: str = ""
    password: str = field(default="", repr=False)
    sentinel_user: str = ""
    sentinel_password: str = field(default="", repr=False)


def embedded_url(folder: Path) -> str:
    """Return the address of the embedded Redis server that keeps its data in this folder."""
    return f"{_EMBEDDED}{folder}"


def embedded_folder(url: str) -> Path | None:
    """Return the data folder of the embedded Redis server, or None for another server's address."""
    return Path(url.removeprefix(_EMBEDDED)) if url.startswith(_EMBEDDED) else None


def is_sentinel(url: str) -> bool:
    """Return whether the Redis address names Sentinels."""
    return url.partition("://")[0].lower() in SENTINEL_SCHEMES


def problem(url: str) -> str:
    """Return why the Redis address cannot be right, or an empty string.

    The text is the rest of a sentence and never contains a password.
    """
    if is_sentinel(url):
        try:
            sentinel_address(url)
        except RedisUrlError as error:
            return f"{error}: it looks like {SENTINEL_EXAMPLE}"
        return ""
    if parts_of(url).scheme in SERVER_SCHEMES:
        return ""
    return f"is no Redis address: it looks like {EXAMPLE}, or {SENTINEL_EXAMPLE}"


def sentinel_address(url: str) -> SentinelAddress:
    """Return the parts of a Redis address that names Sentinels.

    Raises:
        RedisUrlError: A part is missing or cannot be right.
    """
    scheme, _, rest = url.partition("://")
    place, _, query = rest.partition("?")
    netloc, _, path = place.partition("/")
    login, _, hosts = netloc.rpartition("@")
    user, _, password = login.partition(":")
    service, _, db = path.strip("/").partition("/")
    options = _options(query)
    if not service:
        raise RedisUrlError("names no service that the Sentinels watch")
    if not (db or "0").isdecimal():
        raise RedisUrlError("has a database that is no number")
    return SentinelAddress(
        tuple(map(_host, hosts.split(","))),
        unquote(service),
        int(db or 0),
        tls=scheme.lower().startswith("rediss"),
        user=unquote(user),
        password=unquote(password),
        sentinel_user=options.get("sentinel_username", ""),
        sentinel_password=options.get("sentinel_password", ""),
    )


def _options(query: str) -> dict[str, str]:
    options = dict(parse_qsl(query, keep_blank_values=True))
    if unknown := options.keys() - SENTINEL_OPTIONS:
        raise RedisUrlError(
            f"has the option {min(unknown)!r}; only {' and '.join(sorted(SENTINEL_OPTIONS))} are known"
        )
    return options


def _host(text: str) -> tuple[str, int]:
    """Return the host and port of one Sentinel; the port is 26379 if none is named."""
    try:
        parts = urlsplit(f"//{text.strip()}")
        host, port = parts.hostname or "", parts.port
    except ValueError:
        raise RedisUrlError("has a Sentinel whose host or port is none") from None
    if not host or port == 0 or parts.path or parts.username:
        raise RedisUrlError("has a Sentinel without a host")
    return host, port or SENTINEL_PORT
