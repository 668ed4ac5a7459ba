"""Steps E1, E2, E4 and E5: the app registration, and what the article adds to it.

The mail flow uses neither the "Access tokens" box (platforms/microsoft.md 1.1) nor Exchange
``Mail.Send`` as an application permission (0.1). The admin consent is given on Microsoft's own
page, through a card's button; only grants that really exist count.
"""

import json
from dataclasses import replace
from itertools import filterfalse

from jobs.causes.cause import Cause
from jobs.channel import email_app
from jobs.channel.email_app import Json
from jobs.channel.mailbox import channels_with_app
from jobs.clock import now, paced
from jobs.clouds.errors import CloudError
from jobs.clouds.json_values import lower_of, text_of
from jobs.engine.inspector import SETTLES_FOR
from jobs.engine.step import Step, StepContext, Undoable
from jobs.microsoft import app_manifest as manifest
from jobs.microsoft.graph import APPLICATIONS, EXCHANGE_APP_ID, promised
from jobs.model import Change, Evidence, Finding, Reason, RunKind, State, Text, Turn
from jobs.runs.run import RecordedChange

BY_HAND = "by_hand"
SEEN = {"spa": "seen.redirects_spa", "publicClient": "seen.redirects_public"}


class Application(Undoable, row="application"):
    """Step E1: single-tenant app per mailbox, found by ``uniqueName`` (microsoft.md 1.1)."""

    async def inspect(self, ctx: StepContext) -> Finding:
        if ctx.by_hand and not email_app.known_ids(ctx):
            return self.skipped(Text("skipped.app_not_found"))
        app, evidence = await self._look_up(ctx)
        unknown = await email_app.unexposed(ctx, app)
        found = self._judged(ctx, app, ", ".join(each for _, each in unknown))
        gone = await email_app.gone_client_id(ctx, app) if ctx.checks else ""
        if gone:  # which Webex Connect has
            seen = {"client_id": found.facts["client_id"], "gone": gone}
            words, cause = Text("seen.app_replaced", seen), Cause.APP_NOT_FOUND
            found = self.wrong(words, cause=cause, facts=found.facts)
        # an app that a setup has made has the name of its mailbox, so it has only one channel
        if "client_id" in found.facts and "unique_name" not in found.facts:
            evidence += channels_with_app(ctx, found.facts["client_id"])
        return replace(found, values=self._values(ctx, app), evidence=evidence)

    async def _look_up(self, ctx: StepContext) -> tuple[Json | None, tuple[Evidence, ...]]:
        """Return the mailbox's app, or as evidence one made by hand, which needs an agreement."""
        if app := await email_app.find_app(ctx):
            return app, ()
        may_list = ctx.looking or (ctx.checks and not ctx.by_hand)
        apps = await ctx.graph.applications() if may_list else []
        if app := email_app.fallback_app(ctx, apps):
            return app, ()
        offered = email_app.manually_created(ctx, apps)
        return None, (Evidence(BY_HAND, promised(offered, "appId")),) if offered else ()

    def plan(self, ctx: StepContext, finding: Finding) -> tuple[Change, ...]:
        facts = finding.facts
        path = f"/{facts['object_id']}" if facts else f"(uniqueName='{email_app.app_key(ctx)}')"
        unknown = facts.get("unknown_ids", "")
        notes = [Text("note.permission_unknown", {"ids": unknown})] if unknown else []
        offered = (each.text for each in finding.evidence if each.kind == BY_HAND)
        notes += [Text("note.by_hand", {"client_id": each}) for each in offered]
        line = self.planned(finding, f"Graph PATCH /applications{path}")
        return (replace(line, note=next(iter(notes), None), warning=bool(unknown)),)

    async def apply(self, ctx: StepContext, finding: Finding) -> None:
        """Create the app or merge into it.

        It is looked up again before the write: a stale "not found" must not replace its lists.
        """
        app = await email_app.find_app(ctx)
        if app is None and finding.facts:
            app = await email_app.present_app(ctx)
        await (email_app.create(ctx) if app is None else email_app.update(ctx, app))

    async def inspect_undo(self, ctx: StepContext, past: RecordedChange) -> Finding:
        """Check that a created app without other content is gone, or else as it was."""
        app, object_id = await email_app.app_of_run(ctx), past.values_before["object_id"]
        if object_id:
            uris = manifest.merged(_uris(past.values_before), email_app.wanted_uris(ctx))
            made = {"object_id": object_id, "uris": json.dumps(uris), "declared": "yes"}
            made["audience"] = email_app.OURS
            seen = "key:seen.none" if app is None else "key:seen.app_present"
            return self.compare_with_recorded(past, self._values(ctx, app), seen, made)
        ours = _uris(past.values_after) or email_app.wanted_uris(ctx)
        if strange := email_app.foreign_content(ctx, app, ours) if app else "":
            return self.left_alone(Text("seen.undo_app_in_use", {"what": strange}))
        return self.removed(past, app)

    def undo_command(self, ctx: StepContext, past: RecordedChange) -> str:
        """Return the Graph command with the object id, so that only the created app is deleted."""
        path = f"/applications/{ctx.fact('object_id')}"
        return f"Graph PATCH {path}" if past.values_before["object_id"] else f"Graph DELETE {path}"

    async def undo(self, ctx: StepContext, past: RecordedChange) -> None:
        app, was = await email_app.app_of_run(ctx), past.values_before
        if app is None:
            return
        if not was["object_id"]:
            await ctx.graph.delete(APPLICATIONS, str(app["id"]))
            return
        kept = app.get("requiredResourceAccess")
        if not was["declared"]:
            kept = manifest.without_permission(app, *email_app.smtp_send_permission(ctx))
        before = {
            "signInAudience": was["audience"] or email_app.OURS,
            "web": {**manifest.web(app), "redirectUris": _uris(was)},
            "requiredResourceAccess": kept,
            **manifest.moved_back(app, json.loads(was.get("elsewhere", "{}"))),
        }
        await ctx.graph.update(APPLICATIONS, str(app["id"]), before)

    def _judged(self, ctx: StepContext, app: Json | None, unknown: str) -> Finding:
        if app is None:
            return self.wrong(Reason.ABSENT, cause=Cause.APP_NOT_FOUND)
        facts = _facts(app, unknown)
        chosen = ctx.run.answer(email_app.ADOPT) == facts["client_id"]
        if chosen and "unique_name" not in facts and not ctx.run.change_applied(self.name):
            found = self.wrong(Text("seen.by_hand", {"name": facts["app_name"]}))
        else:
            wrong = self._addresses(ctx, app) or self._access(ctx, app, unknown)
            found = wrong or self.ok(Text("seen.application", {"client_id": facts["client_id"]}))
        return replace(found, facts=facts)

    def _access(self, ctx: StepContext, app: Json, unknown: str) -> Finding | None:
        """Return a finding if the audience or the declared permissions are wrong, or None.

        An app that was made by hand may lack ``SMTP.Send``, which the article does not declare: its
        user agrees to it at Generate Token.
        """
        audience, stays = text_of(app, "signInAudience"), ctx.run.kind is RunKind.FIX
        if audience.lower() not in {"", email_app.OURS.lower()} and not (ctx.by_hand and stays):
            return self.wrong(Text("seen.audience", {"audience": audience}))
        if not ctx.by_hand and not self._declares(ctx, app):
            return self.wrong(Text("seen.not_declared"), cause=Cause.PERMISSION_NOT_DECLARED)
        if unknown:
            seen = Text("seen.permission_unknown", {"ids": unknown})
            return self.wrong(seen, cause=Cause.PERMISSION_ID_UNKNOWN)
        return None

    def _addresses(self, ctx: StepContext, app: Json) -> Finding | None:
        """Return the finding for wrong redirect URIs, Webex Connect's first, or None.

        A URI is missing under Web, or is under another platform. A missing Call Back URL comes
        first, unless it is the one that moved. Mail flows without the bot's own: a check warns.
        """
        uris, callback = manifest.redirect_uris(app), ctx.channel.callback_url
        wanted = email_app.wanted_uris(ctx)
        if ctx.by_hand and not callback:
            if not uris:
                return self.wrong(Text("seen.no_redirects"), cause=Cause.REPLY_ADDRESS_MISSING)
            seen = Text("seen.redirects_elsewhere", {"uris": ", ".join(uris)})
            return self.wrong(seen, cause=Cause.REDIRECT_URI_MISMATCH)
        missing = list(filterfalse(uris.__contains__, wanted))
        platform, moved = next(iter(manifest.elsewhere(app, wanted).items()), ("", []))
        if moved and (callback in moved or callback not in missing):
            seen = Text(SEEN[platform], {"uris": ", ".join(moved)})
            cause = manifest.OTHERS[platform]
        elif missing:
            seen = Text("seen.redirects_missing", {"missing": ", ".join(missing)})
            cause = Cause.REDIRECT_URI_MISMATCH if uris else Cause.REPLY_ADDRESS_MISSING
        else:
            return None
        found = self.wrong(seen, cause=cause)
        ours_alone = {*missing, *moved} == {ctx.settings.callback}
        return replace(found, state=State.WARNING) if ctx.checks and ours_alone else found

    def _values(self, ctx: StepContext, app: Json | None) -> dict[str, str]:
        there = manifest.elsewhere(app, email_app.wanted_uris(ctx))
        return {
            **({"elsewhere": json.dumps(there)} if there else {}),
            "object_id": text_of(app, "id"),
            "uris": json.dumps(manifest.redirect_uris(app)),
            "audience": text_of(app, "signInAudience"),
            "declared": "yes" if self._declares(ctx, app) else "",
        }

    def _declares(self, ctx: StepContext, app: Json | None) -> bool:
        return manifest.declares(app, *email_app.smtp_send_permission(ctx))


