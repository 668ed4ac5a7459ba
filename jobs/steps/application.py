"""Steps E1, E2, E4 and E5: the app registration, and what the article adds to it.

The mail flow uses neither the "Access tokens" box (platforms/microsoft.md 1.1) nor Exchange
``Mail.Send`` as an application permission (0.1). The admin consent is given on Microsoft's own
page, through a card's button; only grants that really exist count.

The other steps find the mailbox's app with the functions before the steps.
"""

import asyncio
import json
from collections.abc import Collection, Iterable
from contextlib import suppress
from dataclasses import replace

from jobs.causes.cause import Cause
from jobs.channel.mailbox import channels_with_app, unless_shared
from jobs.clock import now, paced
from jobs.clouds.errors import AlreadyExists, CloudError, Rejected
from jobs.clouds.json_values import Json, dicts_in, lower_of, text_of
from jobs.engine.findings import SETTLES_FOR
from jobs.engine.step import Step, StepContext, Undoable
from jobs.microsoft import app_manifest as manifest, graph
from jobs.microsoft.graph import APPLICATIONS, EXCHANGE_APP_ID, GRAPH_APP_ID, promised
from jobs.model import Change, Evidence, Finding, Reason, RunKind, State, Text, Turn
from jobs.runs.run import RecordedChange

ADOPT = "adopt"
"""Name of the question that is answered with the client ID of a manually created app."""


SECRETS = ("Webex Connect ", "Webex email bot, ")
"""Prefixes of the names of client secrets that this bot creates: Webex Connect's, and its own."""
OWN_SECRET = "own_secret"  # noqa: S105  the name of a fact
"""Fact: the app has a client secret of the bot's own, even if the vault has lost its value."""
DEACTIVATED = "deactivated"
"""Fact: the app registration is deactivated. Microsoft mirrors it to the enterprise application."""


async def find_app(ctx: StepContext) -> Json | None:
    """Return the mailbox's app, or None.

    An app that this run created may have the fallback name. A manually created one, or one that the
    directory does not know by name, is found by its client ID.
    """
    app = None
    if not ctx.by_hand:
        app = await ctx.graph.application_by_unique_name(app_key(ctx))
        if app is None and "application" in ctx.run.changed:
            app = await ctx.graph.application_by_unique_name(fallback_name(ctx))
    for client_id in known_ids(ctx):
        app = app or await ctx.graph.application_by_app_id(client_id)
    return app


def known_ids(ctx: StepContext) -> tuple[str, ...]:
    return tuple(filter(None, (ctx.run.answer(ADOPT), ctx.run.brief.client_id)))


async def gone_client_id(ctx: StepContext, app: Json | None) -> str:
    """Return the client ID given to Webex Connect if its app was replaced, else ''.

    Only a check and a fix ask. With a new secret Webex Connect gets the new client ID.
    """
    given = ctx.run.brief.client_id
    current = app is None or given.lower() in {"", lower_of(app, "appId")}
    if current or "client_secret" in ctx.run.changed:
        return ""
    return given if await ctx.graph.application_by_app_id(given) is None else ""


async def present_app(ctx: StepContext) -> Json:
    """Return the mailbox's app; NotFound if this replica of the directory does not know it yet."""
    by_id = await find_app(ctx) if known_ids(ctx) else None
    return by_id or await ctx.graph.application(app_key(ctx))


async def app_of_run(ctx: StepContext) -> Json | None:
    """Return the app that the runs worked on, even if another one has its name now, or None."""
    object_id = ctx.fact("object_id")
    return await ctx.graph.application_by_id(object_id) if object_id else await find_app(ctx)


def app_key(ctx: StepContext) -> str:
    return ctx.fact("unique_name") or manifest.unique_name(ctx.channel.mailbox)


def fallback_name(ctx: StepContext) -> str:
    """Return the name to use while a deleted app reserves the first (microsoft.md 1.1)."""
    return f"{manifest.unique_name(ctx.channel.mailbox)}-{ctx.run.id.lower()}"


