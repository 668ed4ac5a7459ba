"""Discovery of a channel that nobody set up here, from the facts that Microsoft shows.

A grant or a sign-in of the mailbox user is stronger evidence than a grant for all users, and that
is stronger than a redirect URI alone.

The discovery writes nothing. A directory may have thousands of apps, so none of the requests lists
it. ``startsWith`` on redirect URIs is an advanced query, which needs the header ConsistencyLevel
and ``$count``. ``endsWith`` is not supported there.
"""

import asyncio
from collections.abc import Awaitable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import IntEnum
from itertools import pairwise
from typing import TypeVar
from urllib.parse import urlsplit

from jobs.channel.mailbox import ConnectHosts, is_shared, mailbox_row, redirected_to, through
from jobs.clock import now
from jobs.clouds.errors import CloudError, NotFound, Rejected, SignInNeeded, unless_refused
from jobs.clouds.json_values import Json, lower_of, lower_set, text_of
from jobs.engine.step import StepContext
from jobs.microsoft.app_manifest import declares, permission_id, platform_uris
from jobs.microsoft.exchange import ExchangeRow
from jobs.microsoft.graph import EXCHANGE_APP_ID, RENEWALS, Graph, instant, segment, text
from jobs.model import Profile
from jobs.runs.run import AppCandidate, Search

ADVANCED = {"ConsistencyLevel": "eventual"}
_APP_FIELDS = "id,appId,displayName,uniqueName,web,spa,publicClient,requiredResourceAccess"
_PRINCIPAL_FIELDS = "id,appId,displayName,appOwnerOrganizationId,replyUrls"
_MOST = "50"


async def _grants(graph: Graph, wanted: str) -> list[Json]:
    return await graph.collection("/oauth2PermissionGrants", {"$filter": wanted}, pages=3)


async def signed_in_apps(graph: Graph, user_id: str, since: datetime) -> list[Json]:
    """Return a user's newest sign-ins; only beta lists non-interactive ones (microsoft.md 5)."""
    rows = await graph.sign_ins("userId", user_id, since)
    renewed = await if_readable(graph.sign_ins("userId", user_id, since, "beta", RENEWALS))
    return rows + (renewed or [])


async def _advanced(graph: Graph, wanted: dict[str, str]) -> list[Json]:
    """Return the first page of an advanced query; none if the directory does not support it."""
    query = {**wanted, "$count": "true", "$select": _APP_FIELDS, "$top": _MOST}
    try:
        return await graph.collection("/applications", query, pages=1, headers=ADVANCED)
    except Rejected:
        return []


LOGGED = timedelta(days=7)
PRINCIPALS, LOGGED_APPS, LABELS = 20, 10, 5
"""Most apps with a grant, apps in the sign-in log, and beginnings of a redirect URI."""
SMTP = "smtp.send"
NAMED = "webex"
"""Word by which an app made for Webex Connect is found."""


Evidence = IntEnum("Evidence", "REDIRECT ALL_USERS THE_USER")


