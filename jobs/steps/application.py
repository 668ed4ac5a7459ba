"""Step E1: the app registration, with both redirect URIs and ``SMTP.Send`` declared."""

from __future__ import annotations

import json
from collections.abc import Collection
from dataclasses import replace
from typing import Any

from jobs.causes.cause import Cause
from jobs.channel.email_app import (
    ADOPT,
    OURS,
    OWN_SECRET,
    app_key,
    app_of_run,
    create,
    fallback_app,
    find_app,
    foreign_content,
    gone_client_id,
    has_own_secret,
    known_ids,
    manually_created,
    present_app,
    smtp_send_permission,
    unexposed,
    update,
    wanted_uris,
)
from jobs.channel.hand_made import is_by_hand
from jobs.channel.in_use import channels_with_app
from jobs.clouds.json_values import text_of
from jobs.engine.context import StepContext
from jobs.engine.diagnosis import Diagnosis
from jobs.engine.undoable import Undoable
from jobs.microsoft.app_manifest import (
    OTHERS,
    declares,
    elsewhere,
    merged,
    moved_back,
    redirect_uris,
    web,
    without_permission,
)
from jobs.microsoft.graph_requests import promised
from jobs.model import Change, Evidence, Finding, Reason, RunKind, Scope, State, Text
from jobs.runs.run import RecordedChange

BY_HAND = "by_hand"
ADDRESSES = frozenset({Cause.REDIRECT_URI_MISMATCH, Cause.REPLY_ADDRESS_MISSING, *OTHERS.values()})
DEACTIVATED = frozenset({Cause.APP_DEACTIVATED, Cause.APP_DISABLED})
SEEN = {"spa": "seen.redirects_spa", "publicClient": "seen.redirects_public"}
Json = dict[str, Any]


class AppDiagnosis(Diagnosis):
    def causes_elsewhere(self, cause: str) -> frozenset[Cause]:
        """Return the causes in other steps that ``cause`` explains.

        A missing app explains every refusal. A redirect URI that is missing or on another platform
        explains only its own errors. So does a deactivated app, whose state the enterprise
        application mirrors (platforms/microsoft.md 1.1).
        """
        if cause in DEACTIVATED:
            return DEACTIVATED
        return ADDRESSES if cause in ADDRESSES else self.explains


