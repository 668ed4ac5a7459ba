"""Buttons that approve a plan or its tenant-wide part, confirm its hosts, or ask for less."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from adaptive_cards.cards.findings import DAYS
from adaptive_cards.texts import listed
from bot.actions import answered, finish, for_everybody, on_run, record
from bot.cards.presenters.plan import made_by_hand
from bot.chat.context import ChatContext, RefusedError
from bot.chat.permissions import AccessPolicy
from bot.commands import check
from jobs.channel.connect_hosts import foreign_hosts, unconfirmed_hosts
from jobs.channel.email_app import ADOPT
from jobs.channel.form import LONGEST
from jobs.clock import now
from jobs.model import Profile, Scope, Text
from jobs.next_action import blocking_steps
from jobs.redact import without_secrets
from jobs.runs import accepted
from jobs.runs.accepted import Accepted
from jobs.runs.run import FOREIGN_HOSTS, Event, Kind, Run, addresses


@on_run
def approve(ctx: ChatContext, inputs: dict[str, str], run: Run) -> None:
    _approve(ctx, inputs, run, Scope.MAILBOX)


@on_run
def approve_tenant(ctx: ChatContext, inputs: dict[str, str], run: Run) -> None:
    _approve(ctx, inputs, run, Scope.TENANT)


@on_run
def confirm_hosts(ctx: ChatContext, inputs: dict[str, str], run: Run) -> None:
    # The press approves nothing yet. The confirmation counts for these hosts only.
    _require_approver(ctx, run)
    _require_current(inputs, run)
    hosts = unconfirmed_hosts(run, ctx.services.settings.connect_hosts)
    if not hosts:
        raise RefusedError(Text("refused.twice"))
    record(ctx, run, FOREIGN_HOSTS, " ".join(hosts))


@on_run
def least_privilege(ctx: ChatContext, inputs: dict[str, str], run: Run) -> None:
    # Nothing is approved in the new plan. The smaller profile can also resolve a plan that is
    # blocked.
    if run.has_begun or not _in_force(inputs, run):
        raise RefusedError(Text("refused.old"))
    channel = replace(run.channel, profile=Profile.LEAST)
    finish(ctx, run, Event(Kind.DETAILS, now(), by=ctx.person.email, channel=channel))


@on_run
def adopt(ctx: ChatContext, inputs: dict[str, str], run: Run) -> None:
    # The run then makes a new plan in which nothing is approved.
    _require_current(inputs, run)
    app = inputs.get("app", "")
    if run.has_begun or not app or app != made_by_hand(run):
        raise RefusedError(Text("refused.old"))
    looks = Event(Kind.LOOK_AGAIN, now(), by=ctx.person.email)
    finish(ctx, run, looks, answered(ctx, ADOPT, app))


@for_everybody
def accept(ctx: ChatContext, inputs: dict[str, str], run: Run) -> None:
    # The cause must be one that this check has found. A new check then shows it as a note.
    cause, why = inputs.get("cause", ""), " ".join(inputs.get("why", "").split())[:LONGEST]
    _require_approver(ctx, run)
    if not why or inputs.get("days") not in DAYS or run.brief.discover:
        raise RefusedError(Text("refused.no_reason"))
    if cause not in {each.cause for each in run.findings.values() if each.cause}:
        raise RefusedError(Text("refused.old"))
    until = now() + timedelta(days=int(inputs["days"]))
    given = Accepted(until, without_secrets(why), ctx.person.email)
    accepted.accept(ctx.services.store, run, cause, given)
    check.begin(ctx, run.channel.mailbox)


def _approve(ctx: ChatContext, inputs: dict[str, str], run: Run, scope: Scope) -> None:
    _require_approver(ctx, run)
    _require_current(inputs, run)
    if scope in run.approvals:
        raise RefusedError(Text("refused.twice"))
    if hosts := unconfirmed_hosts(run, ctx.services.settings.connect_hosts):
        raise RefusedError(Text("refused.unconfirmed", {"hosts": listed(hosts)}))
    foreign = foreign_hosts(run, ctx.services.settings.connect_hosts)
    data = {"plan": inputs["plan"], "scope": str(scope)} | addresses(run.channel)
    data |= {FOREIGN_HOSTS: " ".join(foreign)} if foreign else {}
    finish(ctx, run, Event(Kind.APPROVED, now(), by=ctx.person.email, data=data))


def _require_approver(ctx: ChatContext, run: Run) -> None:
    if not AccessPolicy(ctx.services.bot, ctx.services.webex).may_approve(ctx.person, run):
        who = ", ".join(ctx.services.bot.approvers) or run.requester.email
        key = "refused.not_approver_direct" if ctx.direct else "refused.not_approver"
        raise RefusedError(Text(key, {"who": who}), "refused.button")


def _require_current(inputs: dict[str, str], run: Run) -> None:
    if not _in_force(inputs, run) or (blocking_steps(run) and not run.has_begun):
        raise RefusedError(Text("refused.old"))


def _in_force(inputs: dict[str, str], run: Run) -> bool:
    return run.plan is not None and inputs.get("plan") == run.plan.id


ACTIONS = {
    "approve": approve,
    "approve_tenant": approve_tenant,
    "confirm_hosts": confirm_hosts,
    "least_privilege": least_privilege,
    "adopt": adopt,
    "accept": accept,
}