def wanted_uris(ctx: StepContext) -> tuple[str, ...]:
    """Return the app's redirect URIs; a consent button and the rehearsal need the bot's own."""
    fix = ctx.run.brief.fix
    own = not ctx.by_hand or (fix is not None and fix.consent_missing)
    return tuple(filter(None, (ctx.channel.callback_url, ctx.settings.callback if own else "")))


def smtp_send_permission(ctx: StepContext) -> tuple[str, str]:
    """Return ``SMTP.Send`` as (resource, id), whose mismatch breaks every consent (AADSTS65006)."""
    if ctx.fact("exchange_smtp_send"):
        return EXCHANGE_APP_ID, ctx.fact("exchange_smtp_send")
    return GRAPH_APP_ID, ctx.fact("graph_smtp_send")


async def unexposed(ctx: StepContext, app: Json | None) -> tuple[tuple[str, str], ...]:
    """Return the app's permissions (resource, id) that Exchange or Graph does not know."""
    named = {resource for resource, _ in _foreign_permissions(ctx, app)}
    principals: dict[str, Json] = {}
    for resource in sorted(named & {EXCHANGE_APP_ID, GRAPH_APP_ID}):
        if found := await ctx.graph.service_principal(resource):
            principals[resource] = found
    return manifest.unknown_to(app, principals)


def _foreign_permissions(ctx: StepContext, app: Json | None) -> list[tuple[str, str]]:
    facts = ("exchange_smtp_send", "graph_smtp_send", "mail_send")
    ours = {ctx.fact(name).lower() for name in facts}
    declared = ((resource, permission) for resource, permission, _ in manifest.declared(app))
    return [each for each in declared if each[1] not in ours]


def foreign_content(ctx: StepContext, app: Json, uris: Collection[str]) -> str:
    """Return what others added to the bot's app besides the URIs ``uris``, or an empty string."""
    unnamed = {
        "key:seen.app_permission": _foreign_permissions(ctx, app),
        "key:seen.app_certificate": app.get("keyCredentials"),
    }
    strange = [
        *(uri for uri in manifest.redirect_uris(app) if uri not in uris),
        *(text_of(each, "displayName") or "key:seen.app_secret" for each in foreign_secrets(app)),
        *filter(unnamed.get, unnamed),
    ]
    return next(iter(strange), "")


def secrets_of(app: Json | None) -> list[Json]:
    return list((app or {}).get("passwordCredentials") or ())


def foreign_secrets(app: Json | None) -> list[Json]:
    named = ((text_of(secret, "displayName"), secret) for secret in secrets_of(app))
    return [secret for name, secret in named if not name.startswith(SECRETS)]


OURS = "AzureADMyOrg"
"""Audience of the registered app: only accounts of the channel's tenant can sign in."""


TAKEN_S = (0.0, 1, 2, 4)


async def create_app(ctx: StepContext) -> None:
    """Create the app with one upsert by ``uniqueName``, which is safe to repeat.

    If the name is taken, update an app that has just appeared, or avoid a deleted one's name
    (microsoft.md 1.1).
    """
    with suppress(AlreadyExists):
        await ctx.graph.upsert_application(app_key(ctx), _new(ctx))
        return
    for pause in TAKEN_S:
        await asyncio.sleep(paced(pause))
        if app := await ctx.graph.application_by_unique_name(app_key(ctx)):
            await update_app(ctx, app)
            return
    await ctx.graph.upsert_application(fallback_name(ctx), _new(ctx))


async def update_app(ctx: StepContext, app: Json) -> None:
    """Update the app by its object ID, which cannot create a second app.

    A manually created app gets the unique name by which every later run finds it. If Entra does not
    store that name, the app is still found by its client ID (:func:`known_ids`).
    """
    object_id, body = promised(app, "id"), _body(ctx, app, await unexposed(ctx, app))
    if app.get("appId") in known_ids(ctx) and not app.get("uniqueName"):
        named = {**body, "uniqueName": app_key(ctx)}
        with suppress(AlreadyExists, Rejected):
            await ctx.graph.update(APPLICATIONS, object_id, named)
            return
    await ctx.graph.update(APPLICATIONS, object_id, body)