class Application(Undoable):
    """Step E1: single-tenant app per mailbox, found by ``uniqueName`` (microsoft.md 1.1)."""

    name = "application"
    article_row = "E1"
    group = "entra"
    carries_answers = True
    undo_note = True
    deleted_cause = Cause.APP_DELETED_MEANWHILE
    needs = ("addresses", "permissions", "tenant")
    reads = ("Application.Read.All",)
    writes = ("Application.ReadWrite.All",)
    diagnosis = AppDiagnosis(
        explains=ADDRESSES
        | frozenset(
            {
                Cause.APP_NOT_FOUND,
                Cause.PERMISSION_NOT_DECLARED,
                Cause.APP_MISCONFIGURED,
                Cause.PERMISSION_ID_UNKNOWN,
                Cause.CLIENT_SECRET_GONE,
                Cause.CLIENT_SECRET_WRONG,
                Cause.CONSENT_MISSING,
                Cause.USER_NOT_ASSIGNED,
                Cause.GRANT_INVALID,
            }
        ),
        # A wider audience, and what a consent makes up for (platforms/microsoft.md 1.4).
        warnings=frozenset({Cause.PERMISSION_ID_UNKNOWN, Cause.PERMISSION_NOT_DECLARED}) | {""},
    )

    async def inspect(self, ctx: StepContext) -> Finding:
        if is_by_hand(ctx) and not known_ids(ctx):
            return self.skipped(Text("skipped.app_not_found"))
        app, offered = await _look_up(ctx)
        permissions = await unexposed(ctx, app)
        found = self._judged(ctx, app, ", ".join(each for _, each in permissions))
        found = await self._unless_replaced(ctx, app, found)
        # an app that a setup has made has the name of its mailbox, so it has only one channel
        client_id = "" if "unique_name" in found.facts else found.facts.get("client_id", "")
        return replace(
            found,
            values=self._values(ctx, app),
            evidence=(*offered, *(channels_with_app(ctx, client_id) if client_id else ())),
        )

    async def _unless_replaced(self, ctx: StepContext, app: Json | None, found: Finding) -> Finding:
        """Return the finding; another in a check if Webex Connect has a deleted app's client ID."""
        gone = await gone_client_id(ctx, app) if ctx.run.kind is RunKind.CHECK else ""
        if not gone:
            return found
        seen = Text("seen.app_replaced", {"client_id": found.facts["client_id"], "gone": gone})
        return self.wrong(seen, cause=Cause.APP_NOT_FOUND, facts=found.facts)

    def plan(self, ctx: StepContext, finding: Finding) -> tuple[Change, ...]:
        """Plan one idempotent upsert or update; a person activates a deactivated app first."""
        if finding.cause in DEACTIVATED:
            return ()
        before = finding.seen or Text("seen.none")
        path = (
            f"/{finding.facts['object_id']}" if finding.facts else f"(uniqueName='{app_key(ctx)}')"
        )
        line = self.change(
            before, Text("after.application"), Scope.APP, f"Graph PATCH /applications{path}"
        )
        return (_noted(line, finding),)

    async def apply(self, ctx: StepContext, finding: Finding) -> None:
        """Create the app or merge into it. Only permissions unknown to this tenant are removed.

        The app is looked up again before the write, because a stale "not found" must not replace
        the lists of an existing app.
        """
        app = await find_app(ctx) or (await present_app(ctx) if finding.facts else None)
        await (create(ctx) if app is None else update(ctx, app))

    async def inspect_undo(self, ctx: StepContext, past: RecordedChange) -> Finding:
        """Check that a created app without other content is gone, or else as it was."""
        judge = self._restored if past.values_before["object_id"] else self._removed
        return judge(ctx, past, await app_of_run(ctx))

    def _restored(self, ctx: StepContext, past: RecordedChange, app: Json | None) -> Finding:
        """Judge an app that was there before the runs changed it."""
        uris = json.dumps(merged(_uris(past.values_before), wanted_uris(ctx)))
        made = {
            "object_id": past.values_before["object_id"],
            "uris": uris,
            "audience": OURS,
            "declared": "yes",
        }
        seen = "key:seen.none" if app is None else "key:seen.app_present"
        return self.compare_with_recorded(past, self._values(ctx, app), seen, made)

    def _removed(self, ctx: StepContext, past: RecordedChange, app: Json | None) -> Finding:
        """Judge an app that a run made: the undo removes the app, unless somebody else uses it."""
        if app is None:
            return self.ok(Text("seen.undo_removed"))
        strange = foreign_content(ctx, app, _uris(past.values_after) or wanted_uris(ctx))
        return (
            self.left_alone(Text("seen.undo_app_in_use", {"what": strange}))
            if strange
            else self.wrong(past.change.after)
        )

    def undo_command(self, ctx: StepContext, past: RecordedChange) -> str:
        """Return the Graph command with the object id, so that only the created app is deleted."""
        path = f"/applications/{ctx.fact('object_id')}"
        return f"Graph PATCH {path}" if past.values_before["object_id"] else f"Graph DELETE {path}"

    async def undo(self, ctx: StepContext, past: RecordedChange) -> None:
        """Delete the app, or restore its redirect URIs, audience and declared permissions."""
        app = await app_of_run(ctx)
        if app is None:
            return
        if past.values_before["object_id"]:
            await ctx.graph.update_application(
                str(app["id"]), _before(ctx, app, past.values_before)
            )
        else:
            await ctx.graph.delete_application(str(app["id"]))

    def _judged(self, ctx: StepContext, app: Json | None, unknown: str) -> Finding:
        if app is None:
            return self.wrong(Reason.ABSENT, cause=Cause.APP_NOT_FOUND)
        facts = _facts(app, unknown)
        if app.get("isDisabled"):
            return self.wrong(
                Text("seen.app_deactivated"), cause=Cause.APP_DEACTIVATED, facts=facts
            )
        if self._is_to_be_adopted(ctx, facts):
            return self.wrong(Text("seen.by_hand", {"name": facts["app_name"]}), facts=facts)
        wrong = (
            self._addresses(ctx, app, facts)
            or self._audience(ctx, app, facts)
            or self._permissions(ctx, app, unknown, facts)
        )
        return wrong or self.ok(
            Text("seen.application", {"client_id": facts["client_id"]}), facts=facts
        )

    def _is_to_be_adopted(self, ctx: StepContext, facts: dict[str, str]) -> bool:
        """Return whether a person chose this app, made by hand, and this run has not changed it."""
        chosen = facts["client_id"] == ctx.run.answer(ADOPT)
        return chosen and "unique_name" not in facts and not ctx.run.change_applied(self.name)

    def _audience(self, ctx: StepContext, app: Json, facts: dict[str, str]) -> Finding | None:
        """Return a finding if accounts of other tenants may sign in too, or None.

        A fix leaves the audience of an app that was made by hand, which nobody asked it to narrow.
        """
        audience = text_of(app, "signInAudience")
        if audience.lower() in {"", OURS.lower()} or (
            is_by_hand(ctx) and ctx.run.kind is RunKind.FIX
        ):
            return None
        return self.wrong(Text("seen.audience", {"audience": audience}), facts=facts)

    def _permissions(
        self, ctx: StepContext, app: Json, unknown: str, facts: dict[str, str]
    ) -> Finding | None:
        """Return a finding if the declared permissions are wrong, or None.

        They are wrong if ``SMTP.Send`` is missing, or if the tenant does not know one of them. The
        article declares only Mail.Send, so an app that was made by hand may lack ``SMTP.Send``: the
        user of the app agrees to this permission at Generate Token.
        """
        if not is_by_hand(ctx) and not declares(app, *smtp_send_permission(ctx)):
            return self.wrong(
                Text("seen.not_declared"), cause=Cause.PERMISSION_NOT_DECLARED, facts=facts
            )
        if unknown:
            return self.wrong(
                Text("seen.permission_unknown", {"ids": unknown}),
                cause=Cause.PERMISSION_ID_UNKNOWN,
                facts=facts,
            )
        return None

    def _addresses(self, ctx: StepContext, app: Json, facts: dict[str, str]) -> Finding | None:
        """Return the finding for wrong redirect URIs, Webex Connect's first, or None.

        A URI is missing under Web, or is registered under another platform.
        """
        if is_by_hand(ctx) and not ctx.channel.callback_url:
            return self._without_callback(app, facts)
        missing = [uri for uri in wanted_uris(ctx) if uri not in redirect_uris(app)]
        platform, moved = next(iter(elsewhere(app, wanted_uris(ctx)).items()), ("", []))
        if _moved_counts_first(ctx.channel.callback_url, moved, missing):
            seen, cause = Text(SEEN[platform], {"uris": ", ".join(moved)}), OTHERS[platform]
        elif missing:
            seen = Text("seen.redirects_missing", {"missing": ", ".join(missing)})
            cause = _cause_without(app)
        else:
            return None
        found = self.wrong(seen, cause=cause, facts=facts)
        if _are_ours_alone(ctx, {*missing, *moved}):
            return replace(found, state=State.WARNING)
        return found

    def _without_callback(self, app: Json, facts: dict[str, str]) -> Finding:
        """Return the finding for an app made by hand that does not redirect to Webex Connect."""
        uris = redirect_uris(app)
        seen = Text("seen.redirects_elsewhere", {"uris": ", ".join(uris)})
        return self.wrong(
            seen if uris else Text("seen.no_redirects"), cause=_cause_without(app), facts=facts
        )

    def _values(self, ctx: StepContext, app: Json | None) -> dict[str, str]:
        there = elsewhere(app, wanted_uris(ctx))
        return {
            **({"elsewhere": json.dumps(there)} if there else {}),
            "object_id": text_of(app, "id"),
            "uris": json.dumps(redirect_uris(app)),
            "audience": text_of(app, "signInAudience"),
            "declared": "yes" if declares(app, *smtp_send_permission(ctx)) else "",
        }


