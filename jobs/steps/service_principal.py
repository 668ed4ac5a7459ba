"""Step E1, second half: the enterprise application.

The portal creates it automatically; Graph does not.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from dataclasses import replace

from jobs.causes.cause import Cause
from jobs.channel.email_app import Json, app_of_run, foreign_content
from jobs.channel.mailbox import may_be_shared
from jobs.clouds.json_values import lower_of, text_of
from jobs.engine.context import StepContext
from jobs.engine.diagnosis import Diagnosis
from jobs.engine.undoable import Undoable
from jobs.microsoft.app_manifest import redirect_uris
from jobs.microsoft.graph_requests import promised
from jobs.model import Change, Finding, Reason, Scope, State, Text
from jobs.runs.run import RecordedChange

ENABLED, ASSIGNMENT = "accountEnabled", "appRoleAssignmentRequired"
OPEN = {ENABLED: True, ASSIGNMENT: False}
LINES = {
    ENABLED: (Text("seen.sp_disabled"), Text("after.sp_enabled")),
    ASSIGNMENT: (Text("seen.sp_assignment"), Text("after.sp_open")),
}
"""Texts of the plan before and after the reset of a blocking property."""
BY_MICROSOFT = "disabledByMicrosoftStatus"
NOT_DISABLED = {"", "notdisabled"}


class ServicePrincipal(Undoable):
    """Step E1: an enabled service principal admits the mailbox user (microsoft.md 1.3)."""

    name = "service_principal"
    article_row = "E1"
    group = "entra"
    carries_answers = True
    shown_in = "application"
    needs = ("application",)
    reads = ("Application.Read.All", "User.Read.All")
    writes = ("Application.ReadWrite.All",)
    diagnosis = Diagnosis(
        explains=frozenset(
            {
                Cause.APP_NOT_FOUND,
                Cause.APP_DISABLED,
                Cause.USER_NOT_ASSIGNED,
                Cause.SERVICE_PRINCIPAL_NOT_READY,
                Cause.CONSENT_MISSING,
            }
        ),
        disproved_by=("smtp_login",),
    )

    async def inspect(self, ctx: StepContext) -> Finding:
        """Find it by client id; assignments are read only if assignment is required."""
        principal = await ctx.graph.service_principal(ctx.fact("client_id"), with_roles=ctx.many)
        if principal is None:
            return replace(
                self.wrong(Reason.ABSENT, cause=Cause.SERVICE_PRINCIPAL_MISSING),
                values=_values(None),
            )
        sp_id = promised(principal, "id")
        lets_in = await _lets_in(ctx, sp_id) if principal.get(ASSIGNMENT) else State.OK
        disabled = principal.get(ENABLED) is False
        judged = self._judged(sp_id, lets_in, disabled=disabled)
        return replace(self._out_of_reach(principal, judged) or judged, values=_values(principal))

    def _out_of_reach(self, principal: Json, judged: Finding) -> Finding | None:
        """Return a finding that no change of the enterprise application repairs, or None.

        The app itself is deactivated, or Microsoft has disabled it (platforms/microsoft.md 5,
        AADSTS7000112). Other blocking properties stay in the plan.
        """
        status = text_of(principal, BY_MICROSOFT)
        if status.lower() not in NOT_DISABLED:
            return self.wrong(
                Text("seen.app_by_microsoft", {"status": status}),
                cause=Cause.APP_DISABLED_BY_MICROSOFT,
                facts=judged.facts,
            )
        if principal.get("isDisabled"):
            return self.wrong(
                Text("seen.app_deactivated"), cause=Cause.APP_DEACTIVATED, facts=judged.facts
            )
        return None

    def _judged(self, sp_id: str, lets_in: State, *, disabled: bool) -> Finding:
        flags = {ENABLED: disabled, ASSIGNMENT: lets_in is State.WRONG}
        shut = " ".join(name for name, is_set in flags.items() if is_set)
        if disabled:
            return self.wrong(
                Text("seen.sp_disabled"),
                cause=Cause.APP_DISABLED,
                facts={"sp_id": sp_id, "shut": shut},
            )
        if lets_in is State.WRONG:
            return self.wrong(
                Text("seen.sp_assignment"),
                cause=Cause.USER_NOT_ASSIGNED,
                facts={"sp_id": sp_id, "shut": shut},
            )
        if lets_in is State.POSSIBLE:
            return self.possible(
                Text("seen.sp_assigned_others"),
                cause=Cause.USER_NOT_ASSIGNED,
                facts={"sp_id": sp_id},
            )
        return self.ok(Text("seen.service_principal"), facts={"sp_id": sp_id})

    def plan(self, ctx: StepContext, finding: Finding) -> tuple[Change, ...]:
        """Plan to create it, or to reset each of its blocking properties in a line."""
        if "sp_id" not in finding.facts:
            return (
                self.change(
                    Text("seen.none"),
                    Text("after.service_principal"),
                    Scope.APP,
                    "Graph POST /servicePrincipals",
                ),
            )
        shut, sp_id = finding.facts.get("shut", "").split(), finding.facts["sp_id"]
        return tuple(self._opening(name, sp_id) for name in shut)

    def _opening(self, name: str, sp_id: str) -> Change:
        before, after = LINES[name]
        command = f"Graph PATCH /servicePrincipals/{sp_id}, {name} {str(OPEN[name]).lower()}"
        return self.change(before, after, Scope.APP, command)

    async def apply(self, ctx: StepContext, finding: Finding) -> None:
        """Create it, safely since an app has one at most, or reset what blocks."""
        if "sp_id" not in finding.facts:
            await ctx.graph.create_service_principal(ctx.fact("client_id"))
        elif shut := finding.facts.get("shut", "").split():
            await ctx.graph.update_service_principal(
                finding.facts["sp_id"], {name: OPEN[name] for name in shut}
            )

    async def inspect_undo(self, ctx: StepContext, past: RecordedChange) -> Finding:
        """Check that the service principal is removed or restored.

        A service principal that a run created must be gone, unless other content was added to its
        app, because then it is still needed.
        """
        principal, app = await asyncio.gather(
            ctx.graph.service_principal(ctx.fact("client_id")), app_of_run(ctx)
        )
        if past.values_before["sp_id"]:
            opened = {"sp_id": past.values_before["sp_id"], ENABLED: "true", ASSIGNMENT: "false"}
            return self.compare_with_recorded(
                past, _values(principal), _principal_text(principal), opened
            )
        if strange := foreign_content(ctx, app, redirect_uris(app)) if principal and app else "":
            return self.left_alone(Text("seen.undo_principal_in_use", {"what": strange}))
        return self._removed(ctx, past, principal)

    def _removed(self, ctx: StepContext, past: RecordedChange, principal: Json | None) -> Finding:
        """Judge a service principal that a run made, by its object id alone."""
        there = {"sp_id": _values(principal)["sp_id"]}  # an app has one at most, so this is ours
        made = replace(past, values_before={"sp_id": ""}, values_after=_sp_id_of(past.values_after))
        found = self.compare_with_recorded(
            made, there, _principal_text(principal), {"sp_id": ctx.fact("sp_id") or there["sp_id"]}
        )
        return replace(found, facts=there) if found.state is State.WRONG else found

    def undo_command(self, ctx: StepContext, past: RecordedChange) -> str:
        """Return the Graph command with the object id, for exactly that object."""
        if not past.values_before["sp_id"]:
            return f"Graph DELETE /servicePrincipals/{ctx.fact('sp_id')}"
        shut = [
            f"{name} {past.values_before[name]}"
            for name in OPEN
            if past.values_before[name] != past.values_after.get(name)
        ]
        return f"Graph PATCH /servicePrincipals/{past.values_before['sp_id']}, {', '.join(shut)}"

    async def undo(self, ctx: StepContext, past: RecordedChange) -> None:
        if past.values_before["sp_id"]:
            await ctx.graph.update_service_principal(
                past.values_before["sp_id"],
                {name: past.values_before[name] == "true" for name in OPEN},
            )
        else:
            await ctx.graph.delete_service_principal(ctx.fact("sp_id"))


async def _lets_in(ctx: StepContext, sp_id: str) -> State:
    """Return whether an app that requires assignment admits the mailbox user.

    POSSIBLE means that a group may contain the user, or that the mailbox may be shared and another
    user signs in.
    """
    assigned = await ctx.graph.app_role_assigned_to(sp_id)
    user_id = ctx.fact("user_id") or text_of(await ctx.graph.user(ctx.channel.mailbox), "id")
    if user_id.lower() in _lower(assigned, "principalId") - {""}:
        return State.OK
    if "group" in _lower(assigned, "principalType"):
        return State.POSSIBLE
    return State.POSSIBLE if assigned and (not user_id or await may_be_shared(ctx)) else State.WRONG


def _sp_id_of(values: dict[str, str]) -> dict[str, str]:
    """Return the object id in recorded values, if any were read back."""
    return {"sp_id": values.get("sp_id", "")} if values else {}


def _lower(rows: Iterable[Json], name: str) -> set[str]:
    return {lower_of(row, name) for row in rows}


def _values(principal: Json | None) -> dict[str, str]:
    if not principal:
        return dict.fromkeys(("sp_id", *OPEN), "")
    flags = {
        ENABLED: principal.get(ENABLED) is not False,
        ASSIGNMENT: bool(principal.get(ASSIGNMENT)),
    }
    return {
        "sp_id": text_of(principal, "id"),
        **{name: str(flag).lower() for name, flag in flags.items()},
    }


def _principal_text(principal: Json | None) -> str:
    if principal is None:
        return "key:seen.none"
    if principal.get(ENABLED) is False:
        return "key:seen.sp_disabled"
    return "key:seen.sp_assignment" if principal.get(ASSIGNMENT) else "key:seen.service_principal"
