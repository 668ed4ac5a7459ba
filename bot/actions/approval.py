"""Buttons that approve a plan or its tenant-wide part, confirm its hosts, or ask for less."""

from __future__ import annotations

from dataclasses import replace

from adaptive_cards.texts import listed
from bot.actions import answered, finish, on_run, record
from bot.cards.presenters.plan import made_by_hand
from bot.chat.context import ChatContext
from bot.chat.permissions import AccessPolicy
from jobs.channel.connect_hosts import foreign_hosts, unconfirmed_hosts
from jobs.channel.email_app import ADOPT
from jobs.clock import now
from jobs.model import Profile, Scope, Text
from jobs.next_action import blocking_steps
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
    if not _may_approve(ctx, inputs, run):
        return
    hosts = unconfirmed_hosts(run, ctx.services.settings.connect_hosts)
    if not hosts:
        ctx.refuse(Text("refused.twice"), title="refused.nothing")
        return
    record(ctx, run, FOREIGN_HOSTS, " ".join(hosts))


@on_run
def least_privilege(ctx: ChatContext, inputs: dict[str, str], run: Run) -> None:
    # Nothing is approved in the new plan. The smaller profile can also resolve a plan that is
    # blocked.
    if run.has_begun or not _in_force(inputs, run):
        ctx.refuse(Text("refused.old"), title="refused.nothing")
        return
    channel = replace(run.channel, profile=Profile.LEAST)
    finish(ctx, run, Event(Kind.DETAILS, now(), by=ctx.person.email, channel=channel))


@on_run
def adopt(ctx: ChatContext, inputs: dict[str, str], run: Run) -> None:
    # The run then makes a new plan in which nothing is approved.
    if not _current(ctx, inputs, run):
        return
    if run.has_begun or not _offers_app(run, inputs.get("app", "")):
        ctx.refuse(Text("refused.old"), title="refused.nothing")
        return
    looks = Event(Kind.LOOK_AGAIN, now(), by=ctx.person.email)
    finish(ctx, run, looks, answered(ctx, ADOPT, inputs["app"]))


def _offers_app(run: Run, app: str) -> bool:
    return bool(app) and app == made_by_hand(run)


def _approve(ctx: ChatContext, inputs: dict[str, str], run: Run, scope: Scope) -> None:
    if not _may_approve(ctx, inputs, run):
        return
    if scope in run.approvals:
        ctx.refuse(Text("refused.twice"), title="refused.nothing")
        return
    if hosts := unconfirmed_hosts(run, ctx.services.settings.connect_hosts):
        told = Text("refused.unconfirmed", {"hosts": listed(hosts)})
        ctx.refuse(told, title="refused.nothing")
        return
    foreign = foreign_hosts(run, ctx.services.settings.connect_hosts)
    data = {"plan": inputs["plan"], "scope": str(scope)} | addresses(run.channel)
    data |= {FOREIGN_HOSTS: " ".join(foreign)} if foreign else {}
    finish(ctx, run, Event(Kind.APPROVED, now(), by=ctx.person.email, data=data))


def _may_approve(ctx: ChatContext, inputs: dict[str, str], run: Run) -> bool:
    return _is_approver(ctx, run) and _current(ctx, inputs, run)


def _is_approver(ctx: ChatContext, run: Run) -> bool:
    may = AccessPolicy(ctx.services.bot, ctx.services.webex).may_approve(ctx.person, run)
    if not may:
        who = ", ".join(ctx.services.bot.approvers) or run.requester.email
        key = "refused.not_approver_direct" if ctx.direct else "refused.not_approver"
        ctx.refuse(Text(key, {"who": who}), title="refused.button")
    return may


def _current(ctx: ChatContext, inputs: dict[str, str], run: Run) -> bool:
    # If the answer is no, the press is refused as outdated.
    current = _in_force(inputs, run) and (run.has_begun or not blocking_steps(run))
    if not current:
        ctx.refuse(Text("refused.old"), title="refused.nothing")
    return current


def _in_force(inputs: dict[str, str], run: Run) -> bool:
    return run.plan is not None and inputs.get("plan") == run.plan.id


ACTIONS = {
    "approve": approve,
    "approve_tenant": approve_tenant,
    "confirm_hosts": confirm_hosts,
    "least_privilege": least_privilege,
    "adopt": adopt,
}
