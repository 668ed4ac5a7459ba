"""Reading of a check for people: the path of the mail, the damage, the proofs, and what is due."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import NamedTuple

from jobs.causes.cause import Cause
from jobs.checks.check import Gaps, findings_of, gaps, steps_of
from jobs.checks.verdict import MAIL_PATH, Found, Verdict, has_overdue_mail, judge, proves
from jobs.clock import parse
from jobs.engine.step import Step
from jobs.model import NO_SIGNALS, ConnectChange, Finding, Reason, Signals, State, Station
from jobs.runs.run import Run
from jobs.runs.run_store import RunStore

SEEN_AT = {
    "arrivals": Station.MAILBOX,
    "copies": Station.FORWARD,
    "agent_tasks": Station.AGENT,
    "answers": Station.ANSWER,
}
PROVING = (*SEEN_AT, "smtp_login")
"""Steps whose success proves the mail flow, in the order in which they are shown."""
ENDS = (Station.FORWARD, Station.ANSWER)
OUTSIDE = frozenset({"exchange_health", "entra_health", "webex_status"})
"""Steps that report the status that the providers publish about themselves."""
COUNTED = ("copies", "mail_to_task")
"""Steps that count missed mails. The earliest step on the mail path comes first."""
CHANGES = "connect_changes"
"""Step whose suspected changes are shown by themselves, and not among the possible causes."""


Path = tuple[tuple[Station, bool | None, datetime | None], ...]


class Lost(NamedTuple):
    """Mails that did not reach an agent; ``kept`` if all of them are known to be in the mailbox."""

    mails: int
    since: datetime
    kept: bool = False
    bounced: int = 0


@dataclass(frozen=True, slots=True)
class Reading:
    """Everything that a check says, for its card.

    Attributes:
        found: The findings as they count: one that was followed by a success is a warning.
        possible: The possible causes, without the changes in Webex Connect.
        waiting: The findings that wait for a first login of Webex Connect.
        path: Each station, whether mail passes it, and when the last mail did.
        proofs: The steps that prove the mail flow, and when.
        quiet: When all providers were known to report no incident.
        login: Whether the bot's login as the mailbox works now.
        secret_expires: The end of a client secret; ``secret_ends`` if it is to be renewed now.
    """

    steps: dict[str, Step]
    verdict: Verdict
    found: dict[str, Finding]
    left: Gaps
    possible: tuple[str, ...]
    waiting: tuple[str, ...]
    changes: tuple[ConnectChange, ...]
    path: Path
    damage: Lost | None
    proofs: tuple[tuple[Step, datetime], ...]
    quiet: datetime | None
    login: bool
    secret_expires: datetime | None
    secret_ends: datetime | None


def read(run: Run) -> Reading:
    steps, found = steps_of(run), _counting(run)
    verdict = judge(steps, found, done=run.checked is not None)
    suspects = CHANGES in verdict.possible
    return Reading(
        steps,
        verdict,
        _weighed(verdict, found),
        gaps(steps, found),
        tuple(name for name in verdict.possible if name != CHANGES),
        tuple(name for name, each in found.items() if each.cause == Cause.NOBODY_LOGGED_IN),
        verdict.weighed[CHANGES].signals.changes if suspects else (),
        _path(verdict, found),
        damage(run, verdict, found),
        tuple(
            (steps[name], found[name].signals.at or run.found_at[name])
            for name in PROVING
            if _is_ok(found, name)
        ),
        quiet_at(run, found),
        _is_ok(found, "smtp_login"),
        *secret_dates(found),
    )


def proven_at(run: Run, store: RunStore) -> datetime | None:
    """Return when the newest test mail of a run or of the watch went the whole way, if any did."""
    if run.brief.discover:
        return None
    found, runs = _counting(run), store.runs_of_mailbox(run.channel.mailbox)
    proofs = (each.fact("answered_at") or each.fact("forwarded_at") for each in runs if each.ended)
    watched = [found["watch_mail"].signals.at] if _is_ok(found, "watch_mail") else []
    return max(filter(None, [*map(parse, proofs), *watched]), default=None)


def _counting(run: Run) -> dict[str, Finding]:
    found = findings_of(run).items()
    return {name: each for name, each in found if each.reason is not Reason.NO_WATCH_MAIL}


def _is_ok(found: Found, step: str) -> bool:
    return step in found and found[step].state is State.OK


def _weighed(verdict: Verdict, found: Found) -> dict[str, Finding]:
    # A finding that did not count is shown as a warning. Mail that passed a station is shown as
    # unknown if newer mail is overdue there, or stops there.
    counted = {
        name: verdict.weighed.get(name) or replace(each, state=State.WARNING)
        for name, each in found.items()
    }
    for name, station in SEEN_AT.items():
        if _is_ok(counted, name) and (station is verdict.stops or not proves(counted[name])):
            counted[name] = replace(counted[name], state=State.UNKNOWN)
    return counted


def _path(verdict: Verdict, found: Found) -> Path:
    # The state of the stations behind the place at which mail stops is unknown.
    reports = {station: found[name] for name, station in SEEN_AT.items() if name in found}
    passed = _passed(reports, _stop(verdict)) - {verdict.stops}
    return tuple(
        (
            each,
            False if each is verdict.stops else each in passed or None,
            reports[each].signals.at if each in reports else None,
        )
        for each in MAIL_PATH
    )


def _passed(reports: Mapping[Station, Finding], stop: int) -> set[Station]:
    # An answer may leave even though copies no longer arrive, and a task may belong to an older
    # mail. So neither end of the path is proven by another station. A station at which newer mail
    # is stuck is not proven either.
    def such(tells: Callable[[Finding], bool]) -> set[Station]:
        return {station for station, finding in reports.items() if tells(finding)}

    known = such(proves)
    seen = max(map(MAIL_PATH.index, known - {Station.ANSWER}), default=-1)
    unclear = such(has_overdue_mail).union(ENDS)
    return known | (set(MAIL_PATH[: min(stop, seen + 1)]) - unclear)


def _stop(verdict: Verdict) -> int:
    return MAIL_PATH.index(verdict.stops) if verdict.stops else len(MAIL_PATH)


def damage(run: Run, verdict: Verdict, found: Found) -> Lost | None:
    """Return the damage if mail stops before an agent and the message trace was read."""
    stop = _stop(verdict)
    if stop > MAIL_PATH.index(Station.AGENT):
        return None
    before = stop <= MAIL_PATH.index(Station.MAILBOX)
    missed = next(filter(None, (_missed(_signals(found, name)) for name in COUNTED)), None)
    # If mail stops before the mailbox, refused mail counts first.
    lost = (_refused(found) if before else None) or missed
    if lost is None or before:
        return Lost(*lost) if lost else None
    kept = run.channel.keep_copy and _is_ok(found, "forwarding")
    return Lost(*lost, kept, min(_signals(found, "copies").failed, lost[0]))


def _signals(found: Found, step: str) -> Signals:
    return found[step].signals if step in found else NO_SIGNALS


def _refused(found: Found) -> tuple[int, datetime] | None:
    # It is not documented whether a full mailbox still forwards. A copy that was forwarded since
    # then shows that agents have the mails, so nothing is reported.
    refused, copied = _signals(found, "arrivals"), _signals(found, "copies").at
    if not refused.failed or refused.since is None or (copied and copied >= refused.since):
        return None
    return refused.failed, refused.since


def _missed(signals: Signals) -> tuple[int, datetime] | None:
    since = signals.missed_since or signals.since
    return (signals.missed, since) if signals.missed and since else None


def quiet_at(run: Run, found: Found) -> datetime | None:
    """Return when all three sources of service status were last read without an incident."""
    quiet = all(_is_ok(found, name) for name in OUTSIDE)
    return min(run.found_at[name] for name in OUTSIDE) if quiet else None


def secret_dates(found: Found) -> tuple[datetime | None, datetime | None]:
    """Return the end of a client secret, and the end of one that is to be renewed now."""
    secret = found.get("client_secret")
    end = parse(secret.facts.get("expires")) if secret else None
    soon = secret is not None and secret.cause == Cause.CLIENT_SECRET_EXPIRES_SOON
    return end if _is_ok(found, "client_secret") else None, end if soon else None
