"""Seals of everything in Redis that counts: MACs of JSON objects, and the vault of secrets.

The newest of ENCRYPTION_KEYS, which are outside Redis, seals, and any of them opens. What is sealed
counts only in the place for which it was made.
"""

import hmac
from collections.abc import Callable, Iterable, Sequence
from datetime import timedelta
from enum import StrEnum
from typing import NewType, TypeVar

import msgspec
import structlog
from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from redis import Redis
from redis.client import Pipeline

from jobs.storage import codec, keys

LABEL = b"webex-email-bot: entries in Redis"
"""Purpose of the derived keys (HKDF's ``info``, RFC 5869), so that no key serves two purposes."""
_NAME, _LAST = b',"mac":"', b'"}'
_HEX = 64
_TAIL = len(_NAME) + _HEX + len(_LAST)

T = TypeVar("T")
log = structlog.get_logger(__name__)


class Authenticator:
    """MACs (HMAC-SHA256) of JSON objects, which a client of Redis can neither make nor change.

    The MAC also covers the place: the ``key`` in Redis, and the ``part`` of a key that holds
    several. It is the last field, so that every reader of JSON can read the object without it.
    """

    def __init__(self, encryption_keys: Sequence[str] = ()) -> None:
        self._keys = tuple(map(_derived, encryption_keys)) or (_derived(""),)

    def dump(self, key: str, value: object, part: str = "") -> bytes:
        return self.protect(key, codec.dump(value), part)

    def load(self, key: str, raw: object, kind: type[T], part: str = "") -> T | None:
        """Return the decoded object; None if it is missing, or not this bot's in this place.

        Raises:
            msgspec.ValidationError: The object does not match the type.
        """
        body = self.verify(key, raw, part)
        if raw is not None and body is None:
            log.error("a value in Redis was not made by this bot", key=key, part=part)
        return None if body is None else codec.load(body, kind)

    def protect(self, key: str, body: bytes, part: str = "") -> bytes:
        """Return the JSON object with its MAC as the last field; an empty object is not allowed."""
        return body[:-1] + _NAME + _mac(self._keys[0], key, part, body).encode() + _LAST

    def verify(self, key: str, line: object, part: str = "") -> bytes | None:
        """Return the JSON object without its MAC; None if this bot did not make it in this place."""
        if not isinstance(line, bytes) or not (mac := mac_of(line)):
            return None
        body = line[:-_TAIL] + b"}"
        macs = (_mac(each, key, part, body) for each in self._keys)
        return body if any(hmac.compare_digest(each, mac) for each in macs) else None

    def renewed(self, key: str, line: object, part: str = "") -> bytes | None:
        """Return the JSON object with a MAC under the first key; None if it does not verify."""
        body = self.verify(key, line, part)
        return None if body is None else self.protect(key, body, part)


def mac_of(line: bytes) -> str:
    """Return the MAC that the JSON object holds, verified or not; empty if there is none."""
    if line[-_TAIL : -_TAIL + len(_NAME)] != _NAME or not line.endswith(_LAST):
        return ""
    mac = line[-_HEX - len(_LAST) : -len(_LAST)].decode("ascii", "replace")
    return mac if mac.isascii() else ""


def _mac(secret: bytes, key: str, part: str, body: bytes) -> str:
    return hmac.digest(secret, msgspec.json.encode((key, part)) + body, "sha256").hex()


def _derived(encryption_key: str) -> bytes:
    return HKDF(SHA256(), 32, salt=None, info=LABEL).derive(encryption_key.encode())


class AuthenticatedStore:
    """Store of JSON objects with MACs, each under a key of its own."""

    def __init__(self, redis: Redis, authenticator: Authenticator | None = None) -> None:
        self.redis = redis
        self._authenticator = authenticator or Authenticator()

    def _get(self, key: keys.Key, kind: type[T], reader: Redis | None = None) -> T | None:
        return self._authenticator.load(key, (reader or self.redis).get(key), kind)

    def _get_all(
        self, names: Iterable[object], key: Callable[[str], keys.Key], kind: type[T]
    ) -> tuple[T, ...]:
        every = [key(codec.as_text(name)) for name in names]
        rows = self.redis.mget(every) if every else ()
        found = (self._authenticator.load(*each, kind) for each in zip(every, rows, strict=True))
        return tuple(each for each in found if each is not None)

    def _put(self, key: keys.Key, value: object, pipe: Redis, ttl: timedelta | None = None) -> None:
        pipe.set(key, self._authenticator.dump(key, value), ex=ttl)


