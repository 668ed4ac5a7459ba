"""Approvers of a plan that nobody can approve in the place where it was asked for.

Such a place is a 1:1 message of a person without the right to approve, or a space without any
approver. Each approver gets the plan 1:1, with the buttons. Every copy says who is waited for, and
who has decided.
"""

from __future__ import annotations

from dataclasses import replace

from adaptive_cards.cards.plan import PlanPeople
from adaptive_cards.times import clock
from bot.cards.presenters.card_state import slot_of, was_refused
from bot.chat.absent_approvers import ABSENT
from bot.services import Services
from jobs.model import Scope, Text, Turn
from jobs.next_action import next_action
from jobs.runs.run import Run


def copies(run: Run, services: Services) -> tuple[str, ...]:
    return _reachable(run, services) if _waits(run) else ()


def for_asker(run: Run, services: Services) -> PlanPeople | None:
    """Return the people to name on the card of the person who asked, or None.

    The result is None if that person may approve the plan, or if an approver is in the same space.
    """
    return replace(_people(run, services), asked_by="") if _approvers(run, services) else None


def for_approver(run: Run, services: Services, address: str) -> PlanPeople:
    found = _people(run, services)
    others = tuple(each for each in found.waits_for if each != address)
    return replace(found, waits_for=others, unreachable=(), may_approve=True)


def _people(run: Run, services: Services) -> PlanPeople:
    decided = tuple(
        Text(f"plan.approved_by_{scope}", {"who": given.by, "at": clock(given.at)})
        for scope in Scope
        if (given := run.approvals.get(scope))
    )
    people = PlanPeople(asked_by=run.requester.email, decided=decided)
    if not _waits(run):
        return people
    asked = tuple(
        address
        for address in _reachable(run, services)
        if not was_refused(services, run.id, slot_of(address))
    )
    others = tuple(each for each in _approvers(run, services) if each not in asked)
    return replace(people, waits_for=asked, unreachable=others)


def _waits(run: Run) -> bool:
    return not run.ended and next_action(run).turn is Turn.APPROVER


def _approvers(run: Run, services: Services) -> tuple[str, ...]:
    """Return the approvers in the settings.

    The result is empty if they can press the button in the place in which the run began.
    """
    approvers = services.bot.approvers
    asks_them = _are_approvers_elsewhere(run) and run.requester.email not in approvers
    return approvers if asks_them else ()


def _are_approvers_elsewhere(run: Run) -> bool:
    """Return whether the run began in a place without an approver: a 1:1 message or a space."""
    return run.origin.direct or bool(run.answer(ABSENT))


def _reachable(run: Run, services: Services) -> tuple[str, ...]:
    """Return the approvers whom the bot serves: it tells nobody else about a channel."""
    domains = services.bot.allowed_email_domains
    return tuple(each for each in _approvers(run, services) if each.rpartition("@")[2] in domains)
