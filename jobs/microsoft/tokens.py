"""Tokens inside the engine's event loop: one person's, and those of the bot's own app.

Two resources need two tokens (microsoft.md 6.2). App-only tokens are inspected before use, and
their clients only read.
"""

import asyncio
import time
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import jwt

from jobs.causes.cause import Cause
from jobs.clouds.errors import CloudError, Forbidden, SignInNeeded, unreadable
from jobs.clouds.http import Call, TokenSource
from jobs.microsoft.exchange import ExchangeRow, InvokeCommand, Params
from jobs.microsoft.graph import Graph
from jobs.microsoft.identity import Identity

_GONE = frozenset(
    {Cause.APP_DISABLED, Cause.APP_NOT_FOUND, Cause.APP_ROLES_MISSING, Cause.CONSENT_MISSING}
)
"""Causes that the app or its consent is gone; any other error may be temporary."""


class WriteRefusedError(RuntimeError):
    """Error because read-only access would write: a programming error, caught before sending."""


def roles_in(token: str) -> frozenset[str]:
    """Return the ``roles`` of an access token, or an empty set if it has none.

    The signature is not verified, because Entra has just issued the token to us.

    Raises:
        MalformedAnswer: the token is not a JSON Web Token.
    """
    try:
        roles = jwt.decode(token, options={"verify_signature": False}).get("roles")
    except (jwt.PyJWTError, ValueError):  # no text in UTF-8
        raise unreadable("entra", "an access token that is no JSON Web Token") from None
    return frozenset(map(str, roles)) if isinstance(roles, list) else frozenset()


def missing_in(token: str, needed: Sequence[str]) -> tuple[str, ...]:
    """Return the names in ``needed`` that the token lacks as roles. Case does not matter."""
    have = {role.lower() for role in roles_in(token)}
    return tuple(name for name in needed if name.lower() not in have)


class _Kept:
    """Tokens by their scopes, each used for ``life_s`` seconds and fetched once for all callers."""

    life_s: ClassVar[int]

    def __init__(self) -> None:
        self._alone: defaultdict[tuple[str, ...], asyncio.Lock] = defaultdict(asyncio.Lock)
        self._at_hand: dict[tuple[str, ...], tuple[float, str]] = {}

    async def token(self, *scopes: str) -> str:
        if token := self._kept(scopes):
            return token
        async with self._alone[scopes]:
            if not (token := self._kept(scopes)):
                token = await self._fetched(scopes)
                self._at_hand[scopes] = (time.monotonic(), token)
            return token

    def _kept(self, scopes: tuple[str, ...]) -> str:
        fetched, token = self._at_hand.get(scopes, (0.0, ""))
        return token if time.monotonic() - fetched < self.life_s else ""

    async def _fetched(self, scopes: tuple[str, ...]) -> str:
        raise NotImplementedError


class AppTokens(_Kept):
    """One tenant's app-only tokens, by resource; ``ended`` is set once access is withdrawn.

    ``needed`` are the roles by resource. For another resource a person has to sign in. An error is
    remembered for all later callers, so twenty steps do not ask Entra twenty times.
    """

    life_s = 1200  # a token is valid for at least an hour and keeps its roles

    def __init__(self, ask: Callable[[str], str], needed: Mapping[str, Sequence[str]]) -> None:
        super().__init__()
        self._ask = ask
        self._needed = needed
        self._failed: dict[str, CloudError] = {}
        self.ended: Forbidden | None = None

    def source(self, scope: str) -> TokenSource:
        return lambda: self.token(scope)

    async def _fetched(self, scopes: tuple[str, ...]) -> str:
        (scope,) = scopes
        if scope not in self._needed:
            raise SignInNeeded(Cause.SIGN_IN_MISSING, "entra")
        if scope in self._failed:
            raise self._failed[scope]
        try:
            token = await asyncio.to_thread(self._ask, scope)
            if lacking := missing_in(token, self._needed[scope]):
                raise Forbidden(Cause.APP_ROLES_MISSING, "entra", code=", ".join(lacking))
        except CloudError as error:
            self._failed[scope] = error
            if error.cause in _GONE:
                gone = Forbidden(Cause.APP_ACCESS_WITHDRAWN, "entra", error.status, error.words)
                self.ended = self.ended or gone
                self._failed[scope] = self.ended
            raise self._failed[scope] from None
        return token


class ReadingGraph(Graph):
    async def _call(self, call: Call) -> Any:
        if call.method != "GET":
            raise WriteRefusedError(f"{call.method} {call.url}")
        return await super()._call(call)


class ReadingExchange(InvokeCommand):
    async def run(self, cmdlet: str, parameters: Params) -> list[ExchangeRow]:
        if not cmdlet.lower().startswith(("get-", "test-")):
            raise WriteRefusedError(cmdlet)
        return await super().run(cmdlet, parameters)


class Tokens(_Kept):
    """Token sources that share one msal cache; ``save`` seals and stores each change of it."""

    life_s = 240  # msal returns no token that expires within five minutes

    def __init__(self, identity: Identity, cache: str, save: Callable[[str], None]) -> None:
        super().__init__()
        only = asyncio.Lock()  # use replaces the refresh token, so two refreshes must not overlap
        self._alone.default_factory = lambda: only
        self._identity = identity
        self._cache = cache
        self._save = save
        self._spent: set[tuple[str, ...]] = set()

    def source(self, *scopes: str) -> "Source":
        return Source(self, scopes)

    def spend(self, scopes: tuple[str, ...], token: str) -> None:
        """Discard a refused token; if many callers report it at once, it is renewed only once."""
        if self._kept(scopes) == token:
            del self._at_hand[scopes]
            self._spent.add(scopes)

    async def _fetched(self, scopes: tuple[str, ...]) -> str:
        token, cache = await asyncio.to_thread(
            self._identity.token, self._cache, scopes, refresh=scopes in self._spent
        )
        self._spent.discard(scopes)
        if cache != self._cache:
            await asyncio.to_thread(self._save, cache)
            self._cache = cache
        return token


@dataclass(frozen=True, slots=True)
class Source:
    tokens: Tokens
    scopes: tuple[str, ...]

    async def __call__(self) -> str:
        return await self.tokens.token(*self.scopes)

    def spend(self, token: str) -> None:
        self.tokens.spend(self.scopes, token)
