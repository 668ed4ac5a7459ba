"""Discovery of a channel that nobody set up here, from the facts that Microsoft shows.

The forwarding address is the mailbox's own, or that of an earlier copy in the message trace. The
app is found by the grants of SMTP.Send, by the sign-in log of the mailbox user, and by redirect
URIs on a Webex Connect host. The discovery takes few reads and writes nothing.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import pairwise
from typing import TypeVar

from jobs.channel.app_search import Apps, certain_of
from jobs.channel.connect_hosts import ConnectHosts
from jobs.channel.mailbox import is_shared, mailbox_row
from jobs.channel.redirects import redirected_to, through
from jobs.clock import now
from jobs.clouds.errors import CloudError, NotFound, SignInNeeded
from jobs.clouds.json_values import lower_of, text_of
from jobs.engine.context import StepContext
from jobs.microsoft.exchange import ExchangeRow
from jobs.microsoft.graph_requests import Json, instant
from jobs.runs.search import Search

T = TypeVar("T")
WINDOWS = (timedelta(0), timedelta(days=1), timedelta(days=5), timedelta(days=10, minutes=-1))
"""Pairs of neighboring ages between which the message trace is read, newest first.

The message trace goes back 10 days (facts 2.5). If copies stopped hours or days ago, the mail of an
earlier window still has one.
"""
FEW = 3
"""Number of messages in each window of the trace whose copies are looked for."""
DELEGATES = 3
"""Number of a shared mailbox's delegates whose grants are read."""


@dataclass(slots=True)
class Discovery:
    """Discovery of one channel; ``unread`` if a cloud refused something or did not answer."""

    ctx: StepContext
    unread: bool = False
    users: list[str] = field(default_factory=list)

    async def search(self) -> Search:
        """Return the channel's app, addresses and users, as far as they were found.

        Raises:
            SignInNeeded: the sign-in is over.
        """
        mailbox, user = await asyncio.gather(
            self._or_none(mailbox_row(self.ctx)),
            self._or_none(self.ctx.graph.user(self.ctx.channel.mailbox)),
        )
        shared = mailbox is not None and is_shared(mailbox)
        self.users = await self._who_signs_in(user, shared=shared)
        forwarding = await self._forwarding(mailbox)
        apps = Apps(self.ctx, self.users)
        await self._or_none(apps.search())
        found = apps.found()
        certain = certain_of(found)
        return Search(
            apps=(certain,) if certain else tuple(each.app for each in found),
            certain=certain is not None,
            forwarding_address=forwarding,
            keep_copy=mailbox is None or lower_of(mailbox, "DeliverToMailboxAndForward") == "true",
            upn=text_of(user, "userPrincipalName"),
            shared=shared,
            delegate=apps.delegate if shared else "",
            unread=self.unread or mailbox is None,
        )

    async def _who_signs_in(self, user: Json | None, *, shared: bool) -> list[str]:
        """Return the ids of the users who may sign in: the mailbox user, or some delegates."""
        own = [text_of(user, "id")] if user else []
        return [*own, *await self._delegates()] if shared else own

    async def _delegates(self) -> list[str]:
        """Return the ids of the first ``DELEGATES`` users who may send as the mailbox."""
        wanted = {"Identity": self.ctx.channel.mailbox}
        rows = await if_readable(self.ctx.exchange.run("Get-RecipientPermission", wanted)) or []
        names = [text_of(row, "Trustee") for row in rows]
        upns = [name for name in names if "@" in name][:DELEGATES]
        found = [await if_readable(self.ctx.graph.user(upn)) for upn in upns]
        return [text_of(user, "id") for user in found if user]

    async def _forwarding(self, mailbox: ExchangeRow | None) -> str:
        """Return the channel's forwarding address, or an empty string if nothing shows it."""
        if mailbox is None:
            return ""
        named = text_of(mailbox, "ForwardingSmtpAddress").lower().removeprefix("smtp:")
        if ConnectHosts(self.ctx.settings.connect_hosts).is_forwarding_address(named):
            return named
        return (
            await self._contact(text_of(mailbox, "ForwardingAddress"))
            or await if_readable(redirected_to(self.ctx))
            or await if_readable(self._copied())
            or ""
        )

    async def _contact(self, internal: str) -> str | None:
        """Return the Webex Connect address behind an internal recipient, or nothing without one."""
        return await if_readable(through(self.ctx, internal)) if internal else None

    async def _copied(self) -> str:
        """Return the Webex Connect address that recently got a copy, or an empty string."""
        at, hosts = now() + timedelta(seconds=1), ConnectHosts(self.ctx.settings.connect_hosts)
        for youngest, oldest in pairwise(WINDOWS):
            since = at - oldest
            arrived = {"RecipientAddress": self.ctx.channel.mailbox, "ResultSize": FEW}
            for row in await self._traced(since, at - youngest, arrived):
                copies = await self._traced(since, at, {"MessageId": text_of(row, "MessageId")})
                sent_to = (lower_of(copy, "RecipientAddress") for copy in copies)
                if address := next(filter(hosts.is_forwarding_address, sent_to), ""):
                    return address
        return ""

    async def _traced(
        self, since: datetime, until: datetime, wanted: Mapping[str, object]
    ) -> list[ExchangeRow]:
        """Return the rows of the message trace, newest first.

        Get-MessageTraceV2 needs no service principal in the tenant, which only a setup makes.
        """
        times = {"StartDate": instant(since), "EndDate": instant(until)}
        return await self.ctx.exchange.run("Get-MessageTraceV2", {**wanted, **times})

    async def _or_none(self, asked: Awaitable[T]) -> T | None:
        """Return the answer, or None for an object that does not exist or was not readable."""
        try:
            return await asked
        except NotFound:
            return None
        except SignInNeeded:
            raise
        except CloudError:
            self.unread = True
            return None


async def search(ctx: StepContext) -> Search:
    """Return all that Microsoft shows of the channel of the run's mailbox.

    Raises:
        SignInNeeded: the sign-in is over.
    """
    return await Discovery(ctx).search()


async def if_readable(asked: Awaitable[T]) -> T | None:
    """Return the answer, or None if the cloud refuses it, because there are other sources.

    Raises:
        SignInNeeded: the sign-in is over.
    """
    try:
        return await asked
    except SignInNeeded:
        raise
    except CloudError:
        return None
