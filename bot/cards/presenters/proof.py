"""The proof: a test mail on its way, the agent who is asked to answer, and the done card."""

from __future__ import annotations

from datetime import datetime

from adaptive_cards import done as draw_done
from adaptive_cards import test_mail as draw_mail
from adaptive_cards.cards.done import DoneView
from adaptive_cards.cards.test_mail import TestMailView
from adaptive_cards.views import Header, Proof
from bot.cards.delivery import DesiredCard, desired_card, posted_card
from bot.cards.presenters._common import code_of, remedy_of
from bot.services import Services
from jobs.model import Finding, RunKind, State, Text, Turn
from jobs.runs.run import Kind, Run
from jobs.steps import steps_of
from jobs.steps.test_mail import OVERDUE


def cards(run: Run, services: Services) -> list[DesiredCard]:
    """The test mail's card while it is on its way, then the done card, and only then; what was shown says that it is over."""
    if run.kind is RunKind.UNDO:
        return []
    if run.ended is Kind.FINISHED:
        done = done_view(run)
        over = [_mail(run, services)] if posted_card(services, run.id, "mail") else []
        return [*over, desired_card("done", done, draw_done(done), final=True)]
    if "test_mail" not in run.findings or run.ended:
        return []
    return [_mail(run, services)]


def _mail(run: Run, services: Services) -> DesiredCard:
    mail = mail_view(run, services)
    turn = f"{mail.sent_at}{mail.arrived_at}{mail.forwarded_at}{mail.agent_at}{mail.problem}{mail.problem_code}{mail.turn}"
    asks = turn if mail.problem or _a_persons(mail) else ""
    return desired_card("mail", mail, draw_mail(mail), urgency=turn, final=mail.over, retires=mail.over, prompt=asks)


def _a_persons(mail: TestMailView) -> bool:
    """Whether the mail is still to be sent, or an agent's."""
    return (not mail.sent_by_bot and mail.sent_at is None) or (mail.forwarded_at is not None and mail.agent_at is None)


def mail_view(run: Run, services: Services) -> TestMailView:
    """Where the test mail is."""
    arrival, answer = run.findings["test_mail"], run.findings.get("agent_answer")
    stuck = next((f for f in (arrival, answer) if f and f.cause and f.state is not State.OK), None)
    late = arrival.cause == OVERDUE
    asked = arrival.waiting_for is Turn.REQUESTER and not late
    return TestMailView(
        header=Header(run.id, run.channel.mailbox, 7, run.kind),
        subject=run.fact("subject"),
        sent_by_bot=not asked and not run.answer("test_sent"),
        sent_at=None if asked else _sent_at(run),
        arrived_at=moment(run.fact("arrived_at")),
        forwarded_at=moment(run.fact("forwarded_at")),
        agent_at=_agent_at(run, answer),
        problem=Text(f"cause.{stuck.cause}") if stuck else None,
        problem_code=code_of(stuck),
        remedy=remedy_of(stuck),
        turn=stuck.waiting_for or Turn.ADMINISTRATOR if stuck else Turn.NOBODY,
        late=late,
        of_answer=stuck is not None and stuck is answer,
        answered_at=moment(run.fact("answered_at")),
        over=run.ended is Kind.FINISHED,
    )


def _sent_at(run: Run) -> datetime | None:
    sent, told = run.changed.get("test_mail"), run.answers.get("test_sent")
    return sent.begun if sent else (told.at if told else None)


def _agent_at(run: Run, answer: Finding | None) -> datetime | None:
    """When an agent said to have it; the answer shows it as well, even one that was stopped."""
    if told := run.answers.get("agent_has_it"):
        return told.at
    if answer is None:
        return None
    return moment(answer.facts.get("answer_failed_at", "") or answer.facts.get("answered_at", ""))


def done_view(run: Run) -> DoneView:
    """Every fact with its evidence."""
    steps = steps_of(run)
    made = [change for changed in run.changed.values() for change in changed.changes]
    approval = next(iter(run.approvals.values()), None)
    return DoneView(
        header=Header(run.id, run.channel.mailbox, 7, run.kind),
        at=run.ended_at or run.opened,
        started=run.opened,
        proofs=tuple(_proofs(run)),
        steps=tuple((step.article_row, run.findings[n].seen or Text(f"expected.{n}"), run.findings[n].state) for n, step in steps.items()),
        secret_expires=moment(run.fact("expires")),
        changes=len(made),
        reversible=sum(change.reversible for change in made),
        profile=run.channel.profile,
        approved_by=approval.by if approval else "",
        skipped=tuple(f.seen for f in run.findings.values() if f.state is State.SKIPPED and f.seen and f.step in steps),
        already=not made and not (run.kind is RunKind.FIX and run.answer("token_saved")),
    )


def _proofs(run: Run) -> list[Proof]:
    lines = (
        ("V1", Text("station.v1"), moment(run.fact("arrived_at"))),
        ("M3", Text("station.m3"), moment(run.fact("forwarded_at"))),
        ("V2", Text("station.v2"), run.found_at.get("agent_has_it")),
        ("V3", Text("station.v3"), moment(run.fact("answered_at"))),
    )
    login = run.findings.get("rehearsal") or run.findings.get("own_login")
    seen = [Proof(row, words, at) for row, words, at in lines if at is not None]
    if login is not None and login.state is State.OK and login.seen:
        seen.append(Proof("C6", login.seen, run.found_at[login.step]))
    return seen


def moment(text: str) -> datetime | None:
    """A fact as a moment, or None where it is not known."""
    return datetime.fromisoformat(text) if text else None
