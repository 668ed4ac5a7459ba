"""Renewal of refused tokens.

A token that should be valid but is refused is renewed once before a person is asked to sign in
again.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TypeVar

import httpx

from jobs.clouds.errors import SignInNeeded

T = TypeVar("T")
#: Returns a token that is valid now; called before every request.
TokenSource = Callable[[], Awaitable[str]]


async def with_token(source: TokenSource, send: Callable[[str], Awaitable[T]]) -> T:
    """Call ``send`` with a token, and after a 401 once more with a new token.

    Tokens can end early because of a policy or a clock difference. A source that can give another
    token has a method ``spend``, which takes the refused token.

    Raises:
        CloudError: as ``send``; also when the new token gets a 401.
    """
    token = await source()
    try:
        return await send(token)
    except SignInNeeded as refused:
        spend = getattr(source, "spend", None)
        if refused.status != httpx.codes.UNAUTHORIZED or spend is None:
            raise
        spend(token)
    return await send(await source())
