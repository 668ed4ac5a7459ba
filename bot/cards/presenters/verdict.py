"""Presenter of a check as one card: the verdict, then the path of the mail, then every finding."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from datetime import datetime

from adaptive_cards.cards.verdict import verdict as verdict_card
from adaptive_cards.cards.verdict_band import Stop, VerdictView
from adaptive_cards.texts import has_text, text
from adaptive_cards.views import ChangeLine, CheckLine, Damage, Proof
from bot import links
from bot.cards.presenters import questions
from bot.cards.presenters.card_state import (
    DesiredCard,
    desired_card,
    is_ok,
    known_text,
    problem_fields,
)
from bot.cards.presenters.progress import time_or_none
from bot.services import Services
from jobs.causes.cause import Cause, page_of
from jobs.checks import check, more_access, remedies
from jobs.checks.discovering import open_questions
from jobs.checks.gaps import gaps
from jobs.checks.verdict import MAIL_PATH, Verdict, has_overdue_mail, judge, proves
from jobs.clock import now, parse
from jobs.engine.step import Step
from jobs.model import (
    NO_SIGNALS,
    Access,
    Channel,
    Finding,
    Reason,
    Signals,
    State,
    Station,
    Text,
    Turn,
    verbatim,
)
from jobs.runs.run import Run

SEEN_AT = {
    "arrivals": Station.MAILBOX,
    "copies": Station.FORWARD,
    "agent_tasks": Station.AGENT,
    "answers": Station.ANSWER,
}
PROVING = (*SEEN_AT, "smtp_login")
"""Steps whose success proves the mail flow, in the order of the card's lines."""
ENDS = (Station.FORWARD, Station.ANSWER)


def cards(run: Run, services: Services) -> list[DesiredCard]:
    # While the check must ask for something about the channel, the card is that question.
    if asked := open_questions(run):
        return questions.discovery_cards(run, asked)
    found = view(run, services)
    card = desired_card(
        "verdict",
        found,
        verdict_card(found),
        urgency=_urgency(run, found),
        prompt=f"{run.checked}{found.problem_at}{run.ended}" if run.checked else "",
    )
    return [replace(card, first_at_once=True)]


def _urgency(run: Run, found: VerdictView) -> str:
    # That a cloud gives no answer is a problem. That the cloud answers again is not urgent.
    return (
        f"{bool(run.checked)}{run.kept}{_looked(found)}{found.fix is not None}"
        f"{[line.title for line in found.causes]}{found.problem_at or ''}"
        f"{sorted(run.once_silent)}"
    )


def view(run: Run, services: Services) -> VerdictView:
    steps = check.steps_of(run)
    found = _found(run, steps)
    verdict = judge(steps, found, done=run.checked is not None)
    sign_in = _sign_in_url(run, services)
    counted = _counted(verdict, found)
    fix = _fix(run, verdict, sign_in)
    left = gaps(steps, found)
    ends = secret_ends(found) if _is_ours(run) else None
    return VerdictView(
        run=run.id,
        mailbox=run.channel.mailbox,
        at=run.checked or now(),
        looking=0 if run.checked else max(1, len(steps) - len(run.findings)),
        silent=tuple(map(_cloud, run.silent)),
        causes=_causes(run.channel, steps, counted, verdict.causes),
        symptoms=_symptoms(steps, counted, verdict.symptoms),
        possible=_causes(run.channel, steps, counted, others(verdict)),
        changes=changes(verdict),
        warnings=_lines(steps, counted, (*verdict.warnings, *_waiting(found))),
        skipped=_lines(steps, counted, verdict.skipped),
        lines=_lines(steps, counted, [name for name in steps if name in found]),
        way=_way(verdict, found),
        since=verdict.since,
        turn=_turn(run, services, verdict),
        fix=fix or renewal(run, ends),
        proofs=tuple(_proofs(run, steps, found)),
        sign_in_url=sign_in,
        lacks_role=bool(sign_in) and run.account is not None,
        grant_url=_grant_url(run, services, has_fix=fix is not None),
        **problem_fields(run.problems.get("app_access")),
        damage=damage(run, verdict, found),
        secret_expires=secret_expires(found),
        found=questions.found_channel(run, services),
        unread=left.count,
        needs_administrator=left.by_sign_in,
        secret_ends=ends,
        proven=_proven_at(run, services, found) if run.checked and left.count else None,
        login=is_ok(found, "smtp_login"),
    )


