"""Encrypted secrets in Redis: sealed using Fernet, with keys outside Redis and an expiry each.

Keys are ordered newest first. Values are encrypted with the first and decrypted with any of them,
so keys can be rotated (CHECKLIST S3).
"""

from __future__ import annotations

from contextlib import suppress
from enum import StrEnum
from typing import NewType

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from redis import Redis
from redis.exceptions import ResponseError

from jobs.storage import keys

VaultName = NewType("VaultName", str)


class Sealed(StrEnum):
    """Kinds of sealed values. Each belongs to a run, a mailbox, or the owner named in its comment."""

    ADMIN_SESSION = "session"  # run: the sign-in of an administrator
    CLIENT_SECRET = "secret"  # run: Webex Connect's client secret until it was shown
    CLIENT_SECRET_ID = "secret-key"  # run: the key id of that secret
    REHEARSAL_TOKEN = "rehearsal"  # run: an access token of the mailbox user
    REHEARSAL_SESSION = "rehearsal-session"  # run: the sign-in of the mailbox user
    REHEARSAL_SECRET = "rehearsal-secret"  # run: the bot's own client secret
    CHECK_SESSION = "check-session"  # mailbox: the sign-in that was kept for checks
    CHECK_SECRET = "check-secret"  # mailbox: the client secret that was kept for checks
    PAGE_TOKEN = "ticket"  # kind of page and run: the token of a link
    OAUTH_FLOW = "flow"  # state: a sign-in that is under way in a browser
    ANSWERED = "answered"  # part of an event: what was answered and Webex has not taken yet
    TAC_SCREENSHOT = "tac-screenshot"  # conversation: a picture for Cisco TAC
    DOCUMENT = (
        "document"  # URL: a public document of Microsoft's, sealed so that nobody can change it
    )

    def of(self, *owner: str) -> VaultName:
        """Return the name under which the vault keeps the owner's value."""
        return VaultName(":".join((self, *owner)))


class Vault:
    """Named encrypted values in Redis.

    A name says what a value is for and whose it is; names are not secret.
    """

    def __init__(self, redis: Redis, encryption_keys: tuple[str, ...]) -> None:
        self._redis = redis
        self._fernet = MultiFernet([Fernet(key) for key in encryption_keys])

    def put(self, name: VaultName, value: str, seconds: int) -> None:
        """Encrypt and store the value under the name for ``seconds`` seconds, replacing an older one."""
        self._redis.set(keys.sealed(name), self._fernet.encrypt(value.encode()), ex=seconds)

    def get(self, name: VaultName) -> str | None:
        """Return the value, or None.

        It is None if it was never stored, was taken, has expired, or is encrypted with a key that
        is gone.
        """
        return self._open(self._redis.get(keys.sealed(name)))

    def take(self, name: VaultName) -> str | None:
        """Return the value and delete it, so exactly one reader gets it (GETDEL), or None."""
        return self._open(self._redis.getdel(keys.sealed(name)))

    def move(self, name: VaultName, to: VaultName) -> None:
        """Rename the value, which keeps its expiry; do nothing if it does not exist."""
        with suppress(ResponseError):
            self._redis.rename(keys.sealed(name), keys.sealed(to))

    def drop(self, name: VaultName) -> None:
        """Delete the value."""
        self._redis.delete(keys.sealed(name))

    def holds(self, name: VaultName) -> bool:
        """Return whether a value exists, without decrypting it."""
        return bool(self._redis.exists(keys.sealed(name)))

    def _open(self, sealed: object) -> str | None:
        if not isinstance(sealed, bytes):
            return None
        try:
            return self._fernet.decrypt(sealed).decode()
        except InvalidToken:
            return None
