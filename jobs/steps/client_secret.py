"""Steps E3 and C6: the client secrets of the mailbox's app, and their removal after use.

Webex Connect's secret keeps within the tenant's app-management policy. A lost one is removed once
its successor was shown, and one that a fix replaced once an answer has left with the new one. The
bot's own secret is kept only with the mailbox user's consent, and is removed if its rehearsal is
skipped. Source: platforms/microsoft.md 4, rotation order.
"""

import asyncio
from collections.abc import Callable, Collection
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from jobs.access import mailbox_login
from jobs.causes.cause import Cause
from jobs.clock import now, parse
from jobs.clouds.errors import CloudError, Forbidden, NotFound, Rejected, unless_refused
from jobs.clouds.json_values import Json, text_of
from jobs.engine.step import Step, StepContext, Undoable
from jobs.microsoft.app_manifest import SecretRules, expiry, rules_for
from jobs.microsoft.graph import promised
from jobs.model import Change, Finding, Reason, RunKind, Signals, State, Text, Turn, day_of
from jobs.runs.run import Kind, RecordedChange
from jobs.steps import application
from jobs.steps.application import find_app, foreign_secrets, secrets_of
from jobs.storage.vault import Sealed

PREFIX = application.SECRETS[0]
LOST = "new_secret"
"""Question whose answer is the comma-separated key ids of secrets that were shown and then lost."""
LOOKS_S = (0.0, 1, 2, 4)
"""Pauses, in seconds, between looks for a secret whose answer a killed worker never got."""


def label_of(run_id: str) -> str:
    return f"{PREFIX}{run_id}"


def run_of(secret: Json) -> str:
    """Return the ID of the run that the secret's name tells, or an empty string."""
    name = text_of(secret, "displayName")
    return name.removeprefix(PREFIX) if name.startswith(PREFIX) else ""


def earlier(ctx: StepContext, app: Json | None) -> list[Json]:
    """Return the secrets of earlier runs of this mailbox, and never a person's."""
    runs = {run.id for run in ctx.store.runs_of_mailbox(ctx.channel.mailbox)} - {ctx.run.id}
    return [secret for secret in secrets_of(app) if run_of(secret) in runs]


def is_persons(ctx: StepContext, secret: Json) -> bool:
    """Return whether no run, and no check, gave the secret its name."""
    runs = {run.id for run in ctx.store.runs_of_mailbox(ctx.channel.mailbox)} | {ctx.run.id}
    of_checks = text_of(secret, "displayName").startswith(application.SECRETS[1:])
    return not of_checks and run_of(secret) not in runs


def tries(ctx: StepContext, step: str) -> int:
    """Return how often, with this time, the run began the change since the last request."""
    asked, events = ctx.answered_at(LOST), ctx.store.events(ctx.run.id)
    begun = [each.at for each in events if each.kind is Kind.CHANGING and each.step == step]
    return sum(asked is None or at >= asked for at in begun)


def lost(ctx: StepContext) -> set[str]:
    return set(filter(None, ctx.run.answer(LOST).split(",")))


def unrecorded(ctx: StepContext, app: Json | None) -> list[Json]:
    """Return valid secrets of runs that Redis has lost, which nobody can show again."""
    valid = (each for each in secrets_of(app) if run_of(each) and end_of(each) >= now())
    return [each for each in valid if not ctx.store.length(run_of(each))]


def described(secret: Json) -> str:
    """Return the secret's name, its first characters as Microsoft shows them, and its first day."""
    hint, made = text_of(secret, "hint"), parse(secret.get("startDateTime"))
    more = [f"begins with {hint}"] if hint else []
    more += [f"of {made:%Y-%m-%d}"] if made else []
    name = f'"{text_of(secret, "displayName")}"'
    return f"{name} ({', '.join(more)})" if more else name


async def remove_orphans(
    ctx: StepContext, pauses: tuple[float, ...], is_orphan: Callable[[Json], bool]
) -> None:
    """Remove secrets that nobody can use as soon as some are found, after these pauses."""
    for pause in pauses:
        await asyncio.sleep(pause)
        orphans = list(filter(is_orphan, secrets_of(await find_app(ctx))))
        await remove(ctx, orphans)
        if orphans:
            return


async def remove(ctx: StepContext, secrets: list[Json]) -> None:
    for secret in secrets:
        with suppress(NotFound):
            await ctx.graph.remove_password(ctx.fact("object_id"), promised(secret, "keyId"))


async def labelled(ctx: StepContext, labels: Collection[str]) -> list[Json]:
    secrets = secrets_of(await application.app_of_run(ctx))
    return [secret for secret in secrets if secret.get("displayName") in labels]


