"""E1: the app registration, with both redirect addresses and ``SMTP.Send`` declared."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from jobs.channel.email_app import (
    ADOPT,
    OURS,
    app_key,
    app_of_run,
    create,
    fallback_app,
    find_app,
    foreign_content,
    gone_client_id,
    manually_created,
    present_app,
    smtp_send_permission,
    unexposed,
    update,
    wanted_uris,
)
from jobs.clouds.cause_codes import causes
from jobs.engine.context import StepContext
from jobs.engine.diagnosis import Diagnosis
from jobs.engine.undoable import Undoable
from jobs.microsoft.app_manifest import OTHERS, declares, elsewhere, merged, moved_back, redirect_uris, web, without_permission
from jobs.microsoft.graph_requests import promised
from jobs.model import Change, Evidence, Finding, RunKind, Scope, State, Text
from jobs.runs.run import RecordedChange

BY_HAND = "by_hand"
ADDRESSES = causes("redirect_uri_mismatch", "reply_address_missing", *OTHERS.values())
SEEN = {"spa": "seen.redirects_spa", "publicClient": "seen.redirects_public"}
Json = dict[str, Any]


class AppDiagnosis(Diagnosis):
    """What an app explains depends on what is wrong with it."""

    def causes_elsewhere(self, cause: str) -> frozenset[str]:
        """An app that is gone explains every refusal; an address that is missing, or of another platform, only what that brings."""
        return ADDRESSES if cause in ADDRESSES else self.explains


class Application(Undoable):
    """One single-tenant app per mailbox, found again by its ``uniqueName`` (facts/microsoft.md 1.1)."""

    name = "application"
    article_row = "E1"
    group = "entra"
    carries_answers = True
    undo_note = True
    needs = ("addresses", "permissions", "tenant")
    reads = ("Application.Read.All",)
    writes = ("Application.ReadWrite.All",)
    diagnosis = AppDiagnosis(
        explains=ADDRESSES
        | causes(
            "app_not_found",
            "permission_not_declared",
            "app_misconfigured",
            "permission_id_unknown",
            "client_secret_gone",
            "client_secret_wrong",
            "consent_missing",
            "user_not_assigned",
            "grant_invalid",
        ),
        # A wider audience, and what a consent makes up for (facts/microsoft.md 1.4).
        warnings=causes("permission_id_unknown", "permission_not_declared") | {""},
    )

    async def inspect(self, ctx: StepContext) -> Finding:
        """Look it up and compare byte for byte what Entra compares byte for byte."""
        app = await find_app(ctx)
        apps = await ctx.graph.applications() if app is None and (ctx.looking or ctx.run.kind is RunKind.CHECK) else []
        app = app or fallback_app(ctx, apps)
        found = self._judged(ctx, app, _ids(await unexposed(ctx, app)))
        if ctx.run.kind is RunKind.CHECK and (gone := await gone_client_id(ctx, app)):
            seen = Text("seen.app_replaced", {"client_id": found.facts["client_id"], "gone": gone})
            found = self.wrong(seen, cause="app_not_found", facts=found.facts)
        return replace(found, values=self._values(ctx, app), evidence=_offered(manually_created(ctx, apps) if app is None else None))

    def plan(self, ctx: StepContext, finding: Finding) -> tuple[Change, ...]:
        """One upsert by ``uniqueName``, or one change of the app that is there: both are safe to repeat."""
        before = finding.seen or Text("seen.none")
        path = f"/{finding.facts['object_id']}" if finding.facts else f"(uniqueName='{app_key(ctx)}')"
        line = self.change(before, Text("after.application"), Scope.APP, f"Graph PATCH /applications{path}")
        if unknown := finding.facts.get("unknown_ids"):
            return (replace(line, note=Text("note.permission_unknown", {"ids": unknown}), warning=True),)
        return (replace(line, note=Text("note.by_hand", {"client_id": finding.evidence[0].text})) if finding.evidence else line,)

    async def apply(self, ctx: StepContext, finding: Finding) -> None:
        """Create it or merge into it; everything that is there stays, but for permissions that this tenant does not know.

        It is looked for once more before anything is written: a stale "not there" must not have the lists of an app replaced.
        """
        app = await find_app(ctx) or (await present_app(ctx) if finding.facts else None)
        await (create(ctx) if app is None else update(ctx, app))

    async def inspect_undo(self, ctx: StepContext, past: RecordedChange) -> Finding:
        """Gone, where a run made it and nobody has put anything else into it; otherwise as it was before."""
        app = await app_of_run(ctx)
        if past.values_before["object_id"]:
            uris = json.dumps(merged(_uris(past.values_before), wanted_uris(ctx)))
            made = {"object_id": past.values_before["object_id"], "uris": uris, "audience": OURS, "declared": "yes"}
            return self.compare_with_recorded(
                past, self._values(ctx, app), "key:seen.none" if app is None else "key:seen.app_present", made
            )
        if app is None:
            return self.ok(Text("seen.undo_removed"))
        strange = foreign_content(ctx, app, _uris(past.values_after) or wanted_uris(ctx))
        return self.left_alone(Text("seen.undo_app_in_use", {"what": strange})) if strange else self.wrong(past.change.after)

    def undo_command(self, ctx: StepContext, past: RecordedChange) -> str:
        """By its object id: what is deleted is what was made."""
        path = f"/applications/{ctx.fact('object_id')}"
        return f"Graph PATCH {path}" if past.values_before["object_id"] else f"Graph DELETE {path}"

    async def undo(self, ctx: StepContext, past: RecordedChange) -> None:
        """Delete it, or write back its addresses, its audience and what it declared."""
        app = await app_of_run(ctx)
        if app is not None and past.values_before["object_id"]:
            declared = (
                app.get("requiredResourceAccess") if past.values_before["declared"] else without_permission(app, *smtp_send_permission(ctx))
            )
            platform = {**web(app), "redirectUris": _uris(past.values_before)}
            body = {"signInAudience": past.values_before["audience"] or OURS, "web": platform, "requiredResourceAccess": declared}
            await ctx.graph.update_application(
                str(app["id"]), body | moved_back(app, json.loads(past.values_before.get("elsewhere", "{}")))
            )
        elif app is not None:
            await ctx.graph.delete_application(str(app["id"]))

    def _judged(self, ctx: StepContext, app: Json | None, unknown: str) -> Finding:
        if app is None:
            return self.wrong(Text("seen.none"), cause="app_not_found")
        facts = {"client_id": promised(app, "appId"), "object_id": promised(app, "id"), "app_name": str(app.get("displayName") or "")}
        facts |= {"unique_name": str(app["uniqueName"])} if app.get("uniqueName") else {}
        facts |= {"unknown_ids": unknown} if unknown else {}
        if facts["client_id"] == ctx.run.answer(ADOPT) and not app.get("uniqueName") and not ctx.run.change_applied(self.name):
            return self.wrong(Text("seen.by_hand", {"name": facts["app_name"]}), facts=facts)
        return self._compared(ctx, app, unknown, facts)

    def _compared(self, ctx: StepContext, app: Json, unknown: str, facts: dict[str, str]) -> Finding:
        if found := self._addresses(ctx, app, facts):
            return found
        if str(app.get("signInAudience") or OURS).lower() != OURS.lower():
            return self.wrong(Text("seen.audience", {"audience": str(app.get("signInAudience"))}), facts=facts)
        if not declares(app, *smtp_send_permission(ctx)):
            return self.wrong(Text("seen.not_declared"), cause="permission_not_declared", facts=facts)
        if unknown:
            return self.wrong(Text("seen.permission_unknown", {"ids": unknown}), cause="permission_id_unknown", facts=facts)
        return self.ok(Text("seen.application", {"client_id": facts["client_id"]}), facts=facts)

    def _addresses(self, ctx: StepContext, app: Json, facts: dict[str, str]) -> Finding | None:
        """What is wrong with the redirect addresses, Webex Connect's first: missing under Web, or registered under another platform."""
        missing = [uri for uri in wanted_uris(ctx) if uri not in redirect_uris(app)]
        moved = next(iter(elsewhere(app, wanted_uris(ctx)).items()), None)
        if moved and (ctx.channel.callback_url in moved[1] or ctx.channel.callback_url not in missing):
            platform, uris = moved
            found = self.wrong(Text(SEEN[platform], {"uris": ", ".join(uris)}), cause=OTHERS[platform], facts=facts)
        elif missing:
            cause = "redirect_uri_mismatch" if redirect_uris(app) else "reply_address_missing"
            found = self.wrong(Text("seen.redirects_missing", {"missing": ", ".join(missing)}), cause=cause, facts=facts)
        else:
            return None
        ours_alone = ctx.run.kind is RunKind.CHECK and {*missing, *(moved[1] if moved else ())} == {ctx.settings.callback}
        return replace(found, state=State.WARNING) if ours_alone else found  # mail flows without the bot's own address

    def _values(self, ctx: StepContext, app: Json | None) -> dict[str, str]:
        there = elsewhere(app, wanted_uris(ctx))
        return {
            **({"elsewhere": json.dumps(there)} if there else {}),
            "object_id": str((app or {}).get("id", "")),
            "uris": json.dumps(redirect_uris(app)),
            "audience": str((app or {}).get("signInAudience", "")),
            "declared": "yes" if declares(app, *smtp_send_permission(ctx)) else "",
        }


def _ids(permissions: Iterable[tuple[str, str]]) -> str:
    return ", ".join(each for _, each in permissions)


def _offered(app: Json | None) -> tuple[Evidence, ...]:
    """An app made by hand is named, and used only if somebody says so."""
    return (Evidence(BY_HAND, promised(app, "appId")),) if app else ()


def _uris(values: dict[str, str]) -> list[str]:
    found: list[str] = json.loads(values.get("uris", "[]"))
    return found
