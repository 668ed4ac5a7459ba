"""Step E3: the client secret for Webex Connect, within the tenant's app-management policy."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from jobs.causes.cause import Cause
from jobs.channel.email_app import find_app, gone_client_id, secrets_of
from jobs.channel.hand_made import is_by_hand
from jobs.clock import now, parse
from jobs.clouds.errors import Forbidden, NotFound, Rejected
from jobs.clouds.json_values import text_of
from jobs.engine.context import StepContext
from jobs.engine.diagnosis import Diagnosis
from jobs.engine.undoable import Undoable
from jobs.microsoft.graph_requests import promised
from jobs.microsoft.secret_lifetime import SecretRules, expiry, rules_for
from jobs.model import Change, Finding, Reason, RunKind, Scope, Signals, State, Text, day_of
from jobs.runs.run import RecordedChange
from jobs.steps._app_secrets import (
    LOOKS_S,
    LOST,
    PREFIX,
    described,
    earlier,
    end_of,
    is_persons,
    label_of,
    labelled,
    lost,
    manually_created,
    remove,
    remove_orphans,
    tries,
    unrecorded,
)
from jobs.storage.vault import Sealed

SEALED_S = 7 * 24 * 3600
"""Seconds that the sealed secret waits; the page that shows it has a shorter limit."""
ENOUGH = timedelta(days=30)
"""Time before its end at which a secret is renewed; if the tenant allows less, a third of it."""
PLANNED = frozenset({RunKind.SETUP, RunKind.FIX})
MOST_NAMED = 3
"""Maximum number of unrecorded secrets that a plan names."""


class ClientSecret(Undoable):
    """Step E3: Webex Connect has a secret, or this run can show one (microsoft.md 1.2)."""

    name = "client_secret"
    article_row = "E3"
    group = "entra"
    carries_answers = True
    irreversible = True
    undo_note = True
    deleted_cause = Cause.SECRET_DELETED_MEANWHILE
    inspect_unmet = True  # the tenant's policy also matters for an app that does not exist yet
    needs = ("application",)
    after = ("mail_send", "implicit_grant")
    reads = ("Application.Read.All", "Policy.Read.All")
    writes = ("Application.ReadWrite.All",)
    repeat_on = LOST
    diagnosis = Diagnosis(
        caused_by=("application",),
        explains=frozenset(
            {Cause.CLIENT_SECRET_EXPIRED, Cause.CLIENT_SECRET_WRONG, Cause.CLIENT_SECRET_MISSING}
        ),
    )

    async def inspect(self, ctx: StepContext) -> Finding:
        """List the app's secrets and judge the newest usable one.

        A secret that was not entered in Webex Connect and can no longer be shown does not count. If
        another app has replaced the app in Webex Connect, none of its secrets count. If a channel
        was made by hand, every secret counts, because it is not known which one is in use.
        """
        app, policy = await asyncio.gather(find_app(ctx), self._policy(ctx))
        newest = (
            None
            if await gone_client_id(ctx, app)
            else max(
                (secret for secret in secrets_of(app) if self._known(ctx, secret)),
                key=end_of,
                default=None,
            )
        )
        rules = rules_for(policy, parse(text_of(app, "createdDateTime")) or now())
        found = replace(
            self._judged(ctx, newest, rules),
            values={"key_id": promised(newest, "keyId") if newest else ""},
        )
        return self._of_the_run(ctx, app, found) if found.state is State.WRONG else found

    def _of_the_run(self, ctx: StepContext, app: dict[str, Any] | None, found: Finding) -> Finding:
        """Add the facts that depend on the run to the finding.

        A check looks for secrets that a person made. A fix counts the secrets that it replaces. A
        plan names the secrets whose runs are not known any more.
        """
        if ctx.run.kind is RunKind.CHECK and manually_created(app):
            return replace(found, state=State.POSSIBLE)
        if ctx.run.kind is RunKind.FIX:
            old = len(earlier(ctx, app))
            found = replace(found, facts=found.facts | {"old": str(old)}) if old else found
        return _naming(unrecorded(ctx, app), found) if ctx.run.kind in PLANNED else found

    def _judged(
        self, ctx: StepContext, secret: dict[str, Any] | None, rules: SecretRules
    ) -> Finding:
        start, months = now(), ctx.channel.lifetime_months
        end = expiry(start, months, rules.longest)
        renewal = {
            "renew_until": end.isoformat(),
            "clamped": "yes" if end < expiry(start, months, None) else "",
        }
        if secret is None:
            return self._missing(ctx, rules, renewal)
        if end_of(secret) >= now():
            return self._still_good(ctx, secret, rules, renewal)
        expired = self.wrong(
            Text("seen.secret_expired", _day(secret)),
            cause=Cause.CLIENT_SECRET_EXPIRED,
            facts=renewal,
            signals=Signals(since=end_of(secret)),
        )
        return (
            replace(expired, cause=Cause.SECRET_FORBIDDEN_BY_POLICY) if rules.forbidden else expired
        )

    def _missing(self, ctx: StepContext, rules: SecretRules, renewal: dict[str, str]) -> Finding:
        """Return that no secret is usable; a channel that was proven or made by hand had one."""
        gone = is_by_hand(ctx) or ctx.channels.record(ctx.channel.mailbox) is not None
        found = self.wrong(
            Reason.ABSENT, cause=Cause.CLIENT_SECRET_GONE if gone else "", facts=renewal
        )
        return (
            replace(
                found,
                seen=Text("seen.secrets_forbidden"),
                reason=None,
                cause=Cause.SECRET_FORBIDDEN_BY_POLICY,
            )
            if rules.forbidden
            else found
        )

    def _still_good(
        self, ctx: StepContext, secret: dict[str, Any], rules: SecretRules, renewal: dict[str, str]
    ) -> Finding:
        """Judge a valid secret; a policy against another one matters only if one is needed."""
        facts = {
            "key_id": promised(secret, "keyId"),
            "hint": text_of(secret, "hint"),
            "expires": end_of(secret).isoformat(),
        }
        good = self.ok(Text("seen.secret", _day(secret)), facts=facts)
        if rules.forbidden:
            return replace(
                good,
                state=State.WARNING,
                seen=Text("seen.secret_last", _day(secret)),
                cause=Cause.SECRET_FORBIDDEN_BY_POLICY,
            )
        if not self._ends_soon(ctx, secret, datetime.fromisoformat(renewal["renew_until"])):
            return good
        soon = self.wrong(
            Text("seen.secret", _day(secret)), cause=Cause.CLIENT_SECRET_EXPIRES_SOON, facts=renewal
        )
        return (
            replace(soon, state=State.WARNING, facts=facts)
            if ctx.run.kind is RunKind.CHECK
            else soon
        )

    def _ends_soon(self, ctx: StepContext, secret: dict[str, Any], new_end: datetime) -> bool:
        """Return whether to replace the secret, but not this run's: the next ends no later."""
        own = secret.get("displayName") == self._label(ctx)
        return not own and end_of(secret) < now() + min(ENOUGH, (new_end - now()) / 3)

    def plan(self, ctx: StepContext, finding: Finding) -> tuple[Change, ...]:
        """Plan one more secret; the replaced one goes once it is proven (``old_secret``)."""
        if finding.cause == Cause.SECRET_FORBIDDEN_BY_POLICY:
            return ()
        end = (
            finding.facts.get("renew_until")
            or expiry(now(), ctx.channel.lifetime_months, None).isoformat()
        )
        after = Text("after.client_secret", {"expires": day_of(datetime.fromisoformat(end))})
        line = self.change(
            finding.seen or Text("seen.none"),
            after,
            Scope.APP,
            f"Graph POST /applications/{{id}}/addPassword, endDateTime {end[:10]}",
        )
        made = (
            replace(line, note=Text("note.secret_clamped"))
            if finding.facts.get("clamped")
            else line
        )
        removal = (
            (replaced(Text("seen.old_secret", {"count": finding.facts["old"]})),)
            if "old" in finding.facts
            else ()
        )
        return (made, *removal)

    async def apply(self, ctx: StepContext, finding: Finding) -> None:
        """Create and seal it, without an interrupted one: addPassword is not idempotent."""
        if tries(ctx, self.name) > 1:
            await remove_orphans(ctx, LOOKS_S, lambda secret: self._is_orphan(ctx, secret))
            if (await self.inspect(ctx)).state in {State.OK, State.WARNING}:
                return  # the earlier attempt succeeded after all
        end = datetime.fromisoformat(finding.facts["renew_until"])
        made = await ctx.graph.add_password(ctx.fact("object_id"), self._label(ctx), end)
        ctx.vault.put(Sealed.CLIENT_SECRET.of(ctx.run.id), made.secret, SEALED_S)
        ctx.vault.put(Sealed.CLIENT_SECRET_ID.of(ctx.run.id), made.key_id, SEALED_S)

    async def inspect_undo(self, ctx: StepContext, past: RecordedChange) -> Finding:
        left = await labelled(ctx, _labels(past))
        return self.wrong(past.change.after) if left else self.ok(Text("seen.undo_removed"))

    def undo_command(self, ctx: StepContext, past: RecordedChange) -> str:
        return f"Graph POST /applications/{ctx.fact('object_id')}/removePassword"

    async def undo(self, ctx: StepContext, past: RecordedChange) -> None:
        await remove(ctx, await labelled(ctx, _labels(past)))
        for run in past.runs:
            ctx.vault.drop(Sealed.CLIENT_SECRET.of(run))

    def _is_orphan(self, ctx: StepContext, secret: dict[str, Any]) -> bool:
        """Return whether this run made the secret and the bot can no longer show it.

        A secret that was shown is not an orphan: it stays until its successor was shown
        (``lost_secret``).
        """
        mine = secret.get("displayName") == self._label(ctx) and promised(
            secret, "keyId"
        ) not in lost(ctx)
        return mine and not self._known(ctx, secret)

    def _known(self, ctx: StepContext, secret: dict[str, Any]) -> bool:
        if is_by_hand(ctx) and is_persons(ctx, secret):
            return True  # Webex Connect may have any of them
        if not text_of(secret, "displayName").startswith(PREFIX):
            return False
        key_id = promised(secret, "keyId")
        return key_id not in lost(ctx) and (_is_sealed(ctx, key_id) or _was_shown(ctx, key_id))

    def _label(self, ctx: StepContext) -> str:
        return label_of(ctx.run.id)

    async def _policy(self, ctx: StepContext) -> dict[str, Any]:
        try:
            return await ctx.graph.app_management_policy()
        except (Forbidden, NotFound, Rejected):
            return {}


