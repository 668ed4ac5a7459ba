"""A check as one card: the verdict first, then the way of the mail, then every finding."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

from adaptive_cards import verdict as draw
from adaptive_cards.cards.verdict.view import Stop, VerdictView
from adaptive_cards.texts import has_text, text
from adaptive_cards.views import CheckLine, Proof
from bot import links
from bot.cards.delivery import DesiredCard, desired_card
from bot.cards.presenters import verdict_extras
from bot.services import Services
from jobs.checks import check, remedies
from jobs.checks.verdict import MAIL_PATH, Verdict, has_overdue_mail, judge, proves
from jobs.clock import now
from jobs.engine.step import Step
from jobs.model import Channel, Finding, State, Station, Text
from jobs.runs.run import Run

SEEN_AT = {"arrivals": Station.MAILBOX, "copies": Station.FORWARD, "agent_tasks": Station.AGENT, "answers": Station.ANSWER}
ENDS = (Station.FORWARD, Station.ANSWER)


def cards(run: Run, services: Services) -> list[DesiredCard]:
    """From the first moment on; edited as findings come in."""
    found = view(run, services)
    return [
        desired_card(
            "verdict",
            found,
            draw(found),
            urgency=f"{bool(run.checked)}{_looked(found)}{[line.title.key for line in found.causes]}{found.problem_at or ''}",
            final=run.checked is not None,
            prompt=f"{run.checked}{found.problem_at}" if run.checked else "",
        )
    ]


def view(run: Run, services: Services) -> VerdictView:
    """What was found so far, judged."""
    steps = check.steps_of(run)
    found = {name: finding for name, finding in run.findings.items() if name in steps}
    verdict = judge(steps, found, done=run.checked is not None)
    sign_in = links.link(services, "signin", run.id).url if run.checked and check.may_sign_in(run) else ""
    counted = {name: verdict.weighed.get(name) or _history(finding) for name, finding in found.items()}
    fix = remedies.fix(run, verdict, whole=not sign_in or run.account is not None) if run.checked else None
    grant = run.checked is not None and fix is None and check.may_be_granted(services.redis, run)
    return VerdictView(
        run=run.id,
        mailbox=run.channel.mailbox,
        at=run.checked or now(),
        looking=0 if run.checked else max(1, len(steps) - len(found)),
        causes=_causes(run.channel, steps, counted, verdict.causes),
        symptoms=tuple(_line(steps[name], counted[name], steps[cause].article_row) for name, cause in verdict.symptoms.items()),
        possible=_causes(run.channel, steps, counted, verdict.possible),
        warnings=_lines(steps, counted, verdict.warnings),
        skipped=_lines(steps, counted, verdict.skipped),
        lines=_lines(steps, counted, [name for name in steps if name in found]),
        way=_way(verdict, found),
        since=verdict.since,
        turn=remedies.turn(verdict),
        fix=fix,
        proofs=tuple(_proofs(run, steps, found)),
        sign_in_url=sign_in,
        lacks_role=bool(sign_in) and run.account is not None,
        grant_url=links.link(services, "access", run.id).url if grant else "",
        **_problem(run),
        damage=verdict_extras.damage(run, verdict, found),
        secret_expires=verdict_extras.secret_expires(found),
        connect_test=verdict_extras.may_send(run, services.settings),
    )


def _problem(run: Run) -> dict[str, Any]:
    """What came of letting the bot read by itself, where it went wrong."""
    problem = run.problems.get("app_access")
    return {"problem": Text(f"cause.{problem.cause}"), "problem_code": problem.code, "problem_at": problem.at} if problem else {}


def _causes(channel: Channel, steps: Mapping[str, Step], found: Mapping[str, Finding], names: Iterable[str]) -> tuple[CheckLine, ...]:
    return tuple(_cause(channel, steps[name], found[name]) for name in names)


def _lines(steps: Mapping[str, Step], found: Mapping[str, Finding], names: Iterable[str]) -> tuple[CheckLine, ...]:
    return tuple(_line(steps[name], found[name]) for name in names)


def _looked(found: VerdictView) -> bool:
    """Whether anything was really looked at: the first such finding is news, what was left out is not."""
    return any(line.state not in {State.SKIPPED, State.UNKNOWN} for line in found.lines)


def _cause(channel: Channel, step: Step, finding: Finding) -> CheckLine:
    """A cause is named by its sentence, and comes with what to do and the command that does it."""
    command = f"command_of.{step.name}"
    return CheckLine(
        step.article_row,
        _sentence(finding),
        finding.state,
        finding.access or step.diagnosis.access,
        seen=finding.seen,
        expected=finding.expected,
        evidence=finding.evidence,
        remedy=Text(f"remedy.{finding.cause}") if has_text(f"remedy.{finding.cause}") else None,
        proof=Text(f"proof.{step.name}") if has_text(f"proof.{step.name}") else None,
        command=text(command, mailbox=channel.mailbox, domain=channel.domain) if has_text(command) else "",
    )


def _line(step: Step, finding: Finding, explained_by: str = "") -> CheckLine:
    title = Text(f"step.{step.name}")
    access = finding.access or step.diagnosis.access
    return CheckLine(step.article_row, title, finding.state, access, finding.seen, finding.expected, finding.evidence, explained_by)


def _history(finding: Finding) -> Finding:
    """What failed once and has gone well since stays in the list, and is no cross."""
    return replace(finding, state=State.WARNING)


def _sentence(finding: Finding) -> Text:
    return Text(f"cause.{finding.cause}") if has_text(f"cause.{finding.cause}") else Text(f"step.{finding.step}")


def _way(verdict: Verdict, found: dict[str, Finding]) -> tuple[Stop, ...]:
    """Mail goes on up to the place where it stops; what lies behind is not known."""
    last = {SEEN_AT[name]: finding.signals.at for name, finding in found.items() if name in SEEN_AT}
    stop = MAIL_PATH.index(verdict.stops) if verdict.stops else len(MAIL_PATH)
    known = {SEEN_AT[name] for name, finding in found.items() if name in SEEN_AT and proves(finding)}
    late = {SEEN_AT[name] for name, finding in found.items() if name in SEEN_AT and has_overdue_mail(finding)}
    seen = max((MAIL_PATH.index(station) for station in known - {Station.ANSWER}), default=-1)
    return tuple(
        Stop(each, True if each in known and place != stop else _passes(place, stop, seen, late), last.get(each))
        for place, each in enumerate(MAIL_PATH)
    )


def _passes(place: int, stop: int, seen: int, late: set[Station]) -> bool | None:
    """An answer may leave though no copy comes any more, and a task may be an older mail's: neither end is proven by another station.

    Nor is one at which newer mail has not gone on.
    """
    if place == stop:
        return False
    if MAIL_PATH[place] in late:
        return None
    return True if place < stop and place <= seen and MAIL_PATH[place] not in ENDS else None


def _proofs(run: Run, steps: dict[str, Step], found: dict[str, Finding]) -> list[Proof]:
    names = [name for name in (*SEEN_AT, "smtp_login", "connect_send") if name in found and found[name].state is State.OK]
    moments = {name: found[name].signals.at or run.found_at[name] for name in names}
    proofs = [Proof(steps[name].article_row, Text(f"step.{name}"), moments[name]) for name in names]
    return proofs + (verdict_extras.no_incident(run, found) if proofs else [])
