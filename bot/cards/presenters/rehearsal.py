"""The rehearsal card: offer, sign in, and which phase failed and why."""

from __future__ import annotations

from dataclasses import replace

from adaptive_cards import rehearsal as draw
from adaptive_cards.cards.rehearsal import RehearsalView
from adaptive_cards.views import Header
from bot import links
from bot.cards.delivery import DesiredCard, desired_card
from bot.services import Services
from jobs.model import Evidence, Finding, State, Text
from jobs.runs.run import Run
from jobs.steps import steps_of
from jobs.storage.vault import Sealed

LINES = 12


def cards(run: Run, services: Services) -> list[DesiredCard]:
    """From the moment that it could begin; a fix proves itself by the bot's own login, and has none."""
    if run.ended or run.account is None or not _may_begin(run) or _logging_in(run, services):
        return []
    found = view(run, services)
    turn = f"{bool(found.url)}{found.problem}{found.settling}{found.done}{found.skipped}"
    return [desired_card("rehearsal", found, draw(found), urgency=turn, prompt="" if found.skipped else turn)]


def view(run: Run, services: Services) -> RehearsalView:
    """Where the rehearsal stands."""
    answer, finding = run.answer("rehearse"), run.findings.get("rehearsal")
    shared = bool(run.fact("shared"))
    login = run.answers["mailbox_sign_in"].by if shared and run.answer("mailbox_sign_in") else ""
    username = run.channel.mailbox if shared else run.fact("upn")
    base = RehearsalView(Header(run.id, run.channel.mailbox, 6, run.kind), username, shared=shared, login=login)
    if answer.startswith("skip"):
        return replace(base, skipped=answer.partition(":")[2])
    if finding is not None and finding.state is State.OK:
        return replace(base, done=True, transcript=_transcript(finding))
    problem = run.problems.get("mailbox_sign_in")
    if problem is not None and problem.at > run.answers["rehearse"].at:
        return replace(base, problem=Text(f"cause.{problem.cause}"), problem_code=problem.code)
    if finding is not None and finding.cause:
        told = replace(base, problem=Text(f"cause.{finding.cause}"), problem_code=_code(finding), transcript=_transcript(finding))
        return replace(told, settling=finding.until is not None)
    if answer != "yes" or finding is None or finding.state is not State.WAITING:
        return base
    link = links.link(services, "rehearsal", run.id)
    return replace(base, url=link.url, until=link.until)


def _may_begin(run: Run) -> bool:
    return "mailbox_fields" in run.findings and "rehearsal" in steps_of(run)


def _logging_in(run: Run, services: Services) -> bool:
    """Between the sign-in and what the SMTP server says the card stays as it is."""
    finding = run.findings.get("rehearsal")
    waits = finding is not None and finding.state is State.WAITING and not finding.cause
    return waits and run.answer("rehearse") == "yes" and services.vault.holds(Sealed.REHEARSAL_TOKEN.of(run.id))


def _code(finding: Finding) -> str:
    return _texts(finding.evidence, "smtp")[0] if finding.evidence else ""


def _transcript(finding: Finding) -> tuple[str, ...]:
    return _texts(finding.evidence, "transcript")[-LINES:]


def _texts(evidence: tuple[Evidence, ...], kind: str) -> tuple[str, ...]:
    return tuple(item.text for item in evidence if item.kind == kind)