def _new(ctx: StepContext) -> Json:
    name = f"Webex Connect email ({ctx.channel.mailbox})"
    lock = {"isEnabled": True, "allProperties": True}
    return {**_body(ctx, {}), "displayName": name, "servicePrincipalLockConfiguration": lock}


def _body(ctx: StepContext, app: Json, unknown: Iterable[tuple[str, str]] = ()) -> Json:
    """Return the required content merged into the present one: a PATCH replaces whole lists."""
    for each in unknown:
        app = {**app, "requiredResourceAccess": manifest.without_permission(app, *each)}
    return {
        "signInAudience": OURS,
        "web": {
            **manifest.web(app),
            "redirectUris": manifest.merged(manifest.redirect_uris(app), wanted_uris(ctx)),
        },
        "requiredResourceAccess": manifest.with_permission(
            app, *smtp_send_permission(ctx), "Scope"
        ),
        **manifest.moved_away(app, wanted_uris(ctx)),
    }


async def grants_of_app(ctx: StepContext) -> list[Json]:
    """Return the app's delegated permissions, from those of the tenant if many are checked."""
    own = ctx.fact("sp_id")
    if ctx.many:
        with suppress(Rejected):
            if (found := await ctx.graph.all_grants()) is not None:
                return [grant for grant in found if lower_of(grant, "clientId") == own.lower()]
    return await ctx.graph.grants(own)


async def role_assignments(ctx: StepContext) -> list[Json]:
    """Return the application permissions of the app.

    When many channels are checked, they come with the service principal. Graph leaves some out if
    there are too many, and then they are read in a separate request.
    """
    if ctx.many:
        principal = await ctx.graph.service_principal(ctx.fact("client_id"), with_roles=True)
        expanded = (principal or {}).get(graph.ROLE_ASSIGNMENTS)
        if isinstance(expanded, list) and len(expanded) < graph.MOST_EXPANDED:
            return dicts_in(expanded)
    return await ctx.graph.app_role_assignments(ctx.fact("sp_id"))


BY_HAND = "by_hand"
SEEN = {"spa": "seen.redirects_spa", "publicClient": "seen.redirects_public"}