def _labels(past: RecordedChange) -> set[str]:
    return {label_of(run) for run in past.runs}


def _naming(lost_ones: Sequence[dict[str, Any]], found: Finding) -> Finding:
    """Return the finding with the names of the secrets whose runs the bot does not know.

    The finding is changed only for an app without a usable secret.
    """
    if found.reason is not Reason.ABSENT or not lost_ones:
        return found
    names = ", ".join(map(described, lost_ones[:MOST_NAMED]))
    return replace(found, seen=Text("seen.secret_orphans", {"names": names}))


def _is_mine(ctx: StepContext, key_id: str) -> bool:
    return ctx.vault.get(Sealed.CLIENT_SECRET_ID.of(ctx.run.id)) == key_id


def _is_sealed(ctx: StepContext, key_id: str) -> bool:
    return _is_mine(ctx, key_id) and ctx.vault.holds(Sealed.CLIENT_SECRET.of(ctx.run.id))


def _was_shown(ctx: StepContext, key_id: str) -> bool:
    in_use = (
        ctx.fact("key_id") == key_id
        or ctx.channels.record(ctx.channel.mailbox) is not None
        or _is_mine(ctx, key_id)
    )
    return in_use and ctx.store.was_secret_shown(key_id)


def replaced(before: Text) -> Change:
    """Return the plan's line for the secrets that a fix replaces, which cannot be restored."""
    after, command = Text("after.old_secret"), "Graph POST /applications/{id}/removePassword"
    return Change(
        "old_secret",
        "E3",
        Text("step.old_secret"),
        before,
        after,
        Scope.APP,
        command,
        reversible=False,
    )


def _day(secret: dict[str, Any]) -> dict[str, str]:
    return {"expires": day_of(end_of(secret))}