def end_of(secret: Json) -> datetime:
    """Return the secret's expiry; an unreadable one is far away, so it causes no renewal."""
    return parse(secret.get("endDateTime")) or datetime.max.replace(tzinfo=UTC)


SEALED_S = 7 * 24 * 3600
"""Seconds that the sealed secret waits; the page that shows it has a shorter limit."""
ENOUGH = timedelta(days=30)
"""Time before its end at which a secret is renewed; if the tenant allows less, a third of it."""
PLANNED = frozenset({RunKind.SETUP, RunKind.FIX})
MOST_NAMED = 3
"""Maximum number of unrecorded secrets that a plan names."""


class ClientSecret(Undoable, row="client_secret"):
    """Step E3: Webex Connect has a secret, or this run can show one (microsoft.md 1.2)."""

    async def inspect(self, ctx: StepContext) -> Finding:
        """Judge the newest secret that is in Webex Connect, or can still be shown.

        If another app has replaced this one in Webex Connect, none of its secrets count. If a
        channel was made by hand, every one counts, because it is not known which is in use.
        """
        policy_read = unless_refused(ctx.graph.app_management_policy())
        app, policy = await asyncio.gather(find_app(ctx), policy_read)
        gone = await application.gone_client_id(ctx, app)
        known = [each for each in secrets_of(app) if not gone and self._known(ctx, each)]
        newest = max(known, key=end_of, default=None)
        rules = rules_for(policy or {}, parse(text_of(app, "createdDateTime")) or now())
        values = {"key_id": promised(newest, "keyId") if newest else ""}
        found = replace(self._judged(ctx, newest, rules), values=values)
        return self._of_the_run(ctx, app, found) if found.state is State.WRONG else found

    def _of_the_run(self, ctx: StepContext, app: Json | None, found: Finding) -> Finding:
        """Add what depends on the run: a person's secrets, replaced ones and orphans."""
        if ctx.checks and any(end_of(theirs) >= now() for theirs in foreign_secrets(app)):
            return replace(found, state=State.POSSIBLE)  # Webex Connect may have a person's
        if ctx.run.kind is RunKind.FIX and (old := earlier(ctx, app)):
            found = replace(found, facts=found.facts | {"old": str(len(old))})
        if ctx.run.kind not in PLANNED or found.reason is not Reason.ABSENT:
            return found
        names = ", ".join(map(described, unrecorded(ctx, app)[:MOST_NAMED]))
        seen = Text("seen.secret_orphans", {"names": names})
        return replace(found, seen=seen) if names else found

    def _judged(self, ctx: StepContext, secret: Json | None, rules: SecretRules) -> Finding:
        start, months = now(), ctx.channel.lifetime_months
        end = expiry(start, months, rules.longest)
        clamped = "yes" if end < expiry(start, months, None) else ""
        renewal = {"renew_until": end.isoformat(), "clamped": clamped}
        if secret and end_of(secret) >= start:
            return self._still_good(ctx, secret, rules, renewal)
        if secret:
            seen, cause = Text("seen.secret_expired", _day(secret)), Cause.CLIENT_SECRET_EXPIRED
            found = self.wrong(seen, cause=cause, signals=Signals(since=end_of(secret)))
        elif rules.forbidden:
            found = self.wrong(Text("seen.secrets_forbidden"))
        else:  # a channel that was proven or made by hand had a secret
            had = ctx.by_hand or ctx.store.channels.record(ctx.channel.mailbox) is not None
            found = self.wrong(Reason.ABSENT, cause=Cause.CLIENT_SECRET_GONE if had else "")
        why = Cause.SECRET_FORBIDDEN_BY_POLICY if rules.forbidden else found.cause
        return replace(found, cause=why, facts=renewal)

    def _still_good(
        self, ctx: StepContext, secret: Json, rules: SecretRules, renewal: dict[str, str]
    ) -> Finding:
        facts = {
            "key_id": promised(secret, "keyId"),
            "hint": text_of(secret, "hint"),
            "expires": end_of(secret).isoformat(),
        }
        good = self.ok(Text("seen.secret", _day(secret)), facts=facts)
        if rules.forbidden:
            seen, cause = Text("seen.secret_last", _day(secret)), Cause.SECRET_FORBIDDEN_BY_POLICY
            return replace(good, state=State.WARNING, seen=seen, cause=cause)
        # this run's own secret is not replaced: the next one would end no later
        left = datetime.fromisoformat(renewal["renew_until"]) - now()
        if run_of(secret) == ctx.run.id or end_of(secret) >= now() + min(ENOUGH, left / 3):
            return good
        seen, cause = Text("seen.secret", _day(secret)), Cause.CLIENT_SECRET_EXPIRES_SOON
        soon = self.wrong(seen, cause=cause, facts=renewal)
        return replace(soon, state=State.WARNING, facts=facts) if ctx.checks else soon

    def plan(self, ctx: StepContext, finding: Finding) -> tuple[Change, ...]:
        """Plan one more secret; the replaced one goes once it is proven (``old_secret``)."""
        if finding.cause == Cause.SECRET_FORBIDDEN_BY_POLICY:
            return ()
        unlimited = expiry(now(), ctx.channel.lifetime_months, None)
        end = parse(finding.facts.get("renew_until")) or unlimited
        after = Text("after.client_secret", {"expires": day_of(end)})
        command = f"Graph POST /applications/{{id}}/addPassword, endDateTime {end:%Y-%m-%d}"
        note = Text("note.secret_clamped") if finding.facts.get("clamped") else None
        line = replace(self.planned(finding, command, after), note=note)
        if "old" not in finding.facts:
            return (line,)
        old = self.wrong(Text("seen.old_secret", {"count": finding.facts["old"]}))
        return (line, *OldSecret().plan(ctx, old))

    async def apply(self, ctx: StepContext, finding: Finding) -> None:
        """Create and seal it, without an interrupted one: addPassword is not idempotent."""

        def is_orphan(secret: Json) -> bool:
            """Return whether the run cannot show it; a shown one is for ``lost_secret``."""
            mine = run_of(secret) == ctx.run.id and promised(secret, "keyId") not in lost(ctx)
            return mine and not self._known(ctx, secret)

        if tries(ctx, self.name) > 1:
            await remove_orphans(ctx, LOOKS_S, is_orphan)
            if (await self.inspect(ctx)).state in {State.OK, State.WARNING}:
                return  # the earlier attempt succeeded after all
        end = datetime.fromisoformat(finding.facts["renew_until"])
        made = await ctx.graph.add_password(ctx.fact("object_id"), label_of(ctx.run.id), end)
        ctx.vault.put(Sealed.CLIENT_SECRET.of(ctx.run.id), made.secret, SEALED_S)
        ctx.vault.put(Sealed.CLIENT_SECRET_ID.of(ctx.run.id), made.key_id, SEALED_S)

    async def inspect_undo(self, ctx: StepContext, past: RecordedChange) -> Finding:
        return self.removed(past, await labelled(ctx, set(map(label_of, past.runs))))

    async def undo(self, ctx: StepContext, past: RecordedChange) -> None:
        await remove(ctx, await labelled(ctx, set(map(label_of, past.runs))))
        for run in past.runs:
            ctx.vault.drop(Sealed.CLIENT_SECRET.of(run))

    def _known(self, ctx: StepContext, secret: Json) -> bool:
        if ctx.by_hand and is_persons(ctx, secret):
            return True  # Webex Connect may have any of them
        if not run_of(secret) or (key_id := promised(secret, "keyId")) in lost(ctx):
            return False
        mine = ctx.vault.get(Sealed.CLIENT_SECRET_ID.of(ctx.run.id)) == key_id
        if mine and ctx.vault.holds(Sealed.CLIENT_SECRET.of(ctx.run.id)):
            return True
        proven = ctx.store.channels.record(ctx.channel.mailbox) is not None
        in_use = mine or proven or ctx.fact("key_id") == key_id
        return in_use and ctx.store.was_secret_shown(key_id)