def _proven_at(run: Run, services: Services, found: Mapping[str, Finding]) -> datetime | None:
    """Return when the newest test mail of a run or of the watch went the whole way, if any did."""
    if run.brief.discover:
        return None
    runs = services.store.runs_of_mailbox(run.channel.mailbox)
    proofs = (each.fact("answered_at") or each.fact("forwarded_at") for each in runs if each.ended)
    watched = [found["watch_mail"].signals.at] if is_ok(found, "watch_mail") else []
    return max(filter(None, [*map(time_or_none, proofs), *watched]), default=None)


def _waiting(found: Mapping[str, Finding]) -> list[str]:
    return [n for n, each in found.items() if each.cause == Cause.NOBODY_LOGGED_IN]


def _found(run: Run, steps: Mapping[str, Step]) -> dict[str, Finding]:
    """Return the findings of the check's steps, without that of test mails if none were sent."""
    return {
        name: finding
        for name, finding in run.findings.items()
        if name in steps and finding.reason is not Reason.NO_WATCH_MAIL
    }


def _turn(run: Run, services: Services, verdict: Verdict) -> Turn:
    """Return who must act. Before the channel is kept, no plan of the bot can be approved."""
    turn = remedies.whose_turn(verdict)
    if turn is not Turn.APPROVER or _is_ours(run):
        return turn
    return Turn.REQUESTER if questions.may_keep(run, services) else Turn.ADMINISTRATOR


def _is_ours(run: Run) -> bool:
    """Return whether the channel is known here, from before or because it was kept."""
    return run.kept or not run.brief.discover


def _cloud(service: str) -> Text:
    return known_text(f"evidence.{service}") or verbatim(service)


def _sign_in_url(run: Run, services: Services) -> str:
    return links.link(services, "signin", run.id).url if _is_sign_in_offered(run) else ""


def _is_sign_in_offered(run: Run) -> bool:
    return run.checked is not None and not run.ended and more_access.may_sign_in(run)


def _counted(verdict: Verdict, found: Mapping[str, Finding]) -> dict[str, Finding]:
    # A finding that did not count is shown as a warning. Mail that passed a station is shown as
    # unknown if newer mail is overdue there, or stops there.
    counted = {name: verdict.weighed.get(name, _history(found[name])) for name in found}
    past = [
        name
        for name, station in SEEN_AT.items()
        if is_ok(counted, name) and (station is verdict.stops or not proves(counted[name]))
    ]
    return counted | {name: replace(counted[name], state=State.UNKNOWN) for name in past}


def _fix(run: Run, verdict: Verdict, sign_in_url: str) -> tuple[str, dict[str, str]] | None:
    return (
        remedies.fix(run, verdict, whole=not sign_in_url or run.account is not None)
        if run.checked and _is_ours(run)
        else None
    )


def _grant_url(run: Run, services: Services, *, has_fix: bool) -> str:
    # The link is shown after a finished check that offers no fix and whose tenant can grant access.
    if run.checked is None or has_fix or not more_access.may_be_granted(services.redis, run):
        return ""
    return links.link(services, "access", run.id).url


def _symptoms(
    steps: Mapping[str, Step], found: Mapping[str, Finding], causes: Mapping[str, str]
) -> tuple[CheckLine, ...]:
    return tuple(
        _check_line(steps[name], found[name], steps[cause].article_row)
        for name, cause in causes.items()
    )


def _causes(
    channel: Channel, steps: Mapping[str, Step], found: Mapping[str, Finding], names: Iterable[str]
) -> tuple[CheckLine, ...]:
    return tuple(_cause(channel, steps[name], found[name]) for name in names)


def _lines(
    steps: Mapping[str, Step], found: Mapping[str, Finding], names: Iterable[str]
) -> tuple[CheckLine, ...]:
    return tuple(_check_line(steps[name], found[name]) for name in names)


