"""Helpers that show a cloud's error on a card in full, with the ids that its support asks for."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from typing import TypedDict

from adaptive_cards.texts import has_text, remedy_within
from adaptive_cards.views import Asked, Header
from bot.cards.presenters.card_state import THREAD
from bot.links import Link
from bot.services import Services
from jobs.channel.mailbox import login_of
from jobs.clouds.errors import with_ids
from jobs.model import Evidence, Finding, State, Text, Turn, minute_of
from jobs.next_action import ASKED, wait_of, who_acts
from jobs.runs.run import Problem, Run

IDS = frozenset({"request-id", "client-request-id", "correlation-id", "trace-id"})


class ProblemFields(TypedDict):
    """Fields of a view that say what went wrong when a person was asked to do something."""

    problem: Text | None
    problem_code: str
    problem_at: datetime | None


def problem_fields(problem: Problem | None) -> ProblemFields:
    if problem is None:
        return {"problem": None, "problem_code": "", "problem_at": None}
    return {"problem": cause_text(problem), "problem_code": problem.code, "problem_at": problem.at}


def cause_text(failure: Finding | Problem | None) -> Text | None:
    return Text(f"cause.{failure.cause}") if failure else None


def known_text(key: str) -> Text | None:
    return Text(key) if has_text(key) else None


def is_ok(found: Mapping[str, Finding], step: str) -> bool:
    return step in found and found[step].state is State.OK


def texts_of(evidence: Iterable[Evidence], kind: str) -> tuple[str, ...]:
    return tuple(item.text for item in evidence if item.kind == kind)


def header(
    run: Run,
    stage: int,
    services: Services | None = None,
    *,
    to: str = THREAD,
    link: Link | None = None,
) -> Header:
    """Return the header of a run's card in a place; ``link`` knows the names of who asks and where."""
    who, about = run.requester.email, (run.id, run.channel.mailbox, stage, run.kind)
    if to not in {THREAD, who}:
        return Header(*about, _people(run, services), asked=_asked(run, link))
    started = Text("kicker.started", {"who": who, "at": minute_of(run.opened)})
    return Header(*about, _people(run, services), started)


def _people(run: Run, services: Services | None) -> dict[Turn, str]:
    approvers = services.bot.approvers if services else ()
    people = {turn: who_acts(run, turn) for turn in (Turn.REQUESTER, *ASKED)}
    if run.account and not people[Turn.ADMINISTRATOR]:
        people[Turn.ADMINISTRATOR] = run.account.upn
    # Without approvers in the settings, the requester approves.
    if len(approvers) <= 1:
        people[Turn.APPROVER] = "".join(approvers) or run.requester.email
    return {turn: who for turn, who in people.items() if who}


def _asked(run: Run, link: Link | None) -> Text:
    who = run.requester.email
    if link is None or not link.space:
        return Text("kicker.asked_direct", {"who": who})
    return Text("kicker.asked", {"who": link.asker or who, "space": link.space})


def thread_and_person(person: str) -> list[str]:
    return list(filter(None, (THREAD, person)))


def username(run: Run) -> str:
    """Return the user name of the SMTP login.

    The name is that of the token's own user: the delegate of a shared mailbox, or the UPN of the
    user of any other mailbox (platforms/microsoft.md 2.6). The rehearsal may have found that the
    server takes only another name. The result is empty while the delegate is not known.
    """
    if run.fact("shared"):
        return run.fact("username") or shared_mailbox_login(run)
    return run.fact("upn")


def shared_mailbox_login(run: Run) -> str:
    """Return the user who signs in for a shared mailbox.

    The result is empty while nobody has named one, and for a mailbox that is not shared.
    """
    return login_of(run) if run.fact("shared") else ""


def approver(run: Run) -> str:
    approval = next(iter(run.approvals.values()), None)
    return approval.by if approval else ""


def ended_at(run: Run) -> datetime:
    """Return the time at which the run ended, or at which it was opened if it has not ended."""
    return run.ended_at or run.opened


def remedy_of(finding: Finding | None) -> Text | None:
    """Return the remedy for the finding within this run, or None if none is known."""
    return known_text(remedy_within(finding.cause)) if finding else None


def code_of(finding: Finding | None) -> str:
    """Return the cloud's message with its ids, or an empty string without evidence.

    A finding that is retried automatically gets new ids each time. The ids are omitted then, so
    that they cause no card edits.
    """
    if finding is None or not finding.evidence:
        return ""
    words, *more = finding.evidence
    return with_ids(words.text, () if finding.until else _ids(more))


def _ids(evidence: Iterable[Evidence]) -> Iterator[tuple[str, str]]:
    """Return the kind and the text of each id that a cloud's support asks for."""
    return ((item.kind, item.text) for item in evidence if item.kind in IDS)


def unreachable_recipient(run: Run, question: str) -> Asked | None:
    """Return the last typed address and why nothing was sent to it.

    It is None after a person was asked.
    """
    problem = run.problems.get(question)
    return Asked(problem.code, Text(f"typed.{problem.cause}")) if problem else None


def waits_for_person(run: Run, to: str, *questions: str) -> Text | None:
    """Return since when the person who was asked 1:1 has the turn, for the card in the thread.

    The first of the questions that was answered with an address counts. After an approval
    the bot has waited only since then. The result is None if nobody was asked 1:1, and for every card
    outside the thread.
    """
    asked = next((run.answers[each] for each in questions if run.answer(each)), None)
    wait = wait_of(run)
    if asked is None or wait is None or to != THREAD:
        return None
    return Text("living.waits", {"at": minute_of(max(asked.at, wait.since))})


def urgency(run: Run, *questions: str) -> str:
    """Return a value that changes as soon as one of the questions has a new problem or answer.

    Such a change is urgent.
    """
    news = [
        kept[question].at
        for question in questions
        for kept in (run.problems, run.answers)
        if question in kept
    ]
    return "ask" + "".join(at.isoformat() for at in news)