def _day(secret: Json) -> dict[str, str]:
    return {"expires": day_of(end_of(secret))}


LABEL = "Webex email bot, rehearsal and check"


class CheckSecret(Undoable, row="check_secret"):
    """Step C6: a second client secret, with which the bot, and later ``/check``, can log in.

    It belongs to the run until the mailbox user has signed in and that login has succeeded
    (:func:`jobs.access.mailbox_login.save`).
    """

    async def inspect(self, ctx: StepContext) -> Finding:
        """Check that this run made the secret, or that the kept one is still the app's.

        A secret that Microsoft has refused may be too new, and is kept if the app still lists it.
        """
        if ctx.run.answer("rehearse").startswith("skip"):
            return self.skipped(Text("skipped.rehearsal"))
        before = ctx.run.findings.get(self.name)
        refused = before is not None and before.cause == Cause.OWN_SECRET_REFUSED
        if refused and not await labelled(ctx, {LABEL}):
            return self.wrong(Reason.ABSENT, values={"made": ""})
        # the app may have been deleted, or the kept secret removed by hand, as the application's
        # inspection shows, which need not have seen a secret that this run made
        there = self.name in ctx.run.changed or ctx.fact(application.OWN_SECRET) != ""
        kept = there and ctx.vault.holds(Sealed.CHECK_SECRET.of(ctx.channel.mailbox))
        if kept or ctx.vault.holds(Sealed.REHEARSAL_SECRET.of(ctx.run.id)):
            return self.ok(Text("seen.check_secret"), values={"made": "yes"})
        if ctx.store.channels.record(ctx.channel.mailbox) is not None:
            return self.skipped(Text("skipped.proven_before"))
        return self.wrong(Reason.ABSENT, values={"made": ""})

    async def apply(self, ctx: StepContext, finding: Finding) -> None:
        """Create and seal the secret, after removing that of an interrupted attempt."""
        looks = LOOKS_S if tries(ctx, self.name) > 1 else LOOKS_S[:1]
        await remove_orphans(ctx, looks, lambda secret: secret.get("displayName") == LABEL)
        end = expiry(now(), ctx.channel.lifetime_months, None)
        if limit := ctx.fact("expires"):
            end = min(end, datetime.fromisoformat(limit))
        mailbox_login.drop(ctx.vault, ctx.channel.mailbox)
        made = await ctx.graph.add_password(ctx.fact("object_id"), LABEL, end)
        seconds = int((end - now() + timedelta(days=1)).total_seconds())
        ctx.vault.put(Sealed.REHEARSAL_SECRET.of(ctx.run.id), made.secret, seconds)

    async def inspect_undo(self, ctx: StepContext, past: RecordedChange) -> Finding:
        at_microsoft = await labelled(ctx, {LABEL})
        kept = ctx.vault.holds(Sealed.CHECK_SECRET.of(ctx.channel.mailbox))
        return self.removed(past, at_microsoft or kept)

    async def undo(self, ctx: StepContext, past: RecordedChange) -> None:
        """Remove the secret at Microsoft first, then from the vault: a copy alone does no harm."""
        await remove(ctx, await labelled(ctx, {LABEL}))
        mailbox_login.drop(ctx.vault, ctx.channel.mailbox)