def _looked(found: VerdictView) -> bool:
    # The first finding of this kind is an urgent update; skipped steps are not.
    return any(line.state not in {State.SKIPPED, State.UNKNOWN} for line in found.lines)


def _cause(channel: Channel, step: Step, finding: Finding) -> CheckLine:
    command = f"command_of.{step.name}"
    return CheckLine(
        step.article_row,
        known_text(f"cause.{finding.cause}") or Text(f"step.{finding.step}"),
        finding.state,
        _access(step, finding),
        seen=finding.seen,
        expected=finding.expected,
        evidence=finding.evidence,
        remedy=known_text(f"remedy.{finding.cause}"),
        proof=known_text(f"proof.{step.name}"),
        command=text(command, mailbox=channel.mailbox, domain=channel.domain)
        if has_text(command)
        else "",
        page=page_of(finding.cause),
        step=step.name,
    )


def _check_line(step: Step, finding: Finding, explained_by: str = "") -> CheckLine:
    title = Text(f"step.{step.name}")
    access = _access(step, finding)
    return CheckLine(
        step.article_row,
        title,
        finding.state,
        access,
        finding.seen,
        finding.expected,
        finding.evidence,
        explained_by,
        step=step.name,
    )


def _access(step: Step, finding: Finding) -> Access:
    """Return the access that the finding was read with, or else the access that its step needs."""
    return finding.access or step.diagnosis.access


def _history(finding: Finding) -> Finding:
    # A failure that has been followed by a success stays in the list, but not as an error.
    return replace(finding, state=State.WARNING)


def _way(verdict: Verdict, found: dict[str, Finding]) -> tuple[Stop, ...]:
    # The state of the stations behind that place is unknown.
    reports = {station: found[name] for name, station in SEEN_AT.items() if name in found}
    last = {station: finding.signals.at for station, finding in reports.items()}
    passed = _passed(reports, stop_of(verdict))
    return tuple(
        Stop(each, _passes(each, verdict.stops, passed), last.get(each)) for each in MAIL_PATH
    )


def _stations(reports: Mapping[Station, Finding], tells: Callable[[Finding], bool]) -> set[Station]:
    return {station for station, finding in reports.items() if tells(finding)}


def _passed(reports: Mapping[Station, Finding], stop: int) -> set[Station]:
    # An answer may leave even though copies no longer arrive, and a task may belong to an older
    # mail. So neither end of the path is proven by another station. A station at which newer mail
    # is stuck is not proven either.
    known = _stations(reports, proves)
    seen = max(map(MAIL_PATH.index, known - {Station.ANSWER}), default=-1)
    unclear = _stations(reports, has_overdue_mail).union(ENDS)
    return known | (set(MAIL_PATH[: min(stop, seen + 1)]) - unclear)


def _passes(station: Station, stops: Station | None, passed: set[Station]) -> bool | None:
    if station is stops:
        return False
    return True if station in passed else None


def _proofs(run: Run, steps: dict[str, Step], found: dict[str, Finding]) -> list[Proof]:
    proofs = [_proof(run, steps[name], found[name]) for name in PROVING if is_ok(found, name)]
    return proofs + (no_incident(run, found) if proofs else [])


def _proof(run: Run, step: Step, finding: Finding) -> Proof:
    """Return the step's success with its time, or with the time of the check if that is unknown."""
    return Proof(
        step.article_row, Text(f"step.{step.name}"), finding.signals.at or run.found_at[step.name]
    )


OUTSIDE = frozenset({"exchange_health", "entra_health", "webex_status"})
"""Steps that report the status that the providers publish about themselves."""
COUNTED = ("copies", "mail_to_task")
"""Steps that count missed mails, with the facts for the number and the start.

The earliest step on the mail path comes first.
"""

CHANGES = "connect_changes"
"""Step whose suspected changes have a section of their own on the card."""
EXPLAINED = {
    "deleteapp": Cause.CONNECT_ADDRESS_GONE,
    "deleteflow": Cause.CONNECT_FLOW_NOT_LIVE,
    "deleterule": Cause.CONNECT_FLOW_NOT_LIVE,
    "updaterulestatus": Cause.CONNECT_FLOW_NOT_LIVE,
    "updatewfstatusonupdaterule": Cause.CONNECT_FLOW_NOT_LIVE,
}
"""Cause inside Webex Connect that an action in the audit log explains.

An update of an app may explain many causes.
"""


