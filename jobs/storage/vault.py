"""Secrets at rest: sealed with Fernet, the keys outside Redis, each with an end.

Newest key first: everything is sealed with the first, and opened with any, so keys can be rotated (CHECKLIST S3).
"""

from __future__ import annotations

from contextlib import suppress

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from redis import Redis
from redis.exceptions import ResponseError

PREFIX = "sealed:"


class Vault:
    """Named sealed values in Redis. Names say what a value is for and whose; they are no secret."""

    def __init__(self, redis: Redis, keys: tuple[str, ...]) -> None:
        self._redis = redis
        self._fernet = MultiFernet([Fernet(key) for key in keys])

    def put(self, name: str, value: str, seconds: int) -> None:
        """Seal the value under the name, for so many seconds, replacing what was there."""
        self._redis.set(PREFIX + name, self._fernet.encrypt(value.encode()), ex=seconds)

    def get(self, name: str) -> str | None:
        """The value, or None: never put, taken, over, or sealed with a key that is gone."""
        return self._open(self._redis.get(PREFIX + name))

    def take(self, name: str) -> str | None:
        """The value, which nobody can get after this (GETDEL: of many readers exactly one wins)."""
        return self._open(self._redis.getdel(PREFIX + name))

    def move(self, name: str, to: str) -> None:
        """Give the value another name; its end stays. Does nothing where there is none."""
        with suppress(ResponseError):
            self._redis.rename(PREFIX + name, PREFIX + to)

    def drop(self, name: str) -> None:
        """Forget the value."""
        self._redis.delete(PREFIX + name)

    def holds(self, name: str) -> bool:
        """Whether a value is there; it is not opened."""
        return bool(self._redis.exists(PREFIX + name))

    def _open(self, sealed: object) -> str | None:
        if not isinstance(sealed, bytes):
            return None
        try:
            return self._fernet.decrypt(sealed).decode()
        except InvalidToken:
            return None
