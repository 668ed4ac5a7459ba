"""E5: ``SMTP.Send`` for the mailbox user, granted in advance.

The tenant's user-consent policy therefore does not matter.
"""

from __future__ import annotations

import asyncio
from dataclasses import replace

from jobs.channel.hand_made import is_by_hand
from jobs.clouds.cause_codes import causes
from jobs.clouds.errors import AlreadyExists
from jobs.clouds.json_values import lower_of, text_of
from jobs.engine.context import StepContext
from jobs.engine.diagnosis import Diagnosis
from jobs.engine.undoable import Undoable
from jobs.microsoft.graph_requests import promised
from jobs.model import Change, Finding, RunKind, Scope, Text
from jobs.runs.run import RecordedChange

SMTP = frozenset({"SMTP.Send"})
SIGN_IN = frozenset({"offline_access", "openid", "profile"})
RESOURCES = ("exchange", "graph")
OF_ALL = "of_all"
"""Mark among the values: the grants are those for all users of the tenant."""


class SmtpGrant(Undoable):
    """Delegated grant (oauth2PermissionGrants) in both profiles, for the mailbox's user only.

    Its consentType is Principal (facts/microsoft.md 1.5). For a shared mailbox another, unknown
    user signs in. The grant is then for all users (AllPrincipals), with the tenant's own approval.
    In both cases Exchange decides who may send as the mailbox.
    """

    name = "smtp_grant"
    article_row = "E5"
    group = "entra"
    carries_answers = True
    needs = ("service_principal", "mailbox_user", "permissions")
    reads = ("Directory.Read.All",)
    writes = ("DelegatedPermissionGrant.ReadWrite.All",)
    diagnosis = Diagnosis(
        explains=causes(
            "consent_missing", "consent_declined", "admin_consent_required", "smtp_token_refused"
        )
    )

    async def inspect(self, ctx: StepContext) -> Finding:
        """Read the app's grants for this user or for all users."""
        grants = await ctx.graph.grants(ctx.fact("sp_id"))
        missing = self._missing(ctx, grants)
        granted = Text(
            "seen.smtp_grant_delegate" if ctx.fact("shared") else "seen.smtp_grant",
            {"user": ctx.fact("upn")},
        )
        found = (
            self.wrong(Text("seen.none"), cause="consent_missing") if missing else self.ok(granted)
        )
        return replace(found, values=self._values(ctx, grants, of_all=bool(ctx.fact("shared"))))

    def plan(self, ctx: StepContext, finding: Finding) -> tuple[Change, ...]:
        """Plan a grant for one user, so that no other user can send with the app.

        If the user is not known, the grant is for all users.
        """
        command = "Graph POST /oauth2PermissionGrants, consentType {}, scope SMTP.Send"
        if ctx.fact("shared"):
            line = self.change(
                Text("seen.none"),
                Text("after.smtp_grant_shared"),
                Scope.TENANT,
                command.format("AllPrincipals"),
            )
            return (
                replace(
                    line, note=Text("note.smtp_grant_shared", {"mailbox": ctx.channel.mailbox})
                ),
            )
        after = Text("after.smtp_grant", {"user": ctx.channel.mailbox})
        return (self.change(Text("seen.none"), after, Scope.APP, command.format("Principal")),)

    async def apply(self, ctx: StepContext, finding: Finding) -> None:
        """Create one grant per resource, or merge into an existing one.

        A PATCH replaces the scopes, so the existing ones are included.
        """
        grants = await ctx.graph.grants(ctx.fact("sp_id"))
        missing = self._missing(ctx, grants)
        await asyncio.gather(
            *(self._grant(ctx, grants, resource, scopes) for resource, scopes in missing)
        )

    async def inspect_undo(self, ctx: StepContext, past: RecordedChange) -> Finding:
        """Compare the scopes of the grants for the user, or for all users, with the recorded ones."""
        of_all = OF_ALL in past.values_before
        values = self._values(ctx, await ctx.graph.grants(ctx.fact("sp_id")), of_all=of_all)
        made = {
            name: " ".join(sorted({*past.values_before[name].split(), *scopes}))
            for name, scopes in zip(RESOURCES, (SMTP, SIGN_IN), strict=True)
        }
        scopes = " ".join(values[name] for name in RESOURCES).strip()
        return self.compare_with_recorded(
            past, values, scopes or "key:seen.none", made | _marked(of_all=of_all)
        )

    def undo_command(self, ctx: StepContext, past: RecordedChange) -> str:
        """Return the command. A grant that existed before gets its old scopes back."""
        existed = any(past.values_before[name] for name in RESOURCES)
        return f"Graph {'PATCH' if existed else 'DELETE'} /oauth2PermissionGrants/{{id}}"

    async def undo(self, ctx: StepContext, past: RecordedChange) -> None:
        """Restore each grant's old scopes, or delete the grant."""
        mine = self._mine(
            ctx, await ctx.graph.grants(ctx.fact("sp_id")), of_all=OF_ALL in past.values_before
        )
        for name, grant in mine.items():
            await _put_back(ctx, grant, past.values_before[name])

    async def _grant(
        self,
        ctx: StepContext,
        grants: list[dict[str, object]],
        resource: str,
        scopes: frozenset[str],
    ) -> None:
        user = "" if ctx.fact("shared") else ctx.fact("user_id")
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
        self, ctx: StepContext, grants: list[dict[str, object]], *, of_all: bool
    ) -> dict[str, dict[str, object]]:
        mine = _with(grants, "principalId", "" if of_all else ctx.fact("user_id"))
        return {
            name: grant
            for name, resource in _resources(ctx).items()
            for grant in _with(mine, "resourceId", resource)
        }

    def _values(
        self, ctx: StepContext, grants: list[dict[str, object]], *, of_all: bool
    ) -> dict[str, str]:
        mine = self._mine(ctx, grants, of_all=of_all)
        scopes = {
            name: " ".join(sorted(_scopes(mine[name]))) if name in mine else ""
            for name in RESOURCES
        }
        return scopes | _marked(of_all=of_all)

    def _wanted(self, ctx: StepContext) -> list[tuple[str, frozenset[str]]]:
        wanted = [(ctx.fact("exchange_sp_id"), SMTP), (ctx.fact("graph_sp_id"), SIGN_IN)]
        if ctx.run.kind is RunKind.CHECK or is_by_hand(ctx):
            wanted = wanted[:1]  # a sign-in's permissions are implied (facts/microsoft.md 1.5)
        return [(resource, scopes) for resource, scopes in wanted if resource]

    def _missing(
        self, ctx: StepContext, grants: list[dict[str, object]]
    ) -> list[tuple[str, frozenset[str]]]:
        """Return what is wanted and not granted, as (resource, scopes)."""
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

        For a shared mailbox a delegate signs in by Webex Connect's "Login ID", and the delegate is
        unknown here. A grant for an account that cannot sign in does not count, except in a check.
        """
        if not grant.get("principalId"):
            return True
        own, shared = _is(grant, "principalId", ctx.fact("user_id")), ctx.fact("shared")
        if own:
            return shared != "blocked" or ctx.run.kind is RunKind.CHECK
        return bool(shared)


async def _put_back(ctx: StepContext, grant: dict[str, object], scopes: str) -> None:
    """Give the grant its old scopes; delete it where it had none."""
    if not scopes:
        await ctx.graph.delete_grant(promised(grant, "id"))
    elif grant.get("scope") != scopes:
        await ctx.graph.update_grant(promised(grant, "id"), scopes)


def _resources(ctx: StepContext) -> dict[str, str]:
    """Return the service principals in the tenant, by the name that the values hold their scopes under."""
    resources = {"exchange": ctx.fact("exchange_sp_id"), "graph": ctx.fact("graph_sp_id")}
    return {name: resource for name, resource in resources.items() if resource}


def _marked(*, of_all: bool) -> dict[str, str]:
    """Return the mark of grants for all users among the values."""
    return {OF_ALL: "yes"} if of_all else {}


def _with(grants: list[dict[str, object]], name: str, wanted: str) -> list[dict[str, object]]:
    """Return the grants with this id."""
    return [grant for grant in grants if _is(grant, name, wanted)]


def _is(grant: dict[str, object], name: str, wanted: str) -> bool:
    """Return whether a grant's id equals ``wanted``, ignoring case."""
    return lower_of(grant, name) == wanted.lower()


def _plain(scopes: frozenset[str]) -> frozenset[str]:
    return frozenset(scope.lower() for scope in scopes)


def _scopes(grant: dict[str, object]) -> frozenset[str]:
    return frozenset(text_of(grant, "scope").split())