def damage(run: Run, verdict: Verdict, found: Mapping[str, Finding]) -> Damage | None:
    # The damage is known only if mail stops before an agent and the message trace was read.
    stop = stop_of(verdict)
    if stop > MAIL_PATH.index(Station.AGENT):
        return None
    before = stop <= MAIL_PATH.index(Station.MAILBOX)
    told = _lost(found, before=before)
    if told is None:
        return None
    return Damage(*told) if before else _damage_of_copies(run, found, *told)


def _damage_of_copies(
    run: Run, found: Mapping[str, Finding], mails: int, since: datetime
) -> Damage:
    """Return the damage of mail that has reached the mailbox, but no agent."""
    bounced = min(_signals(found, "copies").failed, mails)
    return Damage(
        mails, since, kept=run.channel.keep_copy and is_ok(found, "forwarding"), bounced=bounced
    )


def stop_of(verdict: Verdict) -> int:
    """Return the index in MAIL_PATH at which mail stops, or its length if none is known."""
    return MAIL_PATH.index(verdict.stops) if verdict.stops else len(MAIL_PATH)


def _lost(found: Mapping[str, Finding], *, before: bool) -> tuple[int, datetime] | None:
    # ``before`` means that mail stops before the mailbox, so refused mail counts first.
    first_missed = next(filter(None, (_missed(_signals(found, name)) for name in COUNTED)), None)
    return (_refused(found) if before else None) or first_missed


def _signals(found: Mapping[str, Finding], step: str) -> Signals:
    return found[step].signals if step in found else NO_SIGNALS


def _refused(found: Mapping[str, Finding]) -> tuple[int, datetime] | None:
    # It is not documented whether a full mailbox still forwards. A copy that was forwarded since
    # then shows that agents have the mails, so nothing is reported.
    refused = _signals(found, "arrivals")
    if not refused.failed or refused.since is None or _has_copied(found, refused.since):
        return None
    return refused.failed, refused.since


def _has_copied(found: Mapping[str, Finding], since: datetime) -> bool:
    copied = _signals(found, "copies").at
    return copied is not None and copied >= since


def _missed(signals: Signals) -> tuple[int, datetime] | None:
    since = signals.missed_since or signals.since
    return (signals.missed, since) if signals.missed and since else None


def no_incident(run: Run, found: Mapping[str, Finding]) -> list[Proof]:
    """Return one line if all three sources of service status were read without an incident."""
    if not all(is_ok(found, name) for name in OUTSIDE):
        return []
    return [
        Proof(
            "MS",
            Text("verdict.no_incident"),
            min(run.found_at[found[name].step] for name in OUTSIDE),
        )
    ]


def secret_expires(found: Mapping[str, Finding]) -> datetime | None:
    # A date that is near is left out, because the card shows it as a warning already.
    return _expiry(found["client_secret"]) if is_ok(found, "client_secret") else None


def secret_ends(found: Mapping[str, Finding]) -> datetime | None:
    secret = found.get("client_secret")
    if secret is None or secret.cause != Cause.CLIENT_SECRET_EXPIRES_SOON:
        return None
    return _expiry(secret)


def _expiry(secret: Finding) -> datetime | None:
    known = secret.facts.get("expires")
    return parse(known) if known else None


def renewal(run: Run, ends: datetime | None) -> tuple[str, dict[str, str]] | None:
    return ("button.renew_secret", {"do": "fix", "channel": run.channel.mailbox}) if ends else None


def others(verdict: Verdict) -> tuple[str, ...]:
    """Return the possible causes, without the changes in Webex Connect."""
    return tuple(name for name in verdict.possible if name != CHANGES)


def changes(verdict: Verdict) -> tuple[ChangeLine, ...]:
    if CHANGES not in verdict.possible:
        return ()
    found = verdict.weighed[CHANGES].signals.changes
    return tuple(
        ChangeLine(each, known_text(f"cause.{EXPLAINED.get(each.event.lower(), '')}"))
        for each in found
    )
