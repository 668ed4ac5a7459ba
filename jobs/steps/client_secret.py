"""E3: the client secret that Webex Connect will use, within what the tenant's app-management policy allows."""

from __future__ import annotations

import asyncio
import calendar
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec

from jobs.clock import now
from jobs.microsoft.errors import NotAllowed, NotFound
from jobs.microsoft.registration import unique_name
from jobs.model import Change, Finding, Scope, State, Words
from jobs.step import Context, Step

PREFIX = "Webex Connect "
SEALED_S = 7 * 24 * 3600
"""How long the sealed secret waits to be shown, in seconds; the page that shows it has its own, shorter end."""
ENOUGH = timedelta(days=30)
LOOKS = 3


class ClientSecret(Step):
    """There is a secret that somebody has, or that this run can still show once (facts/microsoft.md 1.2)."""

    name = "client_secret"
    row = "E3"
    group = "entra"
    checked = True
    explains = frozenset({"client_secret_expired", "client_secret_wrong", "client_secret_missing"})
    needs = ("application",)
    after = ("mail_send", "implicit_grant")
    reads = ("Application.Read.All", "Policy.Read.All")
    writes = ("Application.ReadWrite.All",)

    async def inspect(self, ctx: Context) -> Finding:
        """List the app's secrets; one that nobody has put into Webex Connect and nobody can see any more does not count."""
        app, policy = await asyncio.gather(ctx.graph.application_by_unique_name(unique_name(ctx.channel.mailbox)), self._policy(ctx))
        if forbids(policy):
            return self.wrong(Words("seen.secrets_forbidden"), cause="secret_forbidden_by_policy")
        end = expiry(now(), ctx.channel.lifetime_months, longest(policy))
        renewal = {"renew_until": end.isoformat(), "clamped": "yes" if longest(policy) else ""}
        known = [secret for secret in secrets_of(app) if self._known(ctx, secret)]
        if not known:
            gone = ctx.store.record(ctx.channel.mailbox) is not None
            return self.wrong(Words("seen.none"), cause="client_secret_gone" if gone else "", **renewal)
        secret = max(known, key=_end)
        facts = {"key_id": str(secret["keyId"]), "hint": str(secret.get("hint") or ""), "expires": _end(secret).isoformat()}
        day = {"expires": f"{_end(secret):%d %b %Y}"}
        if _end(secret) < now():
            return self.wrong(Words("seen.secret_expired", day), cause="client_secret_expired", since=facts["expires"], **renewal)
        if _end(secret) < now() + ENOUGH:
            soon = self.wrong(Words("seen.secret", day), cause="client_secret_expires_soon", **renewal)
            return replace(soon, state=State.WARNING, facts=facts) if ctx.run.kind == "check" else soon
        return self.ok(Words("seen.secret", day), **facts)

    def plan(self, ctx: Context, finding: Finding) -> tuple[Change, ...]:
        """One more secret; those that are there stay."""
        if finding.cause == "secret_forbidden_by_policy":
            return ()
        end = finding.facts.get("renew_until") or expiry(now(), ctx.channel.lifetime_months, None).isoformat()
        after = Words("after.client_secret", {"expires": f"{datetime.fromisoformat(end):%d %b %Y}"})
        line = self.change(
            finding.seen or Words("seen.none"), after, Scope.APP, f"Graph POST /applications/{{id}}/addPassword, endDateTime {end[:10]}"
        )
        return (replace(line, note=Words("note.secret_clamped")) if finding.facts.get("clamped") else line,)

    async def apply(self, ctx: Context, finding: Finding) -> None:
        """Make it and seal it at once. addPassword is not safe to repeat: what an interrupted try left behind is removed first."""
        if "client_secret" in ctx.run.changed and ctx.run.resumed:
            await self._remove_orphans(ctx)
        end = datetime.fromisoformat(finding.facts["renew_until"])
        made = await ctx.graph.add_password(ctx.fact("object_id"), self._label(ctx), end)
        ctx.vault.put(f"secret:{ctx.run.id}", made.secret, SEALED_S)
        ctx.vault.put(f"secret-key:{ctx.run.id}", made.key_id, SEALED_S)

    async def _remove_orphans(self, ctx: Context) -> None:
        for _ in range(LOOKS):
            app = await ctx.graph.application_by_unique_name(unique_name(ctx.channel.mailbox))
            orphans = [
                secret for secret in secrets_of(app) if secret.get("displayName") == self._label(ctx) and not self._known(ctx, secret)
            ]
            for orphan in orphans:
                await self._remove(ctx, str(orphan["keyId"]))
            if orphans:
                return
            await asyncio.sleep(1)

    async def _remove(self, ctx: Context, key_id: str) -> None:
        try:
            await ctx.graph.remove_password(ctx.fact("object_id"), key_id)
        except NotFound:
            return

    def _known(self, ctx: Context, secret: dict[str, Any]) -> bool:
        if not str(secret.get("displayName") or "").startswith(PREFIX):
            return False
        key_id = str(secret["keyId"])
        if ctx.vault.holds(f"secret:{ctx.run.id}") and ctx.vault.get(f"secret-key:{ctx.run.id}") == key_id:
            return True
        in_use = ctx.fact("key_id") == key_id or ctx.store.record(ctx.channel.mailbox) is not None
        return in_use and ctx.store.handed_over(key_id)

    def _label(self, ctx: Context) -> str:
        return f"{PREFIX}{ctx.run.id}"

    async def _policy(self, ctx: Context) -> dict[str, Any]:
        try:
            return await ctx.graph.app_management_policy()
        except (NotAllowed, NotFound):
            return {}


def secrets_of(app: dict[str, Any] | None) -> list[dict[str, Any]]:
    """The app's client secrets, without their values."""
    return list((app or {}).get("passwordCredentials") or ())


def forbids(policy: dict[str, Any]) -> bool:
    """Whether new client secrets are forbidden in the tenant."""
    return any(r.get("restrictionType") == "passwordAddition" for r in _restrictions(policy))


def longest(policy: dict[str, Any]) -> timedelta | None:
    """The longest lifetime that the tenant allows, or None."""
    limits = (r.get("maxLifetime") for r in _restrictions(policy) if r.get("restrictionType") == "passwordLifetime")
    return min((msgspec.convert(limit, timedelta) for limit in limits if limit), default=None)


def expiry(start: datetime, months: int, limit: timedelta | None) -> datetime:
    """So many months after the start, on the same day of the month, cut to the limit less five minutes for clocks that differ."""
    year, month = divmod(start.month - 1 + months, 12)
    year, month = start.year + year, month + 1
    end = start.replace(year=year, month=month, day=min(start.day, calendar.monthrange(year, month)[1]), microsecond=0)
    return min(end, start + limit - timedelta(minutes=5)).replace(microsecond=0) if limit else end


def _restrictions(policy: dict[str, Any]) -> list[dict[str, Any]]:
    if not policy.get("isEnabled", False):
        return []
    found = ((policy.get("applicationRestrictions") or {}).get("passwordCredentials")) or ()
    return [restriction for restriction in found if str(restriction.get("state", "enabled")).lower() == "enabled"]


def _end(secret: dict[str, Any]) -> datetime:
    try:
        moment = datetime.fromisoformat(str(secret.get("endDateTime")))
    except ValueError:
        return datetime.max.replace(tzinfo=UTC)
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
