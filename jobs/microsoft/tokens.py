"""Tokens inside the engine's event loop: one person's, and those of the bot's own app.

Two resources need two tokens (microsoft.md 6.2). App-only tokens are inspected before use, and
their clients only read.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import json
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from jobs.causes.cause import Cause
from jobs.clouds.errors import CloudError, CloudReply, Forbidden, unreadable
from jobs.clouds.http import Call, TokenSource
from jobs.microsoft.exchange import ExchangeRow, InvokeCommand, Params
from jobs.microsoft.graph import Graph
from jobs.microsoft.identity import Identity

APP_TOKEN_S = 1200
"""Seconds for which a token is used; it is valid for at least an hour and keeps its roles."""
_GONE = frozenset(
    {Cause.APP_DISABLED, Cause.APP_NOT_FOUND, Cause.APP_ROLES_MISSING, Cause.CONSENT_MISSING}
)
_READS = ("get-", "test-")

Ask = Callable[[str], str]


class WriteRefusedError(RuntimeError):
    """Error because read-only access would write: a programming error, caught before sending."""


def roles_in(token: str) -> frozenset[str]:
    """Return the ``roles`` of an access token, or an empty set if it has none.

    The signature is not verified, because Entra has just issued the token to us.

    Raises:
        MalformedAnswer: the token is not a JSON Web Token.
    """
    try:
        body = token.split(".")[1]
        claims = json.loads(base64.urlsafe_b64decode(body + "=" * (-len(body) % 4)))
        roles = claims.get("roles")
    except (IndexError, ValueError, AttributeError, binascii.Error):
        raise unreadable("entra", "an access token that is no JSON Web Token") from None
    return frozenset(map(str, roles)) if isinstance(roles, list) else frozenset()


def missing_in(token: str, needed: Sequence[str]) -> tuple[str, ...]:
    """Return the names in ``needed`` that the token lacks as roles. Case does not matter."""
    have = {role.lower() for role in roles_in(token)}
    return tuple(name for name in needed if name.lower() not in have)


def withdrawn(error: CloudError) -> bool:
    """Return whether the app or its consent is gone; any other error may be temporary."""
    return error.cause in _GONE


class AppTokens:
    """One tenant's app-only tokens, by resource; ``ended`` is set once access is withdrawn.

    An error is remembered for all later callers, so twenty steps do not ask Entra twenty times.
    """

    def __init__(self, ask: Ask, needed: Mapping[str, Sequence[str]]) -> None:
        self._ask = ask
        self._needed = needed
        self._alone = {scope: asyncio.Lock() for scope in needed}
        self._at_hand: dict[str, tuple[float, str]] = {}
        self._failed: dict[str, CloudError] = {}
        self.ended: Forbidden | None = None

    def source(self, scope: str) -> TokenSource:

        async def token() -> str:
            async with self._alone[scope]:
                return self._kept(scope) or await self._fetched(scope)

        return token

    def _kept(self, scope: str) -> str:
        if scope in self._failed:
            raise self._failed[scope]
        looked, token = self._at_hand.get(scope, (0.0, ""))
        return token if token and time.monotonic() - looked < APP_TOKEN_S else ""

    async def _fetched(self, scope: str) -> str:
        try:
            token = await asyncio.to_thread(self._ask, scope)
            if lacking := missing_in(token, self._needed[scope]):
                said = CloudReply("entra", code=", ".join(lacking))
                raise Forbidden(Cause.APP_ROLES_MISSING, said)
        except CloudError as error:
            self._failed[scope] = error
            if withdrawn(error):
                said = CloudReply("entra", error.status, error.words)
                self.ended = self.ended or Forbidden(Cause.APP_ACCESS_WITHDRAWN, said)
                self._failed[scope] = self.ended
            raise self._failed[scope] from None
        self._at_hand[scope] = (time.monotonic(), token)
        return token


class ReadingGraph(Graph):
    """Read-only Graph client: any method other than GET raises WriteRefusedError."""

    async def _call(self, call: Call) -> Any:
        if call.method != "GET":
            raise WriteRefusedError(f"{call.method} {call.url}")
        return await super()._call(call)


class ReadingExchange(InvokeCommand):
    """Read-only Exchange client: only ``Get-`` and ``Test-`` cmdlets run."""

    async def run(self, cmdlet: str, parameters: Params) -> list[ExchangeRow]:
        """Run a read-only cmdlet; see :meth:`jobs.microsoft.exchange.InvokeCommand.run`."""
        if not cmdlet.lower().startswith(_READS):
            raise WriteRefusedError(cmdlet)
        return await super().run(cmdlet, parameters)


TOKEN_S = 240
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
        return token if time.monotonic() - looked < TOKEN_S else ""

    async def _fetched(self, scopes: tuple[str, ...]) -> str:
        # use replaces the refresh token, so two refreshes must not overlap
        async with self._one_at_a_time:
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
    """Tokens of one resource (:func:`jobs.clouds.http.with_token`)."""

    tokens: Tokens
    scopes: tuple[str, ...]

    async def __call__(self) -> str:
        return await self.tokens.token(self.scopes)

    def spend(self, token: str) -> None:
        self.tokens.spend(self.scopes, token)
