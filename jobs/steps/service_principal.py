"""Steps E1, E4, E5 and E7: the enterprise application, and ``SMTP.Send`` granted in advance.

The portal creates the enterprise application automatically; Graph does not. The IDs of permissions
are read in the tenant and never hard-coded. The grant makes the tenant's policy on user consent
irrelevant, so the policy, which is tenant-wide, is only read.
"""

import asyncio
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace

from jobs.causes.cause import Cause
from jobs.channel.mailbox import login_id_of, may_be_shared, unless_shared
from jobs.clouds.errors import AlreadyExists, CloudError, NotFound, Rejected, unless_refused
from jobs.clouds.json_values import Json, as_dict, lower_of, lower_set, text_of
from jobs.engine.findings import finding_from_error
from jobs.engine.step import Step, StepContext, Undoable
from jobs.microsoft.app_manifest import permission_id, redirect_uris
from jobs.microsoft.graph import EXCHANGE_APP_ID, GRANTS, GRAPH_APP_ID, PRINCIPALS, promised
from jobs.model import Change, Finding, Reason, State, Text
from jobs.runs.run import RecordedChange
from jobs.steps.application import DEACTIVATED, app_of_run, foreign_content, grants_of_app

ENABLED, ASSIGNMENT = "accountEnabled", "appRoleAssignmentRequired"
OPEN = {ENABLED: True, ASSIGNMENT: False}
LINES = {
    ENABLED: (Text("seen.sp_disabled"), Text("after.sp_enabled")),
    ASSIGNMENT: (Text("seen.sp_assignment"), Text("after.sp_open")),
}
"""Texts of the plan before and after the reset of a blocking property."""


