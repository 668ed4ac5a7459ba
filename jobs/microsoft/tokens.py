"""One person's tokens for several resources, inside the engine's event loop (two resources are two tokens, facts 6.2)."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

from jobs.microsoft.graph_calls import TokenSource
from jobs.microsoft.identity import Identity

AT_HAND_S = 240
"""How long a token is used without looking, in seconds: msal gives none out that ends within five minutes."""


class Tokens:
    """Gives token sources that share one msal cache. ``save`` gets the cache each time that it has changed: seal and store it."""

    def __init__(self, identity: Identity, cache: str, save: Callable[[str], None]) -> None:
        self._identity = identity
        self._cache = cache
        self._save = save
        self._one_at_a_time = asyncio.Lock()
        self._at_hand: dict[tuple[str, ...], tuple[float, str]] = {}

    def source(self, *scopes: str) -> TokenSource:
        """A token source for one resource's scopes."""

        async def token() -> str:
            return await self._token(scopes)

        return token

    async def _token(self, scopes: tuple[str, ...]) -> str:
        return self._kept(scopes) or await self._fetched(scopes)

    def _kept(self, scopes: tuple[str, ...]) -> str:
        looked, token = self._at_hand.get(scopes, (0.0, ""))
        return token if time.monotonic() - looked < AT_HAND_S else ""

    async def _fetched(self, scopes: tuple[str, ...]) -> str:
        async with self._one_at_a_time:  # a refresh token is replaced on use, so two refreshes must not overlap
            if token := self._kept(scopes):
                return token
            token, cache = await asyncio.to_thread(self._identity.token, self._cache, scopes)
            if cache != self._cache:
                await asyncio.to_thread(self._save, cache)
                self._cache = cache
            self._at_hand[scopes] = (time.monotonic(), token)
            return token
