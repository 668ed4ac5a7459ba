"""Outcome of a look, from the findings of a check that no person has signed in for."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

from jobs.causes.cause import Cause
from jobs.checks import remedies
from jobs.checks.check import steps_of
from jobs.checks.verdict import Verdict, judge
from jobs.model import Finding, Reason, Signals, State, Turn
from jobs.runs.run import Run
from jobs.watch.model import TEST_MAIL_STEP, Damage, Eye, LookOutcome, Sight

EYES = {
    Eye.LOGIN: ("smtp_login",),
    Eye.CONNECT: ("connect_changes",),
    Eye.TASKS: ("agent_tasks",),
}
"""Steps that are read with each access; those of the tenant's need no entry."""
LOST = {
    Eye.LOGIN: Cause.SIGN_IN_MISSING,
    Eye.APP: Cause.APP_ACCESS_WITHDRAWN,
    Eye.CONNECT: Cause.WEBEX_KEY_REFUSED,
    Eye.TASKS: Cause.WEBEX_KEY_REFUSED,
}
"""Reason why each kind of access has ended, if the clouds do not name a reason."""
_GIVES = {
    Eye.LOGIN: Turn.MAILBOX_USER,
    Eye.APP: Turn.ADMINISTRATOR,
    Eye.CONNECT: Turn.OPERATOR,
    Eye.TASKS: Turn.OPERATOR,
}
_READ = frozenset({State.OK, State.WRONG, State.WARNING, State.WAITING})
_MOST_UNKNOWN = 0.5
"""Largest share of findings without an answer with which a look still counts."""


@dataclass(frozen=True, slots=True)
class Extras:
    """Additional facts of a look.

    ``app`` is whether the tenant's read access worked. ``calls`` is the number of requests, and
    ``mails`` are the arrived mails by hour. ``check`` is the run with the findings, or empty.
    """

    app: bool = False
    calls: int = 0
    mails: dict[str, int] = field(default_factory=dict)
    check: str = ""


def outcome_of(run: Run, had: Iterable[Eye] = (), extras: Extras | None = None) -> LookOutcome:
    """Return the outcome of a look from the findings of the run.

    ``had`` are the kinds of access that the watch of this channel has had before. If one of them
    has ended, the look is not called healthy.
    """
    more = extras or Extras()
    steps = steps_of(run)
    found = {name: finding for name, finding in run.findings.items() if name in steps}
    verdict = judge(steps, found)
    eyes = tuple(eye for eye in Eye if _has(eye, verdict.weighed, app=more.app))
    known = LookOutcome(
        Sight.HEALTHY,
        unseen=_unseen(verdict.weighed),
        eyes=eyes,
        mails=more.mails,
        calls=more.calls,
        check=more.check,
    )
    if verdict.causes:
        return _broken(run, verdict, known)
    if unknown := _mostly_unknown(found):
        return replace(known, sight=Sight.UNSURE, cause=unknown)
    lost = next((eye for eye in had if eye not in eyes), None)
    return known if lost is None else _without(lost, verdict.weighed, known)


def _unseen(weighed: Mapping[str, Finding]) -> tuple[str, ...]:
    """Return the names of the steps that the look could not read.

    A test mail is not missed if other mail was seen to go on, because that shows the same. So an
    incident that only a test mail has seen can end without another test mail.
    """
    copies = weighed.get("copies")
    not_missed = TEST_MAIL_STEP if copies is not None and copies.state is State.OK else ""
    return tuple(
        name for name, each in weighed.items() if each.state not in _READ and name != not_missed
    )


def _broken(run: Run, verdict: Verdict, known: LookOutcome) -> LookOutcome:
    """Return the outcome of a look that saw a cause.

    A cause that the bot's operator must act on lies with the bot's own place, its credential or its
    network. Such a cause says nothing about the channel, so it only means that the watch cannot
    look.
    """
    name = verdict.causes[0]
    finding = verdict.weighed[name]
    cause, turn = finding.cause or name, remedies.whose_turn(verdict)
    if turn is Turn.OPERATOR:
        return replace(known, sight=Sight.CANNOT_LOOK, cause=cause, turn=turn)
    button = remedies.fix(run, verdict, whole=True)
    return replace(
        known,
        sight=Sight.BROKEN,
        cause=cause,
        since=verdict.since,
        step=name,
        station=verdict.stops,
        turn=turn,
        fix=button[0] if button else "",
        damage=damage_of(verdict.weighed),
        changed=next(iter(finding.signals.changes), None),
    )


def damage_of(found: Mapping[str, Finding]) -> Damage:
    """Return the late and bounced mails that trace and contact center show."""
    late = [each for each in _signals(found, "copies", "mail_to_task") if each.missed]
    bounced = [each for each in _signals(found, "arrivals", "answers") if each.failed]
    times = [each.missed_since or each.since for each in late]
    times += [each.since for each in bounced]
    return Damage(
        late=max((each.missed for each in late), default=0),
        bounced=sum(each.failed for each in bounced),
        since=min(filter(None, times), default=None),
    )


def _signals(found: Mapping[str, Finding], *names: str) -> list[Signals]:
    return [found[name].signals for name in names if name in found]


def _has(eye: Eye, weighed: Mapping[str, Finding], *, app: bool) -> bool:
    if eye is Eye.APP:
        return app
    return any(each.state in _READ for each in _of(eye, weighed))


def _of(eye: Eye, weighed: Mapping[str, Finding]) -> list[Finding]:
    return [weighed[name] for name in EYES.get(eye, ()) if name in weighed]


def _without(eye: Eye, weighed: Mapping[str, Finding], known: LookOutcome) -> LookOutcome:
    """Return the outcome of a look that lacks an access, for the moment or because it has ended."""
    own = _of(eye, weighed)
    cause = next((each.cause for each in own if each.cause), "")
    if any(_is_for_the_moment(each) for each in own):
        return replace(known, sight=Sight.UNSURE, cause=cause)
    return replace(known, sight=Sight.CANNOT_LOOK, cause=cause or LOST[eye], turn=_GIVES[eye])


def _is_for_the_moment(finding: Finding) -> bool:
    """Return whether a cloud gave no usable answer this time."""
    if finding.state is State.UNKNOWN:
        return finding.waiting_for is Turn.TIME
    return finding.reason is Reason.LOG_AWAY


def _mostly_unknown(found: Mapping[str, Finding]) -> str:
    """Return the cause of the first finding without an answer, if most findings have no answer.

    Otherwise the result is an empty string.
    """
    read = [each for each in found.values() if each.state is not State.SKIPPED]
    unknown = [each for each in read if _is_for_the_moment(each)]
    if len(unknown) <= len(read) * _MOST_UNKNOWN:
        return ""
    return unknown[0].cause or Cause.SERVICE_UNAVAILABLE
