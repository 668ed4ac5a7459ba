"""E3: the client secret that Webex Connect will use, within what the tenant's app-management policy allows."""

from __future__ import annotations

import asyncio
import calendar
import re
from collections.abc import Callable, Collection
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec

from jobs.clock import now
from jobs.microsoft.errors import NotAllowed, NotFound, Rejected
from jobs.microsoft.graph_calls import promised
from jobs.model import Change, Finding, Scope, State, Words
from jobs.registered_app import email_app, its_app
from jobs.run import Kind, Past
from jobs.step import Context, Step

PREFIX = "Webex Connect "
LOST = "new_secret"
"""The question that is answered with the key ids, comma-separated, of secrets that were shown and then lost."""
SEALED_S = 7 * 24 * 3600
"""How long the sealed secret waits to be shown, in seconds; the page that shows it has its own, shorter end."""
_LONG = re.compile(r"P(?:(\d+)Y)?(?:(\d+)M)?(.*)")
ENOUGH = timedelta(days=30)
LOOKS_S = (0.0, 1, 2, 4)
"""Pauses between looks for a secret whose answer never came, in seconds: it may have been on its way when its worker was killed."""


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
    anew = LOST

    async def inspect(self, ctx: Context) -> Finding:
        """List the app's secrets; one that nobody has put into Webex Connect and nobody can see any more does not count."""
        app, policy = await asyncio.gather(email_app(ctx), self._policy(ctx))
        known = [secret for secret in secrets_of(app) if self._known(ctx, secret)]
        newest = max(known, key=_end, default=None)
        return replace(self._judged(ctx, newest, policy), values={"key_id": promised(newest, "keyId") if newest else ""})

    def _judged(self, ctx: Context, secret: dict[str, Any] | None, policy: dict[str, Any]) -> Finding:
        if forbids(policy):
            return self.wrong(Words("seen.secrets_forbidden"), cause="secret_forbidden_by_policy")
        end = expiry(now(), ctx.channel.lifetime_months, longest(policy))
        renewal = {"renew_until": end.isoformat(), "clamped": "yes" if longest(policy) else ""}
        if secret is None:
            gone = ctx.store.record(ctx.channel.mailbox) is not None
            return self.wrong(Words("seen.none"), cause="client_secret_gone" if gone else "", **renewal)
        facts = {"key_id": promised(secret, "keyId"), "hint": str(secret.get("hint") or ""), "expires": _end(secret).isoformat()}
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
        if tries(ctx, self.name) > 1:
            await remove_orphans(ctx, LOOKS_S, lambda secret: self._is_orphan(ctx, secret))
            if (await self.inspect(ctx)).state is State.OK:
                return  # the earlier try was alive after all
        end = datetime.fromisoformat(finding.facts["renew_until"])
        made = await ctx.graph.add_password(ctx.fact("object_id"), self._label(ctx), end)
        ctx.vault.put(f"secret:{ctx.run.id}", made.secret, SEALED_S)
        ctx.vault.put(f"secret-key:{ctx.run.id}", made.key_id, SEALED_S)

    async def undone(self, ctx: Context, past: Past) -> Finding:
        """The secrets that bear the names of the channel's runs are gone."""
        left = await labelled(ctx, _labels(past))
        return self.wrong(past.change.after) if left else self.ok(Words("seen.undo_removed"))

    def undo_command(self, ctx: Context, past: Past) -> str:
        """One call for each of them."""
        return f"Graph POST /applications/{ctx.fact('object_id')}/removePassword"

    async def undo(self, ctx: Context, past: Past) -> None:
        """Remove them, and what may still lie sealed here."""
        await remove(ctx, await labelled(ctx, _labels(past)))
        for run in past.runs:
            ctx.vault.drop(f"secret:{run}")

    def _is_orphan(self, ctx: Context, secret: dict[str, Any]) -> bool:
        """One that was shown is none: it stays until its successor was shown (``lost_secret``)."""
        mine = secret.get("displayName") == self._label(ctx) and promised(secret, "keyId") not in lost(ctx)
        return mine and not self._known(ctx, secret)

    def _known(self, ctx: Context, secret: dict[str, Any]) -> bool:
        if not str(secret.get("displayName") or "").startswith(PREFIX):
            return False
        key_id = promised(secret, "keyId")
        if key_id in lost(ctx):
            return False
        mine = ctx.vault.get(f"secret-key:{ctx.run.id}") == key_id
        if mine and ctx.vault.holds(f"secret:{ctx.run.id}"):
            return True
        in_use = mine or ctx.fact("key_id") == key_id or ctx.store.record(ctx.channel.mailbox) is not None
        return in_use and ctx.store.handed_over(key_id)

    def _label(self, ctx: Context) -> str:
        return label_of(ctx.run.id)

    async def _policy(self, ctx: Context) -> dict[str, Any]:
        try:
            return await ctx.graph.app_management_policy()
        except (NotAllowed, NotFound, Rejected):
            return {}