@dataclass(slots=True)
class Apps:
    """Search for the channel's app; ``delegate`` is the only user who has granted SMTP.Send."""

    ctx: StepContext
    users: Sequence[str]
    delegate: str = ""
    _exchange: Json | None = None
    _known: dict[AppCandidate, Evidence] = field(default_factory=dict)

    async def search(self) -> None:
        """Look in further sources only while those before do not settle which app it is."""
        self._exchange = await self.ctx.graph.service_principal(EXCHANGE_APP_ID)
        for source in (self._granted_by_user, self._signed_in, self._granted_for_all, self._named):
            await source()
            if self.certain() is not None:
                return

    def found(self) -> list[AppCandidate]:
        """Return the apps that may be the channel's, the strongest evidence first.

        Apps without a Call Back URL count only if the mailbox user uses them and none has one.
        """
        every = sorted(self._known, key=self._known.__getitem__, reverse=True)
        redirecting = [app for app in every if app.callback_url]
        return redirecting or [app for app in every if self._known[app] is Evidence.THE_USER]

    def certain(self) -> AppCandidate | None:
        """Return the channel's app if only one has the strongest evidence, or None.

        Without a Call Back URL, its name must also say that it is made for Webex, because the user
        may use another app to send mail.
        """
        found = self.found()
        strongest = [app for app in found if self._known[app] is self._known[found[0]]]
        if len(strongest) != 1:
            return None
        app = strongest[0]
        return app if app.callback_url or NAMED in app.name.lower() else None

    async def _granted_by_user(self) -> None:
        holders = []
        for user in self.users:
            clients = _clients(await _grants(self.ctx.graph, f"principalId eq {text(user)}"))
            holders += [user] if clients else []
            await self._add_clients(clients, Evidence.THE_USER)
        if len(holders) == 1:
            self.delegate = text_of(await self.ctx.graph.user(holders[0]), "userPrincipalName")

    async def _signed_in(self) -> None:
        """Find apps in the users' newest sign-ins; the log needs a role and a license."""
        for user in self.users:
            rows = await unless_refused(signed_in_apps(self.ctx.graph, user, now() - LOGGED))
            if rows is None:
                return
            apps = list(dict.fromkeys(filter(None, (text_of(row, "appId") for row in rows))))
            for client_id in apps[:LOGGED_APPS]:
                self._add(await self.ctx.graph.application_by_app_id(client_id), Evidence.THE_USER)

    async def _granted_for_all(self) -> None:
        if self._exchange is None:
            return
        resource = f"resourceId eq {text(text_of(self._exchange, 'id'))}"
        try:
            grants = await _grants(self.ctx.graph, f"{resource} and consentType eq 'AllPrincipals'")
        except Rejected:  # a directory that does not combine the two
            grants = await _grants(self.ctx.graph, resource)
        of_all = (each for each in grants if lower_of(each, "consentType") == "allprincipals")
        await self._add_clients(_clients(of_all), Evidence.ALL_USERS)

    async def _named(self) -> None:
        """Find apps by the beginning of their redirect URI, and by the word Webex in their name."""
        graph = self.ctx.graph
        rows = await _advanced(graph, {"$search": f'"displayName:{NAMED}"'})
        known = (record.channel.callback_url for record in self.ctx.store.channels.connected())
        hosts = [f"https://{urlsplit(url).netloc}/" for url in known if url]
        own = f"https://{self.ctx.channel.domain.partition('.')[0]}"  # platforms/connect.md 1.4
        for beginning in list(dict.fromkeys([own, *hosts]))[:LABELS]:
            wanted = f"web/redirectUris/any(p:startswith(p,{text(beginning)}))"
            rows += await _advanced(graph, {"$filter": wanted})
        for app in rows:
            self._add(app, Evidence.REDIRECT)

    async def _add_clients(self, clients: Iterable[str], evidence: Evidence) -> None:
        """Add these apps; one that the user does not use must show a Call Back URL or none."""
        for client in list(clients)[:PRINCIPALS]:
            path = f"/servicePrincipals/{segment(client)}"
            found = await self.ctx.graph.find(path, {"$select": _PRINCIPAL_FIELDS})
            urls = lower_set((found or {}).get("replyUrls"))
            may_redirect = not urls or any(map(_hosts(self.ctx).is_callback, urls))
            client_id = text_of(found, "appId")
            if client_id and (evidence is Evidence.THE_USER or may_redirect):
                self._add(await self.ctx.graph.application_by_app_id(client_id), evidence)

    def _add(self, app: Json | None, evidence: Evidence) -> None:
        if app is not None and text_of(app, "appId"):
            found = candidate(self.ctx, app, permission_id(self._exchange, "Mail.Send", role=True))
            self._known[found] = max(evidence, self._known.get(found, evidence))


def candidate(ctx: StepContext, app: Json, mail_send: str) -> AppCandidate:
    """Return the facts about an app; only the article's profile declares ``mail_send``."""
    callback = next(filter(_hosts(ctx).is_callback, platform_uris(app)), "")
    article = bool(mail_send) and declares(app, EXCHANGE_APP_ID, mail_send)
    return AppCandidate(
        client_id=text_of(app, "appId"),
        name=text_of(app, "displayName"),
        callback_url=callback,
        profile=Profile.ARTICLE if article else Profile.LEAST,
    )


def _clients(grants: Iterable[Json]) -> list[str]:
    sending = (grant for grant in grants if SMTP in lower_of(grant, "scope").split())
    return list(dict.fromkeys(text_of(grant, "clientId") for grant in sending))