class Application(Undoable, row="application"):
    """Step E1: single-tenant app per mailbox, found by ``uniqueName`` (microsoft.md 1.1)."""

    async def inspect(self, ctx: StepContext) -> Finding:
        if ctx.by_hand and not known_ids(ctx):
            return self.skipped(Text("skipped.app_not_found"))
        app, evidence = await self._look_up(ctx)
        found = self._judged(ctx, app, ", ".join(each for _, each in await unexposed(ctx, app)))
        gone = await gone_client_id(ctx, app) if ctx.checks else ""
        if gone:  # which Webex Connect has
            seen = {"client_id": found.facts["client_id"], "gone": gone}
            words, cause = Text("seen.app_replaced", seen), Cause.APP_NOT_FOUND
            found = self.wrong(words, cause=cause, facts=found.facts)
        # an app that a setup has made has the name of its mailbox, so it has only one channel; a
        # fix names an app that people made, too
        if "client_id" in found.facts and (ctx.by_hand or "unique_name" not in found.facts):
            evidence += channels_with_app(ctx, found.facts["client_id"])
        return replace(found, values=self._values(ctx, app), evidence=evidence)

    async def _look_up(self, ctx: StepContext) -> tuple[Json | None, tuple[Evidence, ...]]:
        """Return the mailbox's app, or as evidence one made by hand, which needs an agreement."""
        if app := await find_app(ctx):
            return app, ()
        may_list = ctx.looking or (ctx.checks and not ctx.by_hand)
        apps = await ctx.graph.applications() if may_list else []
        # a deleted app may hold the first name
        begins = f"{manifest.unique_name(ctx.channel.mailbox)}-"
        for app in apps:
            if text_of(app, "uniqueName").startswith(begins):
                return app, ()
        # the only app made in the portal for this Call Back URL (microsoft.md 1.1), and not used by
        # another channel of the bot
        uri, unnamed = ctx.channel.callback_url, (app for app in apps if not app.get("uniqueName"))
        ids = (promised(app, "appId") for app in unnamed if uri in manifest.redirect_uris(app))
        free = list(filter(lambda each: not channels_with_app(ctx, each), ids))
        return None, (Evidence(BY_HAND, free[0]),) if len(free) == 1 else ()

    def plan(self, ctx: StepContext, finding: Finding) -> tuple[Change, ...]:
        facts = finding.facts
        path = f"/{facts['object_id']}" if facts else f"(uniqueName='{app_key(ctx)}')"
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
        app = await find_app(ctx)
        if app is None and finding.facts:
            app = await present_app(ctx)
        await (create_app(ctx) if app is None else update_app(ctx, app))

    async def inspect_undo(self, ctx: StepContext, past: RecordedChange) -> Finding:
        """Check that a created app without other content is gone, or else as it was."""
        app, object_id = await app_of_run(ctx), past.values_before["object_id"]
        if object_id:
            uris = manifest.merged(_uris(past.values_before), wanted_uris(ctx))
            made = {"object_id": object_id, "uris": json.dumps(uris), "declared": "yes"}
            made["audience"] = OURS
            seen = "key:seen.none" if app is None else "key:seen.app_present"
            found = self.compare_with_recorded(past, self._values(ctx, app), seen, made)
            return unless_shared(self, ctx, found)
        ours = _uris(past.values_after) or wanted_uris(ctx)
        if strange := foreign_content(ctx, app, ours) if app else "":
            return self.left_alone(Text("seen.undo_app_in_use", {"what": strange}))
        return unless_shared(self, ctx, self.removed(past, app))

    def undo_command(self, ctx: StepContext, past: RecordedChange) -> str:
        """Return the Graph command with the object id, so that only the created app is deleted."""
        path = f"/applications/{ctx.fact('object_id')}"
        return f"Graph PATCH {path}" if past.values_before["object_id"] else f"Graph DELETE {path}"

    async def undo(self, ctx: StepContext, past: RecordedChange) -> None:
        app, was = await app_of_run(ctx), past.values_before
        if app is None:
            return
        if not was["object_id"]:
            await ctx.graph.delete(APPLICATIONS, str(app["id"]))
            return
        kept = app.get("requiredResourceAccess")
        if not was["declared"]:
            kept = manifest.without_permission(app, *smtp_send_permission(ctx))
        before = {
            "signInAudience": was["audience"] or OURS,
            "web": {**manifest.web(app), "redirectUris": _uris(was)},
            "requiredResourceAccess": kept,
            **manifest.moved_back(app, json.loads(was.get("elsewhere", "{}"))),
        }
        await ctx.graph.update(APPLICATIONS, str(app["id"]), before)

    def _judged(self, ctx: StepContext, app: Json | None, unknown: str) -> Finding:
        if app is None:
            return self.wrong(Reason.ABSENT, cause=Cause.APP_NOT_FOUND)
        facts = _facts(app, unknown)
        chosen = ctx.run.answer(ADOPT) == facts["client_id"]
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
        if audience.lower() not in {"", OURS.lower()} and not (ctx.by_hand and stays):
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
        wanted = wanted_uris(ctx)
        if ctx.by_hand and not callback:
            if not uris:
                return self.wrong(Text("seen.no_redirects"), cause=Cause.REPLY_ADDRESS_MISSING)
            seen = Text("seen.redirects_elsewhere", {"uris": ", ".join(uris)})
            return self.wrong(seen, cause=Cause.REDIRECT_URI_MISMATCH)
        missing = list(filter(lambda uri: uri not in uris, wanted))
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
        there = manifest.elsewhere(app, wanted_uris(ctx))
        return {
            **({"elsewhere": json.dumps(there)} if there else {}),
            "object_id": text_of(app, "id"),
            "uris": json.dumps(manifest.redirect_uris(app)),
            "audience": text_of(app, "signInAudience"),
            "declared": "yes" if self._declares(ctx, app) else "",
        }

    def _declares(self, ctx: StepContext, app: Json | None) -> bool:
        return manifest.declares(app, *smtp_send_permission(ctx))