class ServicePrincipal(Undoable, row="service_principal"):
    """Step E1: an enabled service principal admits the mailbox user (microsoft.md 1.3)."""

    async def inspect(self, ctx: StepContext) -> Finding:
        """Find it by client id; assignments are read only if assignment is required."""
        principal = await ctx.graph.service_principal(ctx.fact("client_id"), with_roles=ctx.many)
        if principal is None:
            cause = Cause.SERVICE_PRINCIPAL_MISSING
            return self.wrong(Reason.ABSENT, cause=cause, values=_values(None))
        facts = {"sp_id": promised(principal, "id")}
        lets_in = await _lets_in(ctx, facts["sp_id"]) if principal.get(ASSIGNMENT) else State.OK
        shut = {ENABLED: principal.get(ENABLED) is False, ASSIGNMENT: lets_in is State.WRONG}
        if any(shut.values()):
            facts["shut"] = " ".join(filter(shut.get, shut))
        found = self._judged(ctx, principal, lets_in)
        return replace(found, facts=facts, values=_values(principal))

    def _judged(self, ctx: StepContext, principal: Json, lets_in: State) -> Finding:
        """Return the first obstacle; no change of the enterprise application repairs the first two.

        Source: platforms/microsoft.md 1.1 and 5 (AADSTS7000112). Other properties stay planned.
        """
        status = text_of(principal, "disabledByMicrosoftStatus")
        is_disabled = status.lower() not in {"", "notdisabled"}
        by_microsoft = Text("seen.app_by_microsoft", {"status": status})
        deactivated = principal.get("isDisabled") or ctx.fact(DEACTIVATED)
        obstacles = (
            (is_disabled, by_microsoft, Cause.APP_DISABLED_BY_MICROSOFT),
            (deactivated, Text("seen.app_deactivated"), Cause.APP_DEACTIVATED),
            (principal.get(ENABLED) is False, Text("seen.sp_disabled"), Cause.APP_DISABLED),
            (lets_in is State.WRONG, Text("seen.sp_assignment"), Cause.USER_NOT_ASSIGNED),
        )
        for blocks, seen, cause in obstacles:
            if blocks:
                return self.wrong(seen, cause=cause)
        if lets_in is State.POSSIBLE:
            return self.possible(Text("seen.sp_assigned_others"), cause=Cause.USER_NOT_ASSIGNED)
        return self.ok(Text("seen.service_principal"))

    def plan(self, ctx: StepContext, finding: Finding) -> tuple[Change, ...]:
        """Plan to create it, or to reset each of its blocking properties in a line."""
        if "sp_id" not in finding.facts:
            return super().plan(ctx, finding)
        patch = f"Graph PATCH /servicePrincipals/{finding.facts['sp_id']}"
        shut = finding.facts.get("shut", "").split()
        commands = {name: f"{patch}, {name} {str(OPEN[name]).lower()}" for name in shut}
        return tuple(
            replace(self.planned(finding, command, LINES[name][1]), before=LINES[name][0])
            for name, command in commands.items()
        )

    async def apply(self, ctx: StepContext, finding: Finding) -> None:
        """Create it, safely since an app has one at most, or reset what blocks."""
        if "sp_id" not in finding.facts:
            await ctx.graph.create_service_principal(ctx.fact("client_id"))
        elif shut := finding.facts.get("shut", "").split():
            body = {name: OPEN[name] for name in shut}
            await ctx.graph.update(PRINCIPALS, finding.facts["sp_id"], body)

    async def inspect_undo(self, ctx: StepContext, past: RecordedChange) -> Finding:
        """Check that it is as it was, or gone, unless others added content to its app."""
        reading = ctx.graph.service_principal(ctx.fact("client_id"))
        principal, app = await asyncio.gather(reading, app_of_run(ctx))
        seen = _principal_text(principal)
        if past.values_before["sp_id"]:
            opened = {"sp_id": past.values_before["sp_id"], ENABLED: "true", ASSIGNMENT: "false"}
            found = self.compare_with_recorded(past, _values(principal), seen, opened)
            return unless_shared(self, ctx, found)
        if strange := foreign_content(ctx, app, redirect_uris(app)) if principal and app else "":
            return self.left_alone(Text("seen.undo_principal_in_use", {"what": strange}))
        there = {"sp_id": _values(principal)["sp_id"]}  # an app has one at most, so this is ours
        left = {"sp_id": past.values_after.get("sp_id", "")} if past.values_after else {}
        ours = replace(past, values_before={"sp_id": ""}, values_after=left)
        made = {"sp_id": ctx.fact("sp_id") or there["sp_id"]}
        found = unless_shared(self, ctx, self.compare_with_recorded(ours, there, seen, made))
        return replace(found, facts=there) if found.state is State.WRONG else found

    def undo_command(self, ctx: StepContext, past: RecordedChange) -> str:
        was, left = past.values_before, past.values_after
        if not was["sp_id"]:
            return f"Graph DELETE /servicePrincipals/{ctx.fact('sp_id')}"
        shut = (f"{name} {was[name]}" for name in OPEN if was[name] != left.get(name))
        return f"Graph PATCH /servicePrincipals/{was['sp_id']}, {', '.join(shut)}"

    async def undo(self, ctx: StepContext, past: RecordedChange) -> None:
        if sp_id := past.values_before["sp_id"]:
            was = {name: past.values_before[name] == "true" for name in OPEN}
            await ctx.graph.update(PRINCIPALS, sp_id, was)
        else:
            await ctx.graph.delete(PRINCIPALS, ctx.fact("sp_id"))


async def _lets_in(ctx: StepContext, sp_id: str) -> State:
    """Return whether an app that requires assignment admits the mailbox user.

    POSSIBLE means that a group may contain the user, or that the mailbox may be shared and another
    user signs in.
    """
    assigned = await ctx.graph.app_role_assigned_to(sp_id)
    user_id = ctx.fact("user_id") or text_of(await ctx.graph.user(ctx.channel.mailbox), "id")
    if user_id and user_id.lower() in {lower_of(each, "principalId") for each in assigned}:
        return State.OK
    if "group" in {lower_of(each, "principalType") for each in assigned}:
        return State.POSSIBLE
    return State.POSSIBLE if assigned and (not user_id or await may_be_shared(ctx)) else State.WRONG


def _values(principal: Json | None) -> dict[str, str]:
    if not principal:
        return dict.fromkeys(("sp_id", *OPEN), "")
    enabled = str(principal.get(ENABLED) is not False).lower()
    assignment = str(bool(principal.get(ASSIGNMENT))).lower()
    return {"sp_id": text_of(principal, "id"), ENABLED: enabled, ASSIGNMENT: assignment}


def _principal_text(principal: Json | None) -> str:
    if principal is None:
        return "key:seen.none"
    if principal.get(ENABLED) is False:
        return "key:seen.sp_disabled"
    return "key:seen.sp_assignment" if principal.get(ASSIGNMENT) else "key:seen.service_principal"