def _hosts(ctx: StepContext) -> ConnectHosts:
    return ConnectHosts(ctx.settings.connect_hosts)


T = TypeVar("T")
WINDOWS = (timedelta(0), timedelta(days=1), timedelta(days=5), timedelta(days=10, minutes=-1))
"""Pairs of neighboring ages between which the trace, 10 days long (microsoft.md 2.5), is read.

If copies stopped hours or days ago, the mail of an earlier window still has one.
"""
FEW = 3
DELEGATES = 3


@dataclass(slots=True)
class Discovery:
    """Discovery of one channel; ``unread`` if a cloud refused something or did not answer."""

    ctx: StepContext
    unread: bool = False

    async def search(self) -> Search:
        box, account = mailbox_row(self.ctx), self.ctx.graph.user(self.ctx.channel.mailbox)
        mailbox, user = await asyncio.gather(self._or_none(box), self._or_none(account))
        shared = mailbox is not None and is_shared(mailbox)
        delegates = await self._delegates() if shared else []
        forwarding = await self._forwarding(mailbox)
        apps = Apps(self.ctx, [text_of(user, "id"), *delegates] if user else delegates)
        await self._or_none(apps.search())
        certain = apps.certain()
        return Search(
            apps=(certain,) if certain else tuple(apps.found()),
            certain=certain is not None,
            forwarding_address=forwarding,
            keep_copy=mailbox is None or lower_of(mailbox, "DeliverToMailboxAndForward") == "true",
            upn=text_of(user, "userPrincipalName"),
            shared=shared,
            delegate=apps.delegate if shared else "",
            unread=self.unread or mailbox is None,
        )

    async def _delegates(self) -> list[str]:
        wanted = {"Identity": self.ctx.channel.mailbox}
        rows = await if_readable(self.ctx.exchange.run("Get-RecipientPermission", wanted)) or []
        names = [text_of(row, "Trustee") for row in rows]
        upns = [name for name in names if "@" in name][:DELEGATES]
        found = [await if_readable(self.ctx.graph.user(upn)) for upn in upns]
        return [text_of(user, "id") for user in found if user]

    async def _forwarding(self, mailbox: ExchangeRow | None) -> str:
        if mailbox is None:
            return ""
        named = text_of(mailbox, "ForwardingSmtpAddress").lower().removeprefix("smtp:")
        if _hosts(self.ctx).is_forwarding_address(named):
            return named
        internal = text_of(mailbox, "ForwardingAddress")
        return (
            (await if_readable(through(self.ctx, internal)) if internal else None)
            or await if_readable(redirected_to(self.ctx))
            or await if_readable(self._copied())
            or ""
        )

    async def _copied(self) -> str:
        at, hosts = now() + timedelta(seconds=1), _hosts(self.ctx)
        for youngest, oldest in pairwise(WINDOWS):
            since = at - oldest
            arrived = {"RecipientAddress": self.ctx.channel.mailbox, "ResultSize": FEW}
            found = await self._traced(since, at - youngest, arrived)
            for message_id in filter(None, (text_of(row, "MessageId") for row in found)):
                copies = await self._traced(since, at, {"MessageId": message_id})
                sent_to = (lower_of(copy, "RecipientAddress") for copy in copies)
                if address := next(filter(hosts.is_forwarding_address, sent_to), ""):
                    return address
        return ""

    async def _traced(
        self, since: datetime, until: datetime, wanted: Mapping[str, object]
    ) -> list[ExchangeRow]:
        """Return rows of Get-MessageTraceV2, which needs no service principal in the tenant."""
        times = {"StartDate": instant(since), "EndDate": instant(until)}
        return await self.ctx.exchange.run("Get-MessageTraceV2", {**wanted, **times})

    async def _or_none(self, asked: Awaitable[T]) -> T | None:
        """Return the answer, or None for an object that does not exist or was not readable."""
        try:
            return await asked
        except SignInNeeded:
            raise
        except CloudError as error:
            self.unread = self.unread or not isinstance(error, NotFound)
            return None


async def if_readable(asked: Awaitable[T]) -> T | None:
    try:
        return await asked
    except SignInNeeded:
        raise
    except CloudError:
        return None
