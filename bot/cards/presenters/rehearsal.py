"""Presenter of the rehearsal of Generate Token: the offer, the sign-in, and what failed and why."""

from __future__ import annotations

from dataclasses import replace

from adaptive_cards import rehearsal as draw
from adaptive_cards.cards.rehearsal import RehearsalView
from adaptive_cards.texts import text
from bot import links
from bot.cards.presenters._common import (
    cause_text,
    header,
    shared_mailbox_login,
    texts_of,
    thread_and_person,
    unreachable_recipient,
    username,
)
from bot.cards.presenters.card_state import THREAD, DesiredCard, desired_card
from bot.services import Services
from jobs.model import Finding, State, Turn
from jobs.next_action import has_returned, lacks_own_secret, may_rehearse
from jobs.runs.run import Problem, Run
from jobs.steps import steps_of

LINES = 12
MAILBOX_USER = "mailbox_user"
"""Question about who signs in for the mailbox.

The answer is the address of the person asked 1:1.
"""


def cards(run: Run, services: Services) -> list[DesiredCard]:
    # A fix has no rehearsal, because the bot's own login is the proof there.
    if not _is_open(run) or not may_rehearse(run) or _is_bots_turn(run):
        return []
    found = view(run, services)
    if found.done or found.skipped:
        return []
    return [_card(run, services, found, to) for to in thread_and_person(run.answer(MAILBOX_USER))]


def _card(run: Run, services: Services, found: RehearsalView, to: str) -> DesiredCard:
    link = links.link(services, "rehearsal", run.id) if found.url else None
    turn = f"{bool(found.url)}{found.problem}{found.settling}{found.asked}"
    asks = "" if found.settling else turn
    copy = replace(found, direct=to != THREAD, header=header(run, 6, services, to=to, link=link))
    return desired_card("rehearsal", copy, draw(copy), to=to, urgency=turn, prompt=asks)


def waits_for_sign_in(run: Run) -> bool:
    return not run.ended and "rehearsal" in steps_of(run) and _is_asked_for(run)


def view(run: Run, services: Services) -> RehearsalView:
    answer, base = run.answer("rehearse"), _offer(run)
    if answer.startswith("skip"):
        return replace(base, skipped=answer.partition(":")[2])
    if run.state_of("rehearsal") is State.OK:
        return replace(base, done=True, transcript=_transcript(run.findings["rehearsal"]))
    if problem := _sign_in_problem(run):
        return replace(
            base, problem=cause_text(problem), problem_code=problem.code, cause=problem.cause
        )
    return _in_progress(base, run, services)


def _offer(run: Run) -> RehearsalView:
    head = header(run, 6)
    if not run.fact("shared"):
        return RehearsalView(head, username(run))
    login = shared_mailbox_login(run) or text("connect.login_of_user")
    return RehearsalView(head, run.channel.mailbox, shared=True, login=login)


def _sign_in_problem(run: Run) -> Problem | None:
    """Return the problem of the sign-in, if it came after the rehearsal was last asked for."""
    problem = run.problems.get("mailbox_sign_in")
    return problem if problem is not None and problem.at > run.answers["rehearse"].at else None


def _in_progress(base: RehearsalView, run: Run, services: Services) -> RehearsalView:
    finding = run.findings.get("rehearsal")
    if finding is not None and finding.cause:
        return _failed(base, finding)
    if not _is_asked_for(run):
        return base
    link = links.link(services, "rehearsal", run.id)
    asked = unreachable_recipient(run, MAILBOX_USER)
    return replace(base, url=link.url, until=link.until, asked=asked)


def _failed(base: RehearsalView, finding: Finding) -> RehearsalView:
    # A rehearsal that is tried again automatically is shown as settling. If the mailbox itself is
    # lost, an administrator acts, and not the person who signs in.
    told = replace(
        base,
        problem=cause_text(finding),
        problem_code=texts_of(finding.evidence, "smtp")[0] if finding.evidence else "",
        cause=finding.cause,
        transcript=_transcript(finding),
    )
    if finding.waiting_for is Turn.ADMINISTRATOR:
        return replace(told, turn=Turn.ADMINISTRATOR)
    return replace(told, settling=finding.until is not None)


def _is_open(run: Run) -> bool:
    return not run.ended and run.account is not None


def _is_bots_turn(run: Run) -> bool:
    """Return whether the bot is logging in, or has yet to make the secret that a sign-in needs."""
    return has_returned(run, "rehearsal") or lacks_own_secret(run)


def _is_asked_for(run: Run) -> bool:
    return run.answer("rehearse") == "yes" and run.state_of("rehearsal") is State.WAITING


def _transcript(finding: Finding) -> tuple[str, ...]:
    return texts_of(finding.evidence, "transcript")[-LINES:]