def label_of(run_id: str) -> str:
    """What administrators see: the secret is named after its run, and found again by that."""
    return f"{PREFIX}{run_id}"


def _labels(past: Past) -> set[str]:
    return {label_of(run) for run in past.runs}


def tries(ctx: Context, step: str) -> int:
    """How often this run has begun to make the step's change since it was last asked for, this time included."""
    asked = ctx.run.answers.get(LOST)
    events = [event for event in ctx.store.events(ctx.run.id) if asked is None or event.at >= asked.at]
    return sum(event.kind is Kind.CHANGING and event.step == step for event in events)


def lost(ctx: Context) -> set[str]:
    """The key ids of secrets of this run that were shown and then lost."""
    return set(filter(None, ctx.run.answer(LOST).split(",")))


async def remove_orphans(ctx: Context, pauses: tuple[float, ...], is_orphan: Callable[[dict[str, Any]], bool]) -> None:
    """Remove the secrets that nobody can have any more, as soon as some are seen."""
    for pause in pauses:
        await asyncio.sleep(pause)
        orphans = [each for each in secrets_of(await email_app(ctx)) if is_orphan(each)]
        await remove(ctx, orphans)
        if orphans:
            return


async def remove(ctx: Context, secrets: list[dict[str, Any]]) -> None:
    """Remove these secrets of the app; one that is gone already is as it should be."""
    for secret in secrets:
        with suppress(NotFound):
            await ctx.graph.remove_password(ctx.fact("object_id"), promised(secret, "keyId"))


async def labelled(ctx: Context, labels: Collection[str]) -> list[dict[str, Any]]:
    """The secrets with these names that the app still has, for an undo."""
    return [secret for secret in secrets_of(await its_app(ctx)) if secret.get("displayName") in labels]


def secrets_of(app: dict[str, Any] | None) -> list[dict[str, Any]]:
    """The app's client secrets, without their values."""
    return list((app or {}).get("passwordCredentials") or ())


def forbids(policy: dict[str, Any]) -> bool:
    """Whether new client secrets are forbidden in the tenant."""
    return any(r.get("restrictionType") == "passwordAddition" for r in _restrictions(policy))


def longest(policy: dict[str, Any]) -> timedelta | None:
    """The longest lifetime that the tenant allows, or None."""
    limits = (r.get("maxLifetime") for r in _restrictions(policy) if r.get("restrictionType") == "passwordLifetime")
    return min(filter(None, (_duration(str(limit)) for limit in limits if limit)), default=None)


def expiry(start: datetime, months: int, limit: timedelta | None) -> datetime:
    """So many months after the start, on the same day of the month, cut to the limit less five minutes for clocks that differ."""
    year, month = divmod(start.month - 1 + months, 12)
    year, month = start.year + year, month + 1
    end = start.replace(year=year, month=month, day=min(start.day, calendar.monthrange(year, month)[1]), microsecond=0)
    return min(end, start + limit - timedelta(minutes=5)).replace(microsecond=0) if limit else end


def _restrictions(policy: dict[str, Any]) -> list[dict[str, Any]]:
    if policy.get("isEnabled") is False:
        return []
    found = ((policy.get("applicationRestrictions") or {}).get("passwordCredentials")) or ()
    return [restriction for restriction in found if str(restriction.get("state", "enabled")).lower() == "enabled"]


def _duration(text: str) -> timedelta | None:
    """An ISO 8601 duration, with years of 365 and months of 30 days, which Edm.Duration does not know; None where it is none."""
    found = _LONG.match(text)
    years, months, rest = found.groups() if found else (None, None, "")
    try:
        short = msgspec.convert(f"P{rest}", timedelta) if rest else timedelta()
    except msgspec.ValidationError:
        return None
    return short + timedelta(days=365 * int(years or 0) + 30 * int(months or 0)) or None


def _end(secret: dict[str, Any]) -> datetime:
    try:
        moment = datetime.fromisoformat(str(secret.get("endDateTime")))
    except ValueError:
        return datetime.max.replace(tzinfo=UTC)
    return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)
