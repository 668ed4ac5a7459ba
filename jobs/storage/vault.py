"""Vault of secrets in Redis: encrypted using Fernet, with keys outside Redis and an expiry each.

Keys are ordered newest first. Values are encrypted with the first and decrypted with any of them,
so keys can be rotated (checklist.toml S3).

Fernet has no associated data. So each value is encrypted together with its name, and a value that
was copied to another name does not open.
"""

from __future__ import annotations

from enum import StrEnum
from typing import NewType

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from redis import Redis
from redis.client import Pipeline

from jobs.storage import keys

VaultName = NewType("VaultName", str)


class Sealed(StrEnum):
    """Kinds of sealed values.

    Each value belongs to a run, a mailbox, or the owner that the comment of its kind names.
    """

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
    WEBEX_NAME = "webex-name"  # person or space: the name of either in Webex, of a moment ago
    DOCUMENT = "document"  # URL: a public document of Microsoft's, sealed against changes

    def of(self, *owner: str) -> VaultName:
        """Return the name under which the vault keeps a value of this kind for the owner."""
        return VaultName(":".join((self, *owner)))


class Vault:
    """Encrypted values in Redis, each with a name.

    A name says for which purpose a value is kept and to whom it belongs. Names are not secret.
    """

    def __init__(self, redis: Redis, encryption_keys: tuple[str, ...]) -> None:
        self._redis = redis
        self._newest = Fernet(encryption_keys[0])
        self._fernet = MultiFernet([Fernet(key) for key in encryption_keys])

    def put(self, name: VaultName, value: str, seconds: int, pipe: Pipeline | None = None) -> None:
        """Encrypt the value and store it for ``seconds`` seconds, replacing an older one.

        With ``pipe`` it is stored in that transaction.
        """
        (pipe or self._redis).set(keys.sealed(name), self._sealed(name, value), ex=seconds)

    def get(self, name: VaultName) -> str | None:
        """Return the value with this name, or None.

        It is None if it was never stored, was taken, has expired, is encrypted with a key that is
        gone, or was sealed under another name.
        """
        return self._open(name, self._redis.get(keys.sealed(name)))

    def take(self, name: VaultName) -> str | None:
        """Return the value and delete it (GETDEL), so that exactly one reader gets it.

        It is None if there is no such value.
        """
        return self._open(name, self._redis.getdel(keys.sealed(name)))

    def move(self, name: VaultName, to: VaultName) -> None:
        """Give the value another name and keep its expiry; do nothing if there is no such value."""

        def move(pipe: Pipeline) -> None:
            value, left_ms = (
                self._open(name, pipe.get(keys.sealed(name))),
                self._left_ms(pipe, name),
            )
            pipe.multi()
            if value is not None:
                pipe.set(keys.sealed(to), self._sealed(to, value), px=left_ms)
                pipe.delete(keys.sealed(name))

        self._redis.transaction(move, keys.sealed(name))

    def drop(self, name: VaultName) -> None:
        """Delete the value with this name."""
        self._redis.delete(keys.sealed(name))

    def holds(self, name: VaultName) -> bool:
        """Return whether a value with this name exists, without decrypting it."""
        return bool(self._redis.exists(keys.sealed(name)))

    def renewed(self, name: VaultName, sealed: object) -> bytes | None:
        """Return a stored value, sealed under the first key; unchanged if it is so already.

        It is None if the value does not open under this name with any of the keys.
        """
        if not isinstance(sealed, bytes) or self._open(name, sealed) is None:
            return None
        try:
            self._newest.decrypt(sealed)
        except InvalidToken:
            return self._fernet.rotate(sealed)
        return sealed

    def _left_ms(self, pipe: Pipeline, name: VaultName) -> int | None:
        left = int(pipe.pttl(keys.sealed(name)))
        return left if left > 0 else None

    def _sealed(self, name: VaultName, value: str) -> bytes:
        return self._fernet.encrypt((_bound(name) + value).encode())

    def _open(self, name: VaultName, sealed: object) -> str | None:
        if not isinstance(sealed, bytes):
            return None
        try:
            text = self._fernet.decrypt(sealed).decode()
        except InvalidToken:
            return None
        return text.removeprefix(_bound(name)) if text.startswith(_bound(name)) else None


def _bound(name: VaultName) -> str:
    """Return the beginning of the encrypted text: the name with its length.

    With the length, no name can be the beginning of another one.
    """
    return f"{len(name)}:{name}:"
