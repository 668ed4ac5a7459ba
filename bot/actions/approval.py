"""Approving a plan, all of it or the tenant-wide part, or asking for less."""

from __future__ import annotations

from dataclasses import replace

from bot.actions._guard import go_on, on_run, record
from bot.cards.presenters.plan import made_by_hand
from bot.chat.context import Talk
from bot.chat.permissions import Gate
from jobs.channel.email_app import ADOPT
from jobs.clock import now
from jobs.model import Profile, Scope, Words
from jobs.next_action import blocked
from jobs.runs.run import Event, Kind, Run


@on_run
def approve(talk: Talk, inputs: dict[str, str], run: Run) -> None:
    """The changes to the app and the mailbox."""
    _approve(talk, inputs, run, Scope.MAILBOX)


@on_run
def approve_tenant(talk: Talk, inputs: dict[str, str], run: Run) -> None:
    """The change to the whole tenant, which has an approval of its own."""
    _approve(talk, inputs, run, Scope.TENANT)


@on_run
def least_privilege(talk: Talk, inputs: dict[str, str], run: Run) -> None:
    """The same channel with fewer permissions: a new plan, nothing approved. That may be the way out of one that is stopped."""
    if run.under_way or not _in_force(inputs, run):
        talk.refuse(Words("refused.old"), title="refused.nothing")
        return
    channel = replace(run.channel, profile=Profile.LEAST)
    talk.desk.store.append(run.id, Event(Kind.DETAILS, now(), by=talk.person.email, channel=channel))
    go_on(talk, run)


@on_run
def adopt(talk: Talk, inputs: dict[str, str], run: Run) -> None:
    """Take the app that somebody made by hand in place of a new one: a new plan, nothing approved."""
    if not _current(talk, inputs, run):
        return
    if run.under_way or inputs.get("app", "") != made_by_hand(run) or not made_by_hand(run):
        talk.refuse(Words("refused.old"), title="refused.nothing")
        return
    talk.desk.store.append(run.id, Event(Kind.LOOK_AGAIN, now(), by=talk.person.email))
    record(talk, run, ADOPT, inputs["app"])


def _approve(talk: Talk, inputs: dict[str, str], run: Run, scope: Scope) -> None:
    if not Gate(talk.desk.bot, talk.desk.webex).may_approve(talk.person, run):
        talk.refuse(Words("refused.not_approver"), title="refused.button")
        return
    if not _current(talk, inputs, run):
        return
    if scope in run.approvals:
        talk.refuse(Words("refused.twice"), title="refused.nothing")
        return
    data = {"plan": inputs["plan"], "scope": str(scope)}
    talk.desk.store.append(run.id, Event(Kind.APPROVED, now(), by=talk.person.email, data=data))
    go_on(talk, run)


def _current(talk: Talk, inputs: dict[str, str], run: Run) -> bool:
    """Whether the card shows the plan in force, and that plan can be approved at all."""
    current = _in_force(inputs, run) and (run.under_way or not blocked(run))
    if not current:
        talk.refuse(Words("refused.old"), title="refused.nothing")
    return current


def _in_force(inputs: dict[str, str], run: Run) -> bool:
    return run.plan is not None and inputs.get("plan") == run.plan.id


ANSWERS = {"approve": approve, "approve_tenant": approve_tenant, "least_privilege": least_privilege, "adopt": adopt}
