"""Presenter of the proof: the test mail on its way, the request to an agent, and the done card."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from itertools import chain

from adaptive_cards import done as draw_done
from adaptive_cards import test_mail as draw_mail
from adaptive_cards.cards.done import DoneView
from adaptive_cards.cards.test_mail import TestMailView
from adaptive_cards.texts import render
from adaptive_cards.views import Proof
from bot.cards.presenters import watch
from bot.cards.presenters._common import (
    approver,
    cause_text,
    code_of,
    ended_at,
    header,
    remedy_of,
    thread_and_person,
    unreachable_recipient,
)
from bot.cards.presenters.card_state import THREAD, DesiredCard, desired_card
from bot.services import Services
from jobs.access import app_access
from jobs.causes.cause import Cause
from jobs.engine.step import Step
from jobs.model import Finding, RunKind, State, Text, Turn
from jobs.runs.run import Kind, Run
from jobs.steps import steps_of
from jobs.steps.connect_form import token_at

AGENT = "agent"
"""Question about which agent gets the test mail.

The answer is the address of the person asked 1:1.
"""


def cards(run: Run, services: Services) -> list[DesiredCard]:
    if run.kind is RunKind.UNDO:
        return []
    if run.ended is Kind.FINISHED:
        record = services.channels.record(run.channel.mailbox)
        tenant = record.channel.tenant_id if record else ""
        done = replace(
            done_view(run),
            watched=watch.interval_of(run, services),
            blind=bool(tenant) and app_access.grant_for(services.redis, tenant) is None,
        )
        return [desired_card("done", done, draw_done(done))]
    if "test_mail" not in run.findings or run.ended:
        return []
    mail = mail_view(run, services)
    return [
        _mail(replace(mail, direct=to != THREAD, header=header(run, 7, to=to)), to)
        for to in thread_and_person(_agent(run, mail))
    ]


def _agent(run: Run, mail: TestMailView) -> str:
    return run.answer(AGENT) if _is_an_agents(mail) or mail.answers else ""


def _mail(mail: TestMailView, to: str) -> DesiredCard:
    turn = (
        f"{mail.problem}{mail.problem_code}{mail.turn}{_is_to_be_sent(mail)}{_is_an_agents(mail)}"
        f"{mail.answers}{mail.asked}"
    )
    asks = turn if mail.problem or _a_persons(mail) else ""
    return desired_card("mail", mail, draw_mail(mail), to=to, urgency=turn, prompt=asks)


def _a_persons(mail: TestMailView) -> bool:
    return _is_to_be_sent(mail) or _is_an_agents(mail) or mail.answers


def _is_to_be_sent(mail: TestMailView) -> bool:
    return not mail.sent_by_bot and mail.sent_at is None


def _is_an_agents(mail: TestMailView) -> bool:
    return mail.forwarded_at is not None and mail.agent_at is None


def mail_view(run: Run, services: Services) -> TestMailView:
    arrival, answer = run.findings["test_mail"], run.findings.get("agent_answer")
    stuck = next(filter(_is_stuck, (arrival, answer)), None)
    asked = arrival.waiting_for is Turn.REQUESTER and arrival.cause != Cause.TEST_MAIL_LATE
    # An agent's confirmation counts. So does an answer to the mail, even one that was stopped.
    told = run.answers.get("agent_has_it")
    return TestMailView(
        header=header(run, 7, services),
        subject=run.fact("subject"),
        sent_by_bot=not asked and not run.answer("test_sent"),
        sent_at=None if asked else _sent_at(run),
        arrived_at=time_or_none(run.fact("arrived_at")),
        forwarded_at=time_or_none(run.fact("forwarded_at")),
        agent_at=told.at if told else _answer_at(answer),
        problem=cause_text(stuck),
        problem_code=code_of(stuck),
        remedy=remedy_of(stuck),
        turn=stuck.waiting_for or Turn.ADMINISTRATOR if stuck else Turn.NOBODY,
        late=arrival.cause == Cause.TEST_MAIL_LATE,
        of_answer=stuck is not None and stuck is answer,
        answered_at=time_or_none(run.fact("answered_at")),
        over=run.ended is Kind.FINISHED,
        asked=unreachable_recipient(run, AGENT),
        answers=answer is not None and answer.waiting_for is Turn.AGENT,
    )


def _is_stuck(finding: Finding | None) -> bool:
    return finding is not None and finding.cause != "" and finding.state is not State.OK


def _sent_at(run: Run) -> datetime | None:
    sent, told = run.changed.get("test_mail"), run.answers.get("test_sent")
    return sent.begun if sent else (told.at if told else None)


def _answer_at(answer: Finding | None) -> datetime | None:
    """Return the moment of the answer, or of the last one that was stopped."""
    if answer is None:
        return None
    return time_or_none(
        answer.facts.get("answer_failed_at", "") or answer.facts.get("answered_at", "")
    )


def done_view(run: Run) -> DoneView:
    made = list(chain.from_iterable(changed.changes for changed in run.changed.values()))
    steps = steps_of(run)
    skipped = (
        f.seen for f in run.findings.values() if f.state is State.SKIPPED and f.step in steps
    )
    shown, answered = run.found_at.get("agent_has_it"), time_or_none(run.fact("answered_at"))
    lines = (
        ("V1", Text("station.v1"), time_or_none(run.fact("arrived_at"))),
        ("M3", Text("station.m3"), time_or_none(run.fact("forwarded_at"))),
        ("V2", Text("station.v2"), min(filter(None, (shown, answered)), default=None)),
        ("V3", Text("station.v3"), answered),
    )
    proofs = [
        *(Proof(row, words, at) for row, words, at in lines if at is not None),
        *_login_proof(run),
    ]
    return DoneView(
        header=header(run, 7),
        at=ended_at(run),
        started=run.opened,
        proofs=tuple(proofs),
        steps=tuple(_step_line(step, run.findings[name]) for name, step in steps_of(run).items()),
        secret_expires=time_or_none(run.fact("expires")),
        changes=len(made),
        reversible=sum(change.reversible for change in made),
        profile=run.channel.profile,
        approved_by=approver(run),
        skipped=tuple(filter(None, skipped)),
        already=not made and not _has_new_token(run),
    )


def _has_new_token(run: Run) -> bool:
    """Return whether the run is a fix in which Webex Connect got a new token."""
    return run.kind is RunKind.FIX and token_at(run) is not None


def _step_line(step: Step, finding: Finding) -> tuple[str, Text, State]:
    seen = render(finding.seen or Text(f"expected.{step.name}"))
    words = Text("verdict.line_seen", {"title": f"key:step.{step.name}", "seen": seen})
    return step.article_row, words, finding.state


def _login_proof(run: Run) -> list[Proof]:
    login = run.findings.get("rehearsal") or run.findings.get("own_login")
    if login is None or login.state is not State.OK:
        return []
    return [Proof("C6", login.seen, run.found_at[login.step])] if login.seen else []


def time_or_none(text: str) -> datetime | None:
    return datetime.fromisoformat(text) if text else None