class OldSecret(Step, row="old_secret"):
    """Step that removes the client secrets of earlier runs of this mailbox, and never a person's.

    Removing them before Webex Connect has the new one would stop answers, so this step comes after
    everything that proves the new one.
    """

    async def inspect(self, ctx: StepContext) -> Finding:
        if left := earlier(ctx, await find_app(ctx)):
            return self.wrong(Text("seen.old_secret", {"count": str(len(left))}))
        return self.ok(Text("seen.old_secret_removed"))

    async def apply(self, ctx: StepContext, finding: Finding) -> None:
        await remove(ctx, earlier(ctx, await find_app(ctx)))


class UnusedSecret(Step, row="unused_secret"):
    """Step that removes the bot's own secret, without an approval, as it is no longer in use."""

    async def inspect(self, ctx: StepContext) -> Finding:
        """Look for the secret; one just made may be missing, so :meth:`apply` looks patiently."""
        if await labelled(ctx, {LABEL}) or not ctx.run.change_applied(self.name):
            return self.wrong(Text("seen.unused_secret_there"))
        return self.ok(Text("seen.undo_removed"))

    async def apply(self, ctx: StepContext, finding: Finding) -> None:
        """Remove the secret at Microsoft; its copy went when the rehearsal was skipped."""
        await remove_orphans(ctx, LOOKS_S, lambda secret: secret.get("displayName") == LABEL)

    def explain_error(self, ctx: StepContext, error: CloudError) -> Finding | None:
        """Leave a secret that the bot may not remove: its value is stored nowhere."""
        stays = isinstance(error, Forbidden | Rejected)
        return self.left_alone(Text("seen.unused_secret_stays", {"name": LABEL})) if stays else None


class LostSecret(Step, row="lost_secret"):
    """Step that removes a lost client secret, without an approval of its own: nobody has it."""

    async def inspect(self, ctx: StepContext) -> Finding:
        """Wait until the page has shown the new secret: the old one may be found until then."""
        if not await self._left(ctx):
            return self.ok(Text("seen.lost_secret_removed"))
        if not ctx.store.was_secret_shown(ctx.fact("key_id")):
            return self.waits_for(Turn.NOBODY, Text("seen.lost_secret_stays"))
        return self.wrong(Text("seen.lost_secret_there"))

    async def apply(self, ctx: StepContext, finding: Finding) -> None:
        await remove(ctx, await self._left(ctx))

    async def _left(self, ctx: StepContext) -> list[Json]:
        lost_ids, secrets = lost(ctx), secrets_of(await find_app(ctx))
        return [secret for secret in secrets if text_of(secret, "keyId") in lost_ids]
