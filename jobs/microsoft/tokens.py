"""One person's tokens for several resources, inside the engine's event loop (two resources are two tokens, facts 6.2)."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence

from jobs.microsoft.graph_calls import TokenSource
from jobs.microsoft.identity import Identity


class Tokens:
    """Gives token sources that share one msal cache. ``save`` gets the cache each time that it has changed: seal and store it."""

    def __init__(self, identity: Identity, cache: str, save: Callable[[str], None]) -> None:
        self._identity = identity
        self._cache = cache
        self._save = save
        self._one_at_a_time = asyncio.Lock()

    def source(self, *scopes: str) -> TokenSource:
        """A token source for one resource's scopes."""

        async def token() -> str:
            return await self._token(scopes)

        return token

    async def _token(self, scopes: Sequence[str]) -> str:
        async with self._one_at_a_time:  # a refresh token is replaced on use, so two refreshes must not overlap
            token, cache = await asyncio.to_thread(self._identity.token, self._cache, scopes)
            if cache != self._cache:
                await asyncio.to_thread(self._save, cache)
                self._cache = cache
            return token
