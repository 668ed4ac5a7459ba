"""Connections to Redis: one server, a primary that Sentinels name, or the embedded server.

``redis+sentinel://user:password@host1:26379,host2:26379/SERVICE/0`` has the form that most Redis
clients use. The user and the password are those of Redis. Those of the Sentinels are the options
``sentinel_username`` and ``sentinel_password``. ``rediss+sentinel`` is the same over TLS.

A primary that was demoted keeps its connections and refuses to write on them (READONLY). Each
connection of this module then counts as lost: it and its idle neighbors are closed, and the command
is tried again on a new connection, which goes where the name or the Sentinels lead. redis-py does
the same for Sentinel only (``SentinelManagedConnection.read_response``).
"""

import re
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import parse_qsl, unquote, urlsplit

from redis import Redis, exceptions, sentinel
from redis.backoff import ExponentialWithJitterBackoff, NoBackoff
from redis.client import Pipeline
from redis.connection import Connection, ConnectionPool, SSLConnection, UnixDomainSocketConnection
from redis.maint_notifications import MaintNotificationsConfig
from redis.retry import Retry

from jobs.settings import parts_of, valid
from jobs.storage import SOCKET

T = TypeVar("T")
SENTINEL_SCHEMES = ("redis+sentinel", "rediss+sentinel")
SENTINEL_PORT = 26379
SENTINEL_EXAMPLE = "redis+sentinel://host1:26379,host2:26379/SERVICE/0"
SENTINEL_OPTIONS = frozenset({"sentinel_username", "sentinel_password"})
URL_EXAMPLE = "redis://127.0.0.1:6379/0"
EMBEDDED = "redis+embedded:"  # before the server's folder
_SENTINELS = re.compile(
    r"redis(?P<tls>s?)\+sentinel://(?:(?P<username>[^@:]*):?(?P<password>.*)@)?(?P<hosts>[^@/?]+)"
    r"/(?P<service>[^/?]+)(?:/(?P<db>[0-9]*))?(?:\?(?P<options>.*))?",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Sentinels:
    """Address of a primary Redis server that Sentinels name."""

    hosts: tuple[tuple[str, int], ...]
    tls: bool
    db: int
    named: dict[str, str] = field(repr=False)  # its service, its login, and the Sentinels' login


def url_problem(url: str) -> str:
    """Return why the address cannot be right, as the end of a sentence without a password."""
    try:
        if sentinels_of(url) or parts_of(url).scheme in {"redis", "rediss", "unix"}:
            return ""
    except ValueError as error:
        return str(error)
    return f"is no Redis address: it looks like {URL_EXAMPLE}, or {SENTINEL_EXAMPLE}"


def sentinels_of(url: str) -> Sentinels | None:
    """Return the parts of a Redis address that names Sentinels; None for any other address.

    Raises:
        ValueError: A part is missing or cannot be right; the text follows the setting's name.
    """
    if url.partition("://")[0].lower() not in SENTINEL_SCHEMES:
        return None
    found = _SENTINELS.fullmatch(url)
    part = found.groupdict("") if found else {"hosts": "", "options": ""}
    login = dict(parse_qsl(part["options"], keep_blank_values=True))
    hosts = valid(lambda text: tuple(map(_host, text.split(","))), part["hosts"])
    if not hosts or login.keys() - SENTINEL_OPTIONS:
        raise ValueError(f"is no address of Sentinels: it looks like {SENTINEL_EXAMPLE}")
    named = {name: unquote(part[name]) for name in ("service", "username", "password")}
    return Sentinels(hosts, bool(part["tls"]), int(part["db"] or 0), named | login)


def _host(text: str) -> tuple[str, int]:
    parts = urlsplit(f"//{text.strip()}")
    if not parts.hostname or parts.port == 0:
        raise ValueError(text)
    return parts.hostname, parts.port or SENTINEL_PORT


TRIES, FIRST_PAUSE_S, LONGEST_PAUSE_S = 10, 0.01, 1.0
"""Retries of a command that a demoted server refused, and their pauses: at most 6 s in all."""
ASK_AGAIN_S = 1.0
"""Seconds after which the Sentinels are asked again for the primary."""
SENTINEL_S = 1.0
"""Seconds within which a Sentinel has to answer before the next one is asked."""
UNBLOCKED = "UNBLOCKED"
"""First word of the answer to a client whose server is demoted while the client waits for a job."""
UNANNOUNCED = MaintNotificationsConfig(enabled=False)
"""Only Redis Enterprise announces its maintenance; others refuse it, a round trip in each job."""


class DemotedError(exceptions.ConnectionError):
    """Error because the Redis server takes no writes any more: it became the replica of another."""


def open_redis(url: str, **options: Any) -> Redis:
    """Return a client for the Redis address; nothing is connected before its first command.

    ``options`` are those of redis-py's connections, such as ``socket_timeout`` in seconds. Without
    ``retry``, a command is tried again for a few seconds if a demoted server refused it, and not
    after any other error: it may have been carried out, and its answer lost.

    Raises:
        ValueError: The address is one of Sentinels and cannot be right.
    """
    pauses = ExponentialWithJitterBackoff(base=FIRST_PAUSE_S, cap=LONGEST_PAUSE_S)
    options.setdefault("retry", Retry(pauses, TRIES, supported_errors=(DemotedError,)))
    options.setdefault("maint_notifications_config", UNANNOUNCED)
    if url.startswith(EMBEDDED):
        place = Path(url.removeprefix(EMBEDDED), SOCKET)
        return Redis.from_pool(Pool(_Socket, path=str(place), **options))
    if sentinels := sentinels_of(url):
        return _of_sentinels(sentinels, options)
    kind = {"rediss": _Tls, "unix": _Socket}.get(parts_of(url).scheme, _Tcp)
    return Redis.from_pool(Pool.from_url(url, connection_class=kind, **options))


def is_demoted(error: exceptions.ResponseError) -> bool:
    if isinstance(error, exceptions.ExecAbortError):
        return "read only replica" in str(error)
    refused = isinstance(error, exceptions.ReadOnlyError | exceptions.MasterDownError)
    return refused or str(error).startswith(UNBLOCKED)


class Pool(ConnectionPool):
    """Pool whose idle connections are closed as soon as one of them finds its server demoted."""

    def make_connection(self) -> Any:
        connection: Any = super().make_connection()
        connection.leave = partial(self.disconnect, inuse_connections=False)
        return connection


class _LeavesReplica:
    """Part of a connection that treats the answer of a demoted server as a lost connection."""

    leave: Callable[[], object] = staticmethod(lambda: None)

    def read_response(self, *arguments: Any, **options: Any) -> Any:
        """Read one answer of Redis.

        Raises:
            DemotedError: The server takes no writes. The connection is closed.
        """
        try:
            return super().read_response(*arguments, **options)  # type: ignore[misc]  # of the connection
        except exceptions.ResponseError as error:
            if not is_demoted(error):
                raise
            self.disconnect()  # type: ignore[attr-defined]  # of the connection
            self.leave()
            why = f"Redis at this address takes no writes: it is a replica ({error})"
            raise DemotedError(why) from None


class _Tcp(_LeavesReplica, Connection): ...


class _Tls(_LeavesReplica, SSLConnection): ...  # SSL_CERT_FILE names the certificate authorities


class _Socket(_LeavesReplica, UnixDomainSocketConnection): ...


class _Sentinel(sentinel.SentinelManagedConnection, _Tcp): ...


class _SentinelTls(sentinel.SentinelManagedSSLConnection, _Tls): ...


class SentinelPool(sentinel.SentinelConnectionPool):
    """Pool that asks the Sentinels again and again which server is the primary.

    After ``SENTINEL FAILOVER`` the old primary takes writes for about ten more seconds, which are
    lost when it becomes a replica. So a command leaves the old primary as soon as the Sentinels
    name another server.
    """

    _ask_at = 0.0

    def get_connection(self, *arguments: Any, **options: Any) -> Any:
        """Return a connection to the present primary; redis-py closes those to an earlier one."""
        if time.monotonic() >= self._ask_at:
            self._ask_at = time.monotonic() + ASK_AGAIN_S
            with suppress(exceptions.ConnectionError, exceptions.TimeoutError):
                self.get_master_address()  # type: ignore[no-untyped-call]  # untyped in redis-py
        return super().get_connection(*arguments, **options)


def _of_sentinels(address: Sentinels, options: dict[str, Any]) -> Redis:
    hurried = min(options.get("socket_timeout") or SENTINEL_S, SENTINEL_S)
    watchers = {
        "username": address.named.get("sentinel_username") or None,
        "password": address.named.get("sentinel_password") or None,
        "ssl": address.tls,
        "socket_timeout": hurried,
        "socket_connect_timeout": hurried,
        "retry": Retry(NoBackoff(), 0),
    }
    asked: Any = sentinel.Sentinel(address.hosts, sentinel_kwargs=watchers)  # type: ignore[no-untyped-call]
    client: Redis = asked.master_for(
        address.named["service"],
        connection_pool_class=SentinelPool,
        connection_class=_SentinelTls if address.tls else _Sentinel,
        db=address.db,
        username=address.named["username"] or None,
        password=address.named["password"] or None,
        **options,
    )
    return client


def in_transaction(redis: Redis, attempt: Callable[[Pipeline], T], *keys: str) -> T:
    """Return the last result of ``attempt``: it reads before ``pipe.multi()``, and then writes."""
    transaction: Any = redis.transaction  # redis-py's types leave the result open
    result: T = transaction(attempt, *keys, value_from_callable=True)
    return result