class Permissions(Step, row="permissions"):
    """Step E4: Office 365 Exchange Online is in the tenant and exposes ``SMTP.Send``.

    A tenant with the service but without its service principal gets one. If the service itself is
    missing, Graph refuses. Source: platforms/microsoft.md 1.3 and 1.4.
    """

    async def inspect(self, ctx: StepContext) -> Finding:
        both = map(ctx.graph.service_principal, (EXCHANGE_APP_ID, GRAPH_APP_ID))
        exchange, graph = await asyncio.gather(*both)
        if exchange is None:
            cause, values = Cause.EXCHANGE_SERVICE_MISSING, {"present": "no"}
            return self.wrong(Text("seen.no_exchange"), cause=cause, values=values)
        facts = {
            "exchange_sp_id": promised(exchange, "id"),
            "graph_sp_id": text_of(graph, "id"),
            "exchange_smtp_send": permission_id(exchange, "SMTP.Send"),
            "graph_smtp_send": permission_id(graph, "SMTP.Send"),
            "mail_send": permission_id(exchange, "Mail.Send", role=True),
        }
        if not (facts["exchange_smtp_send"] or facts["graph_smtp_send"]):
            return self.wrong(Text("seen.no_smtp_send"), cause=Cause.PERMISSION_ID_UNKNOWN)
        return self.ok(Text("seen.permissions"), facts=facts)

    def plan(self, ctx: StepContext, finding: Finding) -> tuple[Change, ...]:
        """Plan Microsoft's service principal; else no app can request SMTP.Send (AADSTS500011)."""
        return super().plan(ctx, finding) if finding.cause == Cause.EXCHANGE_SERVICE_MISSING else ()

    async def apply(self, ctx: StepContext, finding: Finding) -> None:
        await ctx.graph.create_service_principal(EXCHANGE_APP_ID)

    def explain_error(self, ctx: StepContext, error: CloudError) -> Finding | None:
        """Report a refusal as "no Exchange Online in this tenant", with Graph's text."""
        found = finding_from_error(self, error, ctx.run)
        refused = isinstance(error, Rejected | NotFound)
        return replace(found, cause=Cause.EXCHANGE_SERVICE_MISSING) if refused else None


SCOPES = {"exchange": {"SMTP.Send"}, "graph": {"offline_access", "openid", "profile"}}
"""Scopes of the grants, by the API's name in the facts and in the recorded values."""
OF = "principal"
"""Mark in a recorded change: the grants are those of the user with this ID, the delegate's."""


class SmtpGrant(Undoable, row="smtp_grant"):
    """Step E5: a Principal grant for the user who signs in only (platforms/microsoft.md 1.5).

    For a shared mailbox the delegate signs in. Exchange decides who may send as the mailbox.
    """

    async def inspect(self, ctx: StepContext) -> Finding:
        grants = await grants_of_app(ctx)
        found = self.wrong(Reason.ABSENT, cause=Cause.CONSENT_MISSING)
        if not self._missing(ctx, grants):
            key = "seen.smtp_grant" if login_id_of(ctx.run) else "seen.smtp_grant_delegate"
            found = self.ok(Text(key, {"user": ctx.fact("delegate") or ctx.fact("upn")}))
        delegate = ctx.fact("delegate_id") if ctx.fact("shared") else None
        return replace(found, values=_scopes_of(ctx, grants, delegate))

    def plan(self, ctx: StepContext, finding: Finding) -> tuple[Change, ...]:
        """Plan a grant for one user, once the delegate is known, so that nobody else can send."""
        if not login_id_of(ctx.run) and ctx.fact("shared"):
            return ()
        return (self.planned(finding, user=ctx.fact("delegate") or ctx.channel.mailbox),)

    async def apply(self, ctx: StepContext, finding: Finding) -> None:
        user, grants = login_id_of(ctx.run), await ctx.graph.grants(ctx.fact("sp_id"))
        for resource, scopes in self._missing(ctx, grants):
            mine = _with(_with(grants, "resourceId", resource), "principalId", user)[:1]
            wanted = " ".join(sorted(scopes.union(*map(_scopes, mine))))
            if mine:
                await ctx.graph.update(GRANTS, promised(mine[0], "id"), {"scope": wanted})
                continue
            with suppress(AlreadyExists):  # an earlier try, not replicated yet: inspect decides
                await ctx.graph.create_grant(ctx.fact("sp_id"), resource, wanted, user)

    async def inspect_undo(self, ctx: StepContext, past: RecordedChange) -> Finding:
        was, grants = past.values_before, await ctx.graph.grants(ctx.fact("sp_id"))
        values = _scopes_of(ctx, grants, was.get(OF))
        made = {name: " ".join(sorted({*was[name].split(), *SCOPES[name]})) for name in SCOPES}
        scopes = " ".join(values[name] for name in SCOPES).strip()
        return self.compare_with_recorded(past, values, scopes or "key:seen.none", values | made)

    def undo_command(self, ctx: StepContext, past: RecordedChange) -> str:
        existed = any(past.values_before[name] for name in SCOPES)
        return f"Graph {'PATCH' if existed else 'DELETE'} /oauth2PermissionGrants/{{id}}"

    async def undo(self, ctx: StepContext, past: RecordedChange) -> None:
        was, grants = past.values_before, await ctx.graph.grants(ctx.fact("sp_id"))
        for name, grant in _mine(ctx, grants, was.get(OF)).items():
            if not was[name]:
                await ctx.graph.delete(GRANTS, promised(grant, "id"))
            elif grant.get("scope") != was[name]:
                await ctx.graph.update(GRANTS, promised(grant, "id"), {"scope": was[name]})

    def _missing(self, ctx: StepContext, grants: list[Json]) -> list[tuple[str, set[str]]]:
        """Return the missing scopes by resource; anybody's grant counts for an unknown delegate."""
        wanted = [(ctx.fact(f"{name}_sp_id"), scopes) for name, scopes in SCOPES.items()]
        if ctx.checks or ctx.by_hand:
            wanted = wanted[:1]  # a sign-in's permissions are implied (platforms/microsoft.md 1.5)
        if user := login_id_of(ctx.run):
            grants = _with(grants, "principalId", "") + _with(grants, "principalId", user)
        return [each for each in wanted if each[0] and not _grants(grants, *each)]