async def _look_up(ctx: StepContext) -> tuple[Json | None, tuple[Evidence, ...]]:
    """Return the mailbox's app; without one, a manually created app is offered as evidence."""
    app = await find_app(ctx)
    if app is not None:
        return app, ()
    may_list = ctx.looking or (ctx.run.kind is RunKind.CHECK and not is_by_hand(ctx))
    apps = await ctx.graph.applications() if may_list else []
    app = fallback_app(ctx, apps)
    return app, () if app else _offered(manually_created(ctx, apps))


def _noted(line: Change, finding: Finding) -> Change:
    """Return the plan's line, with a note on removed permissions or on a manually created app."""
    if unknown := finding.facts.get("unknown_ids"):
        return replace(line, note=Text("note.permission_unknown", {"ids": unknown}), warning=True)
    by_hand = [each.text for each in finding.evidence if each.kind == BY_HAND]
    return replace(line, note=Text("note.by_hand", {"client_id": by_hand[0]})) if by_hand else line


def _before(ctx: StepContext, app: Json, was: dict[str, str]) -> Json:
    """Return the earlier values, merged into the present ones."""
    kept = (
        app.get("requiredResourceAccess")
        if was["declared"]
        else without_permission(app, *smtp_send_permission(ctx))
    )
    platform = {**web(app), "redirectUris": _uris(was)}
    body = {
        "signInAudience": was["audience"] or OURS,
        "web": platform,
        "requiredResourceAccess": kept,
    }
    return body | moved_back(app, json.loads(was.get("elsewhere", "{}")))


