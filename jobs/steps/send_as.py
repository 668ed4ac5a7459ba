"""Step M2: Send As on a shared mailbox, for the user who signs in for it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from jobs.causes.cause import Cause
from jobs.clouds.json_values import lower_of
from jobs.engine.context import StepContext
from jobs.engine.diagnosis import Diagnosis
from jobs.engine.undoable import Undoable
from jobs.microsoft.exchange import ExchangeRow
from jobs.microsoft.powershell import quoted
from jobs.model import Change, Finding, Reason, RunKind, Scope, Text
from jobs.runs.run import RecordedChange

RIGHT = "SendAs"
OWN = "nt authority\\self"
"""Trustee of the permission that every mailbox has on itself."""


class SendAs(Undoable):
    """Step M2: the delegate may send as the mailbox; the user of any other mailbox needs no right.

    Without this right Exchange takes the login and refuses each mail with 5.2.252 or 5.7.60. Full
    Access is not needed (platforms/microsoft.md 2.6). The recorded values name the trustee of the
    right, so an undo takes the right from the very user who got it from a run.
    """

    name = "send_as"
    article_row = "M2"
    group = "microsoft"
    carries_answers = True
    needs = ("delegate",)
    shown_in = "smtp_auth"
    reads = ("View-Only Recipients",)
    writes = ("Mail Recipients",)
    diagnosis = Diagnosis(explains=frozenset({Cause.SEND_AS_DENIED}), disproved_by=("answers",))

    async def inspect(self, ctx: StepContext) -> Finding:
        """Read the delegate's right; whether a group's is the delegate's, only an answer shows."""
        delegate = _delegate(ctx)
        if not delegate:
            if ctx.fact("shared") and not ctx.fact("delegate"):
                return self.skipped(Text("skipped.delegate_unknown"))
            return self.ok(Text("seen.send_as_own"))
        if await _has(ctx, delegate):
            seen = Text("seen.send_as", {"user": delegate})
            return replace(self.ok(seen), values={delegate: "yes"})
        missing = self.wrong(Reason.ABSENT, cause=Cause.SEND_AS_MISSING)
        if ctx.run.kind is RunKind.CHECK and await _others_have(ctx):
            missing = self.possible(Text("seen.send_as_others"), cause=Cause.SEND_AS_MISSING)
        return replace(missing, values={delegate: ""})

    def plan(self, ctx: StepContext, finding: Finding) -> tuple[Change, ...]:
        delegate = _delegate(ctx)
        if not delegate:
            return ()
        after = Text("after.send_as", {"user": delegate})
        command = _command("Add", ctx.channel.mailbox, delegate)
        return (self.change(Text("seen.none"), after, Scope.MAILBOX, command),)

    async def apply(self, ctx: StepContext, finding: Finding) -> None:
        await _write(ctx, "Add", _delegate(ctx))

    async def inspect_undo(self, ctx: StepContext, past: RecordedChange) -> Finding:
        values = {
            trustee: "yes" if await _has(ctx, trustee) else "" for trustee in past.values_before
        }
        seen = "key:seen.on" if any(values.values()) else "key:seen.none"
        return self.compare_with_recorded(past, values, seen, dict.fromkeys(values, "yes"))

    def undo_command(self, ctx: StepContext, past: RecordedChange) -> str:
        mailbox = ctx.channel.mailbox
        return "\n".join(_command("Remove", mailbox, each) for each in _added(past))

    async def undo(self, ctx: StepContext, past: RecordedChange) -> None:
        """Remove the right of each trustee to whom a run has given it, and no other."""
        for trustee in _added(past):
            if await _has(ctx, trustee):
                await _write(ctx, "Remove", trustee)


def _delegate(ctx: StepContext) -> str:
    """Return the delegate of a shared mailbox, if it is one and known, else ''."""
    own = ctx.fact("delegate_id").lower() == ctx.fact("user_id").lower()
    return "" if own else ctx.fact("delegate").lower()


def _added(past: RecordedChange) -> list[str]:
    return [trustee for trustee, had in past.values_before.items() if not had]


async def _has(ctx: StepContext, trustee: str) -> bool:
    rows = await ctx.exchange.run(
        "Get-RecipientPermission", {"Identity": ctx.channel.mailbox, "Trustee": trustee}
    )
    return any(map(_allows, rows))


async def _others_have(ctx: StepContext) -> bool:
    rows = await ctx.exchange.run("Get-RecipientPermission", {"Identity": ctx.channel.mailbox})
    return any(_allows(row) and lower_of(row, "Trustee") != OWN for row in rows)


def _allows(row: ExchangeRow) -> bool:
    return RIGHT.lower() in _rights(row.get("AccessRights")) and lower_of(
        row, "AccessControlType"
    ) in {"", "allow"}


def _rights(value: object) -> set[str]:
    """Return the access rights in lower case; Exchange writes them as a list or as one text."""
    each: Iterable[object] = value if isinstance(value, list) else str(value).split(",")
    return {str(name).strip().lower() for name in each}


async def _write(ctx: StepContext, verb: str, trustee: str) -> None:
    parameters = {"Identity": ctx.channel.mailbox, "Trustee": trustee, "AccessRights": [RIGHT]}
    await ctx.exchange.run(f"{verb}-RecipientPermission", {**parameters, "Confirm": False})


def _command(verb: str, mailbox: str, trustee: str) -> str:
    what = f"{verb}-RecipientPermission {quoted(mailbox)}"
    return f"{what} -Trustee {quoted(trustee)} -AccessRights {RIGHT}"
