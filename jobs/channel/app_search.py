"""Search for the app registration behind a channel that nobody set up here.

Evidence has an order: a grant or a sign-in of the mailbox user is stronger than a grant for all
users, and that is stronger than a redirect URI alone.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from enum import IntEnum
from urllib.parse import urlsplit

from jobs.channel.connect_hosts import ConnectHosts
from jobs.clock import now
from jobs.clouds.errors import Forbidden, NotFound, Rejected
from jobs.clouds.json_values import lower_of, lower_set, text_of
from jobs.engine.context import StepContext
from jobs.microsoft import directory_search
from jobs.microsoft.app_manifest import declares, permission_id, platform_uris
from jobs.microsoft.graph import EXCHANGE_APP_ID
from jobs.microsoft.graph_requests import Json
from jobs.model import Profile
from jobs.runs.search import AppCandidate

LOGGED = timedelta(days=7)
"""Age up to which entries of the sign-in log are read."""
PRINCIPALS, LOGGED_APPS, LABELS = 20, 10, 5
"""Maximum numbers of apps with a grant, and of apps in the sign-in log, that are read.

``LABELS`` is the number of beginnings of a redirect URI that are looked for.
"""
SMTP = "smtp.send"
NAMED = "webex"
"""Word by which an app made for Webex Connect is found."""


class Evidence(IntEnum):
    """Strength of the evidence that an app belongs to the channel."""

    REDIRECT = 1
    ALL_USERS = 2
    THE_USER = 3


@dataclass(frozen=True, slots=True)
class FoundApp:
    """App that may belong to the channel, with the strongest evidence for that."""

    app: AppCandidate
    evidence: Evidence


@dataclass(slots=True)
class Apps:
    """Search for the channel's app, which starts with the users who may sign in.

    ``delegate`` is the UPN of the user who has granted SMTP.Send, if exactly one user has.
    """

    ctx: StepContext
    users: Sequence[str]
    delegate: str = ""
    _mail_send: str = ""
    _known: dict[str, FoundApp] = field(default_factory=dict)

    async def search(self) -> None:
        """Look in further sources only while those before do not settle which app it is.

        Raises:
            CloudError: the directory could not be asked.
        """
        exchange = await self.ctx.graph.service_principal(EXCHANGE_APP_ID)
        self._mail_send = permission_id(exchange, "Mail.Send", role=True)
        for source in (self._granted_by_user, self._signed_in, self._granted_for_all, self._named):
            await source(exchange)
            if certain_of(self.found()) is not None:
                return

    def found(self) -> list[FoundApp]:
        """Return the apps that may be the channel's, the strongest evidence first.

        Apps without a Call Back URL count only if there are no others. An app that the mailbox user
        does not use, and that has no Call Back URL, never counts.
        """
        every = sorted(self._known.values(), key=lambda each: -each.evidence)
        redirecting = [each for each in every if each.app.callback_url]
        used = [each for each in every if each.evidence is Evidence.THE_USER]
        return redirecting or used

    async def _granted_by_user(self, _exchange: Json | None) -> None:
        holders = []
        for user in self.users:
            grants = await directory_search.grants_of_user(self.ctx.graph, user)
            clients = _clients(grants)
            holders += [user] if clients else []
            await self._add_clients(clients, Evidence.THE_USER)
        if len(holders) == 1:
            holder = await self.ctx.graph.user(holders[0])
            self.delegate = text_of(holder, "userPrincipalName")

    async def _signed_in(self, _exchange: Json | None) -> None:
        """Find apps in the users' newest sign-ins; the log needs a role and a license."""
        for user in self.users:
            try:
                rows = await directory_search.signed_in_apps(self.ctx.graph, user, now() - LOGGED)
            except (Forbidden, NotFound, Rejected):
                return
            apps = list(dict.fromkeys(filter(None, (text_of(row, "appId") for row in rows))))
            for client_id in apps[:LOGGED_APPS]:
                self._add(await self.ctx.graph.application_by_app_id(client_id), Evidence.THE_USER)

    async def _granted_for_all(self, exchange: Json | None) -> None:
        if exchange is None:
            return
        grants = await directory_search.grants_for_all(self.ctx.graph, text_of(exchange, "id"))
        await self._add_clients(_clients(grants), Evidence.ALL_USERS)

    async def _named(self, _exchange: Json | None) -> None:
        """Find apps by the beginning of their redirect URI, and by the word Webex in their name."""
        graph = self.ctx.graph
        rows = await directory_search.apps_named(graph, NAMED)
        for beginning in self._beginnings():
            rows += await directory_search.apps_that_redirect_to(graph, beginning)
        for app in rows:
            self._add(app, Evidence.REDIRECT)

    def _beginnings(self) -> list[str]:
        """Return at most ``LABELS`` beginnings: the organization's and known Call Back URLs'.

        The first label of a host is the tenant's name at Webex Connect (platforms/connect.md 1.4).
        """
        known = (record.channel.callback_url for record in self.ctx.channels.connected())
        hosts = [f"https://{urlsplit(url).netloc}/" for url in known if url]
        own = f"https://{self.ctx.channel.domain.partition('.')[0]}"
        return list(dict.fromkeys([own, *hosts]))[:LABELS]

    async def _add_clients(self, clients: Iterable[str], evidence: Evidence) -> None:
        """Add the apps of these service principals, if they are registered in this tenant."""
        for client in list(clients)[:PRINCIPALS]:
            found = await directory_search.principal(self.ctx.graph, client)
            client_id = text_of(found, "appId")
            if client_id and (evidence is Evidence.THE_USER or _may_redirect(self.ctx, found)):
                self._add(await self.ctx.graph.application_by_app_id(client_id), evidence)

    def _add(self, app: Json | None, evidence: Evidence) -> None:
        """Add an app, or replace its evidence if the new evidence is stronger."""
        client_id = lower_of(app, "appId")
        if app is None or not client_id:
            return
        known = self._known.get(client_id)
        if known is None or known.evidence < evidence:
            self._known[client_id] = FoundApp(candidate(self.ctx, app, self._mail_send), evidence)


def certain_of(found: Sequence[FoundApp]) -> AppCandidate | None:
    """Return the channel's app if it is certain which app that is, or None.

    An app is certain if no other one has the strongest evidence. Without a Call Back URL, the app's
    name must also say that it is made for Webex, because the user may use another app to send mail.
    """
    strongest = [each.app for each in found if each.evidence == found[0].evidence]
    if len(strongest) != 1:
        return None
    return strongest[0] if _is_for_webex(strongest[0]) else None


def _is_for_webex(app: AppCandidate) -> bool:
    """Return whether the app redirects to Webex Connect, or has the word Webex in its name."""
    return bool(app.callback_url) or NAMED in app.name.lower()


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
    """Return the service principals that have SMTP.Send, each once."""
    return list(
        dict.fromkeys(
            text_of(grant, "clientId")
            for grant in grants
            if SMTP in text_of(grant, "scope").lower().split()
        )
    )


def _may_redirect(ctx: StepContext, principal: Json | None) -> bool:
    """Return whether the enterprise application shows a Call Back URL, or does not show any URL."""
    urls = lower_set((principal or {}).get("replyUrls"))
    return not urls or any(map(_hosts(ctx).is_callback, urls))


def _hosts(ctx: StepContext) -> ConnectHosts:
    return ConnectHosts(ctx.settings.connect_hosts)
