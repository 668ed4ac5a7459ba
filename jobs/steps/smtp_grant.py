"""Step E5: ``SMTP.Send`` for the mailbox user, granted in advance.

The tenant's user-consent policy therefore does not matter.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import replace

from jobs.causes.cause import Cause
from jobs.channel.email_app import grants_of_app
from jobs.channel.hand_made import is_by_hand
from jobs.clouds.errors import AlreadyExists
from jobs.clouds.json_values import lower_of, text_of
from jobs.engine.context import StepContext
from jobs.engine.diagnosis import Diagnosis
from jobs.engine.undoable import Undoable
from jobs.microsoft.graph_requests import promised
from jobs.model import Change, Finding, Reason, RunKind, Scope, Text
from jobs.runs.run import RecordedChange

SMTP = frozenset({"SMTP.Send"})
SIGN_IN = frozenset({"offline_access", "openid", "profile"})
RESOURCES = ("exchange", "graph")
OF = "principal"
"""Mark in a recorded change: the grants are those of the user with this ID, the delegate's."""


class SmtpGrant(Undoable):
    """Step E5: a Principal grant for the user who signs in only (platforms/microsoft.md 1.5).

    For a shared mailbox the delegate signs in. Exchange decides who may send as the mailbox.
    """

    name = "smtp_grant"
    article_row = "E5"
    group = "entra"
    carries_answers = True
    needs = ("service_principal", "mailbox_user", "delegate", "permissions")
    reads = ("Directory.Read.All",)
    writes = ("DelegatedPermissionGrant.ReadWrite.All",)
    diagnosis = Diagnosis(
        explains=frozenset(
            {
                Cause.CONSENT_MISSING,
                Cause.CONSENT_DECLINED,
                Cause.ADMIN_CONSENT_REQUIRED,
                Cause.SMTP_TOKEN_REFUSED,
            }
        )
    )

    async def inspect(self, ctx: StepContext) -> Finding:
        grants = await grants_of_app(ctx)
        missing = self._missing(ctx, grants)
        known = bool(_grantee(ctx))
        granted = Text(
            "seen.smtp_grant" if known else "seen.smtp_grant_delegate",
            {"user": ctx.fact("delegate") or ctx.fact("upn")},
        )
        found = (
            self.wrong(Reason.ABSENT, cause=Cause.CONSENT_MISSING) if missing else self.ok(granted)
        )
        marks = {OF: ctx.fact("delegate_id")} if ctx.fact("shared") else {}
        return replace(found, values=self._values(ctx, grants, marks))

    def plan(self, ctx: StepContext, finding: Finding) -> tuple[Change, ...]:
        """Plan a grant for one user, once the delegate is known, so that nobody else can send."""
        if not _grantee(ctx) and ctx.fact("shared"):
            return ()
        user = ctx.fact("delegate") or ctx.channel.mailbox
        after = Text("after.smtp_grant", {"user": user})
        command = "Graph POST /oauth2PermissionGrants, consentType Principal, scope SMTP.Send"
        return (self.change(Text("seen.none"), after, Scope.APP, command),)

    async def apply(self, ctx: StepContext, finding: Finding) -> None:
        """Create a grant per resource, or merge the scopes, which a PATCH replaces."""
        grants = await ctx.graph.grants(ctx.fact("sp_id"))
        missing = self._missing(ctx, grants)
        await asyncio.gather(
            *(self._grant(ctx, grants, resource, scopes) for resource, scopes in missing)
        )

    async def inspect_undo(self, ctx: StepContext, past: RecordedChange) -> Finding:
        marks = _recorded_marks(past)
        values = self._values(ctx, await ctx.graph.grants(ctx.fact("sp_id")), marks)
        made = {
            name: " ".join(sorted({*past.values_before[name].split(), *scopes}))
            for name, scopes in zip(RESOURCES, (SMTP, SIGN_IN), strict=True)
        }
        scopes = " ".join(values[name] for name in RESOURCES).strip()
        return self.compare_with_recorded(past, values, scopes or "key:seen.none", made | marks)

    def undo_command(self, ctx: StepContext, past: RecordedChange) -> str:
        existed = any(past.values_before[name] for name in RESOURCES)
        return f"Graph {'PATCH' if existed else 'DELETE'} /oauth2PermissionGrants/{{id}}"

    async def undo(self, ctx: StepContext, past: RecordedChange) -> None:
        grants = await ctx.graph.grants(ctx.fact("sp_id"))
        mine = self._mine(ctx, grants, _recorded_marks(past))
        for name, grant in mine.items():
            scopes = past.values_before[name]
            if not scopes:
                await ctx.graph.delete_grant(promised(grant, "id"))
            elif grant.get("scope") != scopes:
                await ctx.graph.update_grant(promised(grant, "id"), scopes)

    async def _grant(
        self,
        ctx: StepContext,
        grants: list[dict[str, object]],
        resource: str,
        scopes: frozenset[str],
    ) -> None:
        user = _grantee(ctx)
        mine = _with(_with(grants, "resourceId", resource), "principalId", user)
        if mine:
            await ctx.graph.update_grant(
                promised(mine[0], "id"), " ".join(sorted(_scopes(mine[0]) | scopes))
            )
            return
        try:
            await ctx.graph.create_grant(
                ctx.fact("sp_id"), resource, " ".join(sorted(scopes)), user
            )
        except AlreadyExists:
            return  # an earlier attempt of ours that is not replicated yet: inspect decides

    def _mine(
        self, ctx: StepContext, grants: list[dict[str, object]], marks: Mapping[str, str]
    ) -> dict[str, dict[str, object]]:
        user = marks.get(OF) or ctx.fact("user_id")
        mine = _with(grants, "principalId", user)
        resources = {"exchange": ctx.fact("exchange_sp_id"), "graph": ctx.fact("graph_sp_id")}
        return {
            name: grant
            for name, resource in resources.items()
            if resource
            for grant in _with(mine, "resourceId", resource)
        }

    def _values(
        self, ctx: StepContext, grants: list[dict[str, object]], marks: Mapping[str, str]
    ) -> dict[str, str]:
        mine = self._mine(ctx, grants, marks)
        scopes = {
            name: " ".join(sorted(_scopes(mine[name]))) if name in mine else ""
            for name in RESOURCES
        }
        return scopes | dict(marks)

    def _wanted(self, ctx: StepContext) -> list[tuple[str, frozenset[str]]]:
        wanted = [(ctx.fact("exchange_sp_id"), SMTP), (ctx.fact("graph_sp_id"), SIGN_IN)]
        if ctx.run.kind is RunKind.CHECK or is_by_hand(ctx):
            wanted = wanted[:1]  # a sign-in's permissions are implied (platforms/microsoft.md 1.5)
        return [(resource, scopes) for resource, scopes in wanted if resource]

    def _missing(
        self, ctx: StepContext, grants: list[dict[str, object]]
    ) -> list[tuple[str, frozenset[str]]]:
        return [need for need in self._wanted(ctx) if not self._granted(ctx, grants, *need)]

    def _granted(
        self,
        ctx: StepContext,
        grants: list[dict[str, object]],
        resource: str,
        scopes: frozenset[str],
    ) -> bool:
        mine = [
            grant for grant in _with(grants, "resourceId", resource) if self._counts(ctx, grant)
        ]
        return _plain(scopes) <= _plain(frozenset().union(*(_scopes(grant) for grant in mine)))

    def _counts(self, ctx: StepContext, grant: dict[str, object]) -> bool:
        """Return whether the grant is for all users or for the user who signs in.

        Any user's grant counts while the delegate of a shared mailbox is not known, which happens
        only in a check.
        """
        user = _grantee(ctx)
        return not grant.get("principalId") or not user or _is(grant, "principalId", user)


def _grantee(ctx: StepContext) -> str:
    """Return the user who signs in; empty while the delegate is not known."""
    return ctx.fact("delegate_id") if ctx.fact("shared") else ctx.fact("user_id")


def _recorded_marks(past: RecordedChange) -> dict[str, str]:
    return {name: value for name, value in past.values_before.items() if name == OF}


def _with(grants: list[dict[str, object]], name: str, wanted: str) -> list[dict[str, object]]:
    return [grant for grant in grants if _is(grant, name, wanted)]


def _is(grant: dict[str, object], name: str, wanted: str) -> bool:
    return lower_of(grant, name) == wanted.lower()


def _plain(scopes: frozenset[str]) -> frozenset[str]:
    return frozenset(scope.lower() for scope in scopes)


def _scopes(grant: dict[str, object]) -> frozenset[str]:
    return frozenset(text_of(grant, "scope").split())