VaultName = NewType("VaultName", str)


class Sealed(StrEnum):
    """Kinds of sealed values, each with its owner."""

    ADMIN_SESSION = "session"  # run: the sign-in of an administrator
    CLIENT_SECRET = "secret"  # run: Webex Connect's client secret until it was shown
    CLIENT_SECRET_ID = "secret-key"  # run: the key id of that secret
    REHEARSAL_TOKEN = "rehearsal"  # run: an access token of the mailbox user
    REHEARSAL_SESSION = "rehearsal-session"  # run: the sign-in of the mailbox user
    REHEARSAL_SECRET = "rehearsal-secret"  # run: the bot's own client secret
    CHECK_SESSION = "check-session"  # mailbox: the sign-in that was kept for checks
    CHECK_SECRET = "check-secret"  # mailbox: the client secret that was kept for checks
    PAGE_TOKEN = "ticket"  # kind of page and run: the token of a link
    PAGE = "page"  # hash of a link's token: the purpose of the link
    OAUTH_FLOW = "flow"  # state: a sign-in that is under way in a browser
    ANSWERED = "answered"  # part of an event: what was answered and Webex has not taken yet
    TAC_SCREENSHOT = "tac-screenshot"  # conversation: a picture for Cisco TAC

    def of(self, *owner: str) -> VaultName:
        return VaultName(":".join((self, *owner)))


class Vault:
    """Secrets in Redis, encrypted using Fernet, each with a name, not secret, and an expiry.

    Fernet has no associated data. So each value is encrypted together with its key in Redis, and a
    value that was copied to another key does not open.
    """

    def __init__(self, redis: Redis, encryption_keys: tuple[str, ...]) -> None:
        self._redis = redis
        self._newest = Fernet(encryption_keys[0])
        self._fernet = MultiFernet([Fernet(key) for key in encryption_keys])

    def put(self, name: VaultName, value: str, seconds: int, pipe: Pipeline | None = None) -> None:
        key = keys.sealed(name)
        (pipe or self._redis).set(key, self._sealed(key, value), ex=seconds)

    def get(self, name: VaultName) -> str | None:
        """Return the value; None if it is gone, or was sealed with a lost key or another name."""
        return self.opened(name, self._redis.get(keys.sealed(name)))

    def opened(self, name: VaultName, sealed: object) -> str | None:
        """Return the value of what was read under the key of this name, as :meth:`get` does."""
        return self._open(keys.sealed(name), sealed)

    def take(self, name: VaultName) -> str | None:
        """Return the value, or None, and delete it (GETDEL), so that exactly one reader gets it."""
        return self.opened(name, self._redis.getdel(keys.sealed(name)))

    def move(self, name: VaultName, to: VaultName) -> None:
        """Give the value another name and keep its expiry; do nothing if there is no such value."""
        key, new = keys.sealed(name), keys.sealed(to)

        def move(pipe: Pipeline) -> None:
            value, left_ms = self._open(key, pipe.get(key)), int(pipe.pttl(key))
            pipe.multi()
            if value is not None:
                pipe.set(new, self._sealed(new, value), px=left_ms if left_ms > 0 else None)
                pipe.delete(key)

        self._redis.transaction(move, key)

    def drop(self, name: VaultName) -> None:
        self._redis.delete(keys.sealed(name))

    def holds(self, name: VaultName) -> bool:
        return bool(self._redis.exists(keys.sealed(name)))

    def renewed(self, key: str, sealed: bytes) -> bytes | None:
        """Return a value as it is under the first key; None if it does not open in this place."""
        if self._open(key, sealed) is None:
            return None
        try:
            self._newest.decrypt(sealed)
        except InvalidToken:
            return self._fernet.rotate(sealed)
        return sealed

    def _sealed(self, key: str, value: str) -> bytes:
        return self._fernet.encrypt((_bound(key) + value).encode())

    def _open(self, key: str, sealed: object) -> str | None:
        if not isinstance(sealed, bytes):
            return None
        try:
            text = self._fernet.decrypt(sealed).decode()
        except InvalidToken:
            return None
        return text.removeprefix(_bound(key)) if text.startswith(_bound(key)) else None


def _bound(key: str) -> str:
    """Return the beginning of the text: the key, with its length so that it begins no other."""
    return f"{len(key)}:{key}:"
