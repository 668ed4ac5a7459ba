"""Step M1: the user who signs in for a shared mailbox."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from jobs.causes.cause import Cause
from jobs.channel.mailbox import delegate_of
from jobs.clouds.json_values import text_of
from jobs.engine.context import StepContext
from jobs.engine.diagnosis import Diagnosis
from jobs.engine.step import Step
from jobs.microsoft.graph_requests import promised
from jobs.model import Finding, RunKind, State, Text, Turn
from jobs.runs.run import Run
from jobs.steps.mailbox_user import licensed, sign_in_blocked

ASKED = frozenset({Cause.DELEGATE_UNKNOWN, Cause.DELEGATE_NOT_FOUND})
"""Causes that end when a person types the delegate's address."""


class Delegate(Step):
    """Step M1: the delegate is a user who may sign in and has a license, and with it SMTP.

    The SMTP server accepts only the token's own user as the user name, so the mailbox's rights,
    SMTP AUTH and grants that count are this user's (platforms/microsoft.md 2.6). The facts are
    ``delegate``, the user's UPN, and ``delegate_id``.
    """

    name = "delegate"
    article_row = "M1"
    group = "microsoft"
    needs = ("mailbox_user",)
    reads = ("User.Read.All",)
    shown_in = "mailbox_user"
    doubted_by = frozenset({Cause.SMTP_LOGIN_BLOCKED, Cause.SMTP_REFUSED, Cause.SMTP_TOKEN_REFUSED})
    diagnosis = Diagnosis(
        explains=frozenset(
            {
                Cause.ACCOUNT_DISABLED,
                Cause.LICENCE_MISSING,
                Cause.SMTP_TOKEN_REFUSED,
                Cause.SMTP_LOGIN_BLOCKED,
                Cause.SMTP_REFUSED,
            }
        )
    )

    async def inspect(self, ctx: StepContext) -> Finding:
        """Find the delegate of a shared mailbox; any other mailbox's own user signs in."""
        if not ctx.fact("shared"):
            return self.ok(Text("seen.delegate_not_needed"))
        name = delegate_of(ctx.run)
        if not name:
            return self._nobody_named(ctx)
        user = await ctx.graph.user(name)
        if user is None:
            return self._asked(
                ctx, Text("seen.nobody", {"mailbox": name}), Cause.DELEGATE_NOT_FOUND
            )
        return self._judged(ctx, user, name)

    def _judged(self, ctx: StepContext, user: dict[str, Any], name: str) -> Finding:
        upn = text_of(user, "userPrincipalName") or name
        facts, values = {"delegate": upn, "delegate_id": promised(user, "id")}, {"upn": upn}
        if sign_in_blocked(user):
            return self.wrong(
                Text("seen.disabled", values), cause=Cause.ACCOUNT_DISABLED, facts=facts
            )
        if not licensed(user):
            return self.wrong(
                Text("seen.no_licence", values), cause=Cause.LICENCE_MISSING, facts=facts
            )
        seen = Text("seen.delegate", {"user": upn, "mailbox": ctx.channel.mailbox})
        return self.ok(seen, facts=facts)

    def _nobody_named(self, ctx: StepContext) -> Finding:
        """Return that the user is not known; a check asks nobody and goes on."""
        if ctx.run.kind is RunKind.CHECK:
            skipped = self.skipped(Text("skipped.delegate_unknown"))
            return replace(skipped, facts={"delegate_named": "no"})
        return self._asked(ctx, Text("seen.delegate_unknown"), Cause.DELEGATE_UNKNOWN)

    def _asked(self, ctx: StepContext, seen: Text, cause: str) -> Finding:
        """Block a plan, or let a run that has begun wait for the requester, whom a card asks."""
        if ctx.looking or ctx.run.kind is RunKind.CHECK:
            return self.wrong(seen, cause=cause)
        return self.waits_for(Turn.REQUESTER, seen, cause=cause)


def needs_delegate(run: Run) -> bool:
    """Return whether the run needs the address of the user who signs in for a shared mailbox."""
    found = run.findings.get(Delegate.name)
    open_states = {State.WRONG, State.WAITING}
    return found is not None and found.state in open_states and found.cause in ASKED