def _facts(app: Json, unknown: str) -> dict[str, str]:
    facts = {
        "client_id": promised(app, "appId"),
        "object_id": promised(app, "id"),
        "app_name": text_of(app, "displayName"),
        "unique_name": text_of(app, "uniqueName"),
        "unknown_ids": unknown,
        email_app.OWN_SECRET: "yes" if email_app.has_own_secret(app) else "",
        email_app.DEACTIVATED: "yes" if app.get("isDisabled") else "",
    }
    return {name: value for name, value in facts.items() if value or name == "app_name"}


def _uris(values: dict[str, str]) -> list[str]:
    found: list[str] = json.loads(values.get("uris", "[]"))
    return found


class ImplicitGrant(Undoable, row="implicit_grant"):
    """Step E2: ``enableAccessTokenIssuance`` is on in the app."""

    async def inspect(self, ctx: StepContext) -> Finding:
        """Look at "Access tokens", which nobody asked for on a channel made by hand."""
        app = await email_app.find_app(ctx)
        on = manifest.issues_access_tokens(app)
        seen = Text("seen.implicit_on" if on else "seen.implicit_off")
        found = self.ok(seen) if on or ctx.by_hand else self.wrong(seen)
        return replace(found, values=_values(app))

    async def apply(self, ctx: StepContext, finding: Finding) -> None:
        """Write ``web`` as a whole, with the wanted URIs, which a stale read must not drop."""
        app = await email_app.present_app(ctx)
        uris = manifest.merged(manifest.redirect_uris(app), email_app.wanted_uris(ctx))
        await _write(ctx, {**manifest.web(app), "redirectUris": uris}, on=True)

    async def inspect_undo(self, ctx: StepContext, past: RecordedChange) -> Finding:
        app = await email_app.app_of_run(ctx)
        seen = "key:seen.on" if manifest.issues_access_tokens(app) else "key:seen.off"
        return self.compare_with_recorded(past, _values(app), seen, {"access_tokens": "on"})

    async def undo(self, ctx: StepContext, past: RecordedChange) -> None:
        if app := await email_app.app_of_run(ctx):
            await _write(ctx, manifest.web(app), on=False)