def _facts(app: Json, unknown: str) -> dict[str, str]:
    own = [each for each in secrets_of(app) if text_of(each, "displayName").startswith(SECRETS[1])]
    facts = {
        "client_id": promised(app, "appId"),
        "object_id": promised(app, "id"),
        "app_name": text_of(app, "displayName"),
        "unique_name": text_of(app, "uniqueName"),
        "unknown_ids": unknown,
        OWN_SECRET: "yes" if own else "",
        DEACTIVATED: "yes" if app.get("isDisabled") else "",
    }
    return {name: value for name, value in facts.items() if value or name == "app_name"}


def _uris(values: dict[str, str]) -> list[str]:
    found: list[str] = json.loads(values.get("uris", "[]"))
    return found


class ImplicitGrant(Undoable, row="implicit_grant"):
    """Step E2: ``enableAccessTokenIssuance`` is on in the app."""

    async def inspect(self, ctx: StepContext) -> Finding:
        """Look at "Access tokens", which nobody asked for on a channel made by hand."""
        app = await find_app(ctx)
        on = manifest.issues_access_tokens(app)
        seen = Text("seen.implicit_on" if on else "seen.implicit_off")
        found = self.ok(seen) if on or ctx.by_hand else self.wrong(seen)
        return replace(found, values=_values(app))

    async def apply(self, ctx: StepContext, finding: Finding) -> None:
        """Write ``web`` as a whole, with the wanted URIs, which a stale read must not drop."""
        app = await present_app(ctx)
        uris = manifest.merged(manifest.redirect_uris(app), wanted_uris(ctx))
        await _write(ctx, {**manifest.web(app), "redirectUris": uris}, on=True)

    async def inspect_undo(self, ctx: StepContext, past: RecordedChange) -> Finding:
        app = await app_of_run(ctx)
        seen = "key:seen.on" if manifest.issues_access_tokens(app) else "key:seen.off"
        return self.compare_with_recorded(past, _values(app), seen, {"access_tokens": "on"})

    async def undo(self, ctx: StepContext, past: RecordedChange) -> None:
        if app := await app_of_run(ctx):
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
        values = self._values(ctx, await find_app(ctx))
        if not values["declared"]:
            return self.wrong(Reason.ABSENT, values=values)
        return self.ok(Text("seen.mail_send"), values=values)

    async def apply(self, ctx: StepContext, finding: Finding) -> None:
        """Write the whole list, with ``SMTP.Send``, which a stale read must not drop."""
        app = await present_app(ctx)
        for each in ((*smtp_send_permission(ctx), "Scope"), (*self._permission(ctx), "Role")):
            app = {"requiredResourceAccess": manifest.with_permission(app, *each)}
        await ctx.graph.update(APPLICATIONS, ctx.fact("object_id"), app)

    async def inspect_undo(self, ctx: StepContext, past: RecordedChange) -> Finding:
        values = self._values(ctx, await app_of_run(ctx))
        seen = "key:seen.mail_send" if values["declared"] else "key:seen.none"
        return self.compare_with_recorded(past, values, seen, {"declared": "yes"})

    async def undo(self, ctx: StepContext, past: RecordedChange) -> None:
        if app := await app_of_run(ctx):
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
            roles = await role_assignments(ctx)
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
        since = abs(now() - answered) if answered else SETTLES_FOR
        if since < SETTLES_FOR:
            again = max(since.total_seconds(), paced(1.0))
            return self.waits_for(Turn.TIME, Text("seen.consent_settles"), again_s=again)
        again = ctx.pause(self.name, PAUSES_S)  # it may be given in Entra, without the button
        return self.waits_for(Turn.ADMINISTRATOR, Text("seen.no_consent"), again_s=again)
