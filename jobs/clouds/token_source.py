"""A token that a cloud does not take any more, although it should be good, is renewed once before anybody is asked to sign in again."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TypeVar

import httpx

from jobs.clouds.errors import SignInNeeded

T = TypeVar("T")
#: Gives a token that is good now; asked before every request.
TokenSource = Callable[[], Awaitable[str]]


async def with_token(source: TokenSource, send: Callable[[str], Awaitable[T]]) -> T:
    """Send with a token, and after a 401 once more with a new one: tokens end early where a policy or a clock says so.

    A source that can give another one has a method ``spend``, which takes the refused token.

    Raises:
        CloudError: as ``send``; a 401 of a new token counts.
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