async def _write(ctx: StepContext, platform: Json, *, on: bool) -> None:
    boxes = {"enableIdTokenIssuance": False, **(platform.get("implicitGrantSettings") or {})}
    web = {**platform, "implicitGrantSettings": {**boxes, "enableAccessTokenIssuance": on}}
    await ctx.graph.update(APPLICATIONS, ctx.fact("object_id"), {"web": web})


def _values(app: Json | None) -> dict[str, str]:
    """Return the value for the record: a deleted app issues no tokens."""
    return {"access_tokens": "on" if manifest.issues_access_tokens(app) else "off"}


class MailSend(Undoable, row="mail_send"):
    """Step E4: the app declares ``Mail.Send`` (Role) for E5."""

    async def inspect(self, ctx: StepContext) -> Finding:
        if not ctx.fact("mail_send"):
            return self.skipped(Text("skipped.mail_send_not_exposed"))
        values = self._values(ctx, await email_app.find_app(ctx))
        if not values["declared"]:
            return self.wrong(Reason.ABSENT, values=values)
        return self.ok(Text("seen.mail_send"), values=values)

    async def apply(self, ctx: StepContext, finding: Finding) -> None:
        """Write the whole list, with ``SMTP.Send``, which a stale read must not drop."""
        app = await email_app.present_app(ctx)
        send = email_app.smtp_send_permission(ctx)
        for each in ((*send, "Scope"), (*self._permission(ctx), "Role")):
            app = {"requiredResourceAccess": manifest.with_permission(app, *each)}
        await ctx.graph.update(APPLICATIONS, ctx.fact("object_id"), app)

    async def inspect_undo(self, ctx: StepContext, past: RecordedChange) -> Finding:
        values = self._values(ctx, await email_app.app_of_run(ctx))
        seen = "key:seen.mail_send" if values["declared"] else "key:seen.none"
        return self.compare_with_recorded(past, values, seen, {"declared": "yes"})

    async def undo(self, ctx: StepContext, past: RecordedChange) -> None:
        if app := await email_app.app_of_run(ctx):
            access = manifest.without_permission(app, *self._permission(ctx))
            await ctx.graph.update(APPLICATIONS, str(app["id"]), {"requiredResourceAccess": access})

    def _values(self, ctx: StepContext, app: Json | None) -> dict[str, str]:
        return {"declared": "yes" if manifest.declares(app, *self._permission(ctx)) else ""}

    def _permission(self, ctx: StepContext) -> tuple[str, str]:
        return EXCHANGE_APP_ID, ctx.fact("mail_send")


