"""Assessment of a channel: one answer to what is known of it now.

Everything that happened to a channel is a fact with a time. The newest fact decides, unless a run
is in progress. So no two places of the bot give two answers.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from jobs.checks.check import findings_of, gaps, verdict_of
from jobs.checks.verdict import mail_flows
from jobs.model import Finding, RunKind, State, Text
from jobs.runs.run import Kind, Run, undid
from jobs.steps.connect_form import token_at

FactKind = StrEnum(
    "FactKind",
    "CONNECTED FIXED PROVEN DISCONNECTED UNDONE STOPPED CHECKED BROKE RECOVERED",
)
"""STOPPED is a run that ended early, after changes; PROVEN a fix that found nothing to repair."""


GOOD = frozenset({FactKind.CONNECTED, FactKind.FIXED, FactKind.PROVEN, FactKind.RECOVERED})
"""Facts after which a channel works, as far as is known."""


@dataclass(frozen=True, slots=True)
class Fact:
    """Something that happened to a channel; ``run`` is the run or incident behind it.

    ``by`` started that run in ``room``. ``finding`` is what a check or the watch saw.
    """

    kind: FactKind
    at: datetime
    run: str = ""
    by: str = ""
    room: str = ""
    finding: Finding | None = None

    @property
    def is_done(self) -> bool:
        """Return whether a run did it, so that it concerns every space that knows the channel."""
        return self.kind not in {FactKind.CHECKED, FactKind.BROKE, FactKind.RECOVERED}


@dataclass(frozen=True, slots=True)
class Assessment:
    """What is known of a channel now: the newest fact and the run in progress, if any."""

    fact: Fact | None = None
    run: Run | None = None

    @property
    def needs_no_fix(self) -> bool:
        if self.run is not None or self.fact is None:
            return False
        seen = self.fact.finding
        return self.fact.kind in GOOD if seen is None else seen.state is State.OK


_DONE = {
    RunKind.SETUP: FactKind.CONNECTED,
    RunKind.FIX: FactKind.FIXED,
    RunKind.UNDO: FactKind.DISCONNECTED,
}


def assess(runs: Iterable[Run], others: Iterable[Fact] = ()) -> Assessment:
    """Return what is known of a channel from its runs, and from what checks and the watch saw."""
    known = tuple(runs)
    facts = [*filter(None, map(fact_of, known)), *others]
    newest = max(facts, key=lambda each: each.at, default=None)
    going_on = next((run for run in known if not run.ended and run.kind in _DONE), None)
    return Assessment(newest, going_on)


def fact_of(run: Run) -> Fact | None:
    """Return what a run made true of its channel; None if it goes on, or has changed nothing."""
    about = run.id, run.requester.email, run.origin.room
    if run.kind is RunKind.CHECK:
        if run.checked is None:
            return None
        at = max(filter(None, (run.checked, run.ended_at)))
        return Fact(FactKind.CHECKED, at, *about, summarize(run))
    if run.ended_at is None or run.kind not in _DONE:
        return None
    kind = _DONE[run.kind]
    if run.ended is not Kind.FINISHED:
        if not run.changed:
            return None
        kind = FactKind.STOPPED
    elif run.kind is RunKind.FIX and not repaired(run):
        kind = FactKind.PROVEN
    elif run.kind is RunKind.UNDO and not undid(run):
        if not run.undoes:
            return None
        kind = FactKind.UNDONE
    return Fact(kind, run.ended_at, *about)


def repaired(run: Run) -> bool:
    """Return whether a fix has changed a setting, or asked for a new token of Webex Connect."""
    return any(each.changes for each in run.changed.values()) or token_at(run) is not None


def summarize(run: Run) -> Finding:
    """Return the result of a check as one finding: the first cause, or how much is known.

    Checks that were skipped, because access or an answer was missing, do not count as good. The
    state is OK only if mail was seen to flow.
    """
    verdict, found, mailbox = verdict_of(run), findings_of(run), run.channel.mailbox
    if verdict.causes:
        step = verdict.causes[0]
        cause = verdict.weighed[step].cause
        return Finding(mailbox, State.WRONG, cause=cause, facts={"step": step})
    if verdict.possible:
        return Finding(mailbox, State.POSSIBLE, seen=Text("channels.noticed"))
    if (left := gaps(run)).count:
        key = "not_looked_at" if left.by_sign_in else "not_read"
        values = {"count": str(left.count), "all": str(len(found))}
        return Finding(mailbox, State.UNKNOWN, seen=Text(f"channels.{key}", values))
    if verdict.warnings:
        return Finding(mailbox, State.WARNING, seen=Text("channels.noticed"))
    if not mail_flows(found):
        return Finding(mailbox, State.UNKNOWN, seen=Text("channels.not_proven"))
    return Finding(mailbox, State.OK, seen=Text("channels.nothing_wrong"))