def _facts(app: Json, unknown: str) -> dict[str, str]:
    """Return the app's facts for later steps, with the permissions unknown to the tenant."""
    optional = {
        "unique_name": text_of(app, "uniqueName"),
        "unknown_ids": unknown,
        OWN_SECRET: "yes" if has_own_secret(app) else "",
    }
    facts = {
        "client_id": promised(app, "appId"),
        "object_id": promised(app, "id"),
        "app_name": text_of(app, "displayName"),
    }
    return facts | {name: value for name, value in optional.items() if value}


def _cause_without(app: Json) -> Cause:
    return Cause.REDIRECT_URI_MISMATCH if redirect_uris(app) else Cause.REPLY_ADDRESS_MISSING


def _moved_counts_first(
    callback_url: str, moved: Collection[str], missing: Collection[str]
) -> bool:
    """Return whether a URI on the wrong platform is reported before the missing URIs.

    The missing URIs come first if the Call Back URL is missing and is not the URI that moved.
    """
    return bool(moved) and (callback_url in moved or callback_url not in missing)


def _are_ours_alone(ctx: StepContext, uris: set[str]) -> bool:
    """Return whether only the bot's own redirect URI is wrong in a check: mail flows without it."""
    return ctx.run.kind is RunKind.CHECK and uris == {ctx.settings.callback}


def _offered(app: Json | None) -> tuple[Evidence, ...]:
    """Return a manually created app as evidence, which is used if a person agrees."""
    return (Evidence(BY_HAND, promised(app, "appId")),) if app else ()


def _uris(values: dict[str, str]) -> list[str]:
    found: list[str] = json.loads(values.get("uris", "[]"))
    return found