PAUSES_S = (10.0, 20, 30, 60, 120, 300)


class AdminConsent(Step, row="admin_consent"):
    """Step E5: ``Mail.Send`` is granted, in the article profile only (microsoft.md 1.6)."""

    async def inspect(self, ctx: StepContext) -> Finding:
        """Read the assignments: the redirect is never trusted, and a check never waits."""
        if not ctx.fact("mail_send"):
            return self.skipped(Text("skipped.mail_send_not_exposed"))
        try:
            roles = await email_app.role_assignments(ctx)
        except CloudError:
            run, questions = ctx.run, ("consent", "look_again")
            asked = any(run.answered_since(self.name, each) for each in questions)
            if asked or run.answer("consent") or run.state_of(self.name) is not State.WAITING:
                raise  # a person wants this look
            roles = []  # only this look failed, and the request to the administrator stays
        if ctx.fact("mail_send").lower() in {lower_of(each, "appRoleId") for each in roles}:
            return self.ok(Text("seen.consent"))
        if ctx.checks:
            return self.wrong(Text("seen.no_consent"))
        answered = ctx.answered_at("consent")
        since = now() - answered if answered else SETTLES_FOR
        if since < SETTLES_FOR:
            again = max(since.total_seconds(), paced(1.0))
            return self.waits_for(Turn.TIME, Text("seen.consent_settles"), again_s=again)
        again = ctx.pause(self.name, PAUSES_S)  # it may be given in Entra, without the button
        return self.waits_for(Turn.ADMINISTRATOR, Text("seen.no_consent"), again_s=again)