def _mine(ctx: StepContext, grants: list[Json], delegate: str | None) -> dict[str, Json]:
    mine = _with(grants, "principalId", delegate or ctx.fact("user_id"))
    return {
        name: grant
        for name in SCOPES
        if (resource := ctx.fact(f"{name}_sp_id"))
        for grant in _with(mine, "resourceId", resource)
    }


def _scopes_of(ctx: StepContext, grants: list[Json], delegate: str | None) -> dict[str, str]:
    """Return the scopes by API; with the delegate's ID, None if the mailbox is not shared."""
    mine = _mine(ctx, grants, delegate)
    scopes = {name: " ".join(sorted(_scopes(mine.get(name, {})))) for name in SCOPES}
    return scopes if delegate is None else {**scopes, OF: delegate}


def _with(grants: list[Json], name: str, wanted: str) -> list[Json]:
    return [grant for grant in grants if lower_of(grant, name) == wanted.lower()]


def _grants(grants: list[Json], resource: str, scopes: set[str]) -> bool:
    there = " ".join(lower_of(grant, "scope") for grant in _with(grants, "resourceId", resource))
    return {scope.lower() for scope in scopes} <= set(there.split())


def _scopes(grant: Json) -> frozenset[str]:
    return frozenset(text_of(grant, "scope").split())


OWN = "managepermissiongrantsforself."


class UserConsent(Step, row="user_consent"):
    """Step E7: the tenant's user-consent policy, in words (platforms/microsoft.md 1.7)."""

    meaning: Mapping[str, str]
    """Meaning of Microsoft's own policies for SMTP.Send, as documented.

    Microsoft may change the recommended one, so it has none.
    """

    async def inspect(self, ctx: StepContext) -> Finding:
        policy = await unless_refused(ctx.graph.authorization_policy())
        if policy is None:
            return self.skipped(Text("skipped.policy_not_readable"))
        return self.ok(Text(f"seen.user_consent_{allows(policy)}"))


def allows(policy: Json) -> str:
    """Return ``yes``, ``classified`` (low-risk permissions only), ``custom`` or ``no``."""
    role = as_dict(policy.get("defaultUserRolePermissions"))
    names = lower_set(role.get("permissionGrantPoliciesAssigned"))  # the prefix has two spellings
    own = [name.removeprefix(OWN) for name in names if name.startswith(OWN)]
    found = {UserConsent.meaning.get(name, "custom") for name in own} or {"no"}
    return next(answer for answer in ("yes", "classified", "custom", "no") if answer in found)
