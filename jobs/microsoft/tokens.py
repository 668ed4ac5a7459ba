"""One person's tokens for several resources, inside the engine's event loop.

Two resources need two tokens (facts 6.2).
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass

from jobs.microsoft.identity import Identity

AT_HAND_S = 240
"""Seconds for which a token is used; msal returns none that expires within five minutes."""


class Tokens:
    """Token sources that share one msal cache; ``save`` seals and stores each change of it."""

    def __init__(self, identity: Identity, cache: str, save: Callable[[str], None]) -> None:
        self._identity = identity
        self._cache = cache
        self._save = save
        self._one_at_a_time = asyncio.Lock()
        self._at_hand: dict[tuple[str, ...], tuple[float, str]] = {}
        self._spent: set[tuple[str, ...]] = set()

    def source(self, *scopes: str) -> Source:
        return Source(self, scopes)

    async def token(self, scopes: tuple[str, ...]) -> str:
        return self._kept(scopes) or await self._fetched(scopes)

    def spend(self, scopes: tuple[str, ...], token: str) -> None:
        """Discard a refused token; if many callers report it at once, it is renewed only once."""
        if self._kept(scopes) == token:
            del self._at_hand[scopes]
            self._spent.add(scopes)

    def _kept(self, scopes: tuple[str, ...]) -> str:
        looked, token = self._at_hand.get(scopes, (0.0, ""))
        return token if time.monotonic() - looked < AT_HAND_S else ""

    async def _fetched(self, scopes: tuple[str, ...]) -> str:
        async with (
            self._one_at_a_time
        ):  # use replaces the refresh token, so two refreshes must not overlap
            if token := self._kept(scopes):
                return token
            token, cache = await asyncio.to_thread(
                self._identity.token, self._cache, scopes, refresh=scopes in self._spent
            )
            self._spent.discard(scopes)
            if cache != self._cache:
                await asyncio.to_thread(self._save, cache)
                self._cache = cache
            self._at_hand[scopes] = (time.monotonic(), token)
            return token


@dataclass(frozen=True, slots=True)
class Source:
    """Tokens of one resource (:func:`jobs.clouds.token_source.with_token`)."""

    tokens: Tokens
    scopes: tuple[str, ...]

    async def __call__(self) -> str:
        return await self.tokens.token(self.scopes)

    def spend(self, token: str) -> None:
        self.tokens.spend(self.scopes, token)
