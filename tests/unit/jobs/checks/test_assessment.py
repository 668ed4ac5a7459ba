"""Assessment of a channel, from its runs and from what checks and the watch saw."""

from datetime import UTC, datetime, timedelta

import pytest
from msgspec.structs import replace

from jobs.checks.check import Fact, FactKind, assess, fact_of
from jobs.model import Channel, Finding, Person, RunKind, State
from jobs.runs.run import UNDOES, Kind, Reply, Run

AT = datetime(2026, 11, 27, 3, 0, tzinfo=UTC)
WHO = Person("anna", "anna@example.test")
CHANNEL = Channel("support@contoso.com")


def run(kind: RunKind, minute: int, end: Kind | None = Kind.FINISHED, only: str = "") -> Run:
    """Return a run that began at a minute and ended, if at all, a minute later."""
    known = {UNDOES: only} if only else {}
    ended = AT + timedelta(minutes=minute + 1) if end else None
    begun = AT + timedelta(minutes=minute)
    return Run("R", CHANNEL, WHO, begun, kind, known=known, ended=end, ended_at=ended)


def checked(minute: int, state: State) -> Fact:
    """Return a check at this minute."""
    at = AT + timedelta(minutes=minute)
    return Fact(FactKind.CHECKED, at, "C", finding=Finding(CHANNEL.mailbox, state))


@pytest.mark.parametrize(
    ("runs", "facts", "works"),
    [
        ([], [], False),
        ([run(RunKind.SETUP, 0, None)], [], False),
        ([run(RunKind.SETUP, 0)], [], True),
        ([run(RunKind.SETUP, 0)], [checked(5, State.WRONG)], False),
        ([run(RunKind.SETUP, 0)], [checked(5, State.UNKNOWN)], False),
        ([run(RunKind.SETUP, 0), run(RunKind.FIX, 9)], [checked(5, State.WRONG)], True),
        ([run(RunKind.FIX, 9, Kind.CANCELLED)], [checked(5, State.WRONG)], False),
        ([run(RunKind.FIX, 9, None)], [checked(15, State.OK)], False),
        ([run(RunKind.UNDO, 9)], [checked(5, State.OK)], True),
    ],
)
def test_the_newest_fact_or_the_run_in_progress_decides(runs, facts, works):
    assert assess(runs, facts).needs_no_fix is works


def test_a_fix_that_changed_nothing_has_only_proven_the_channel():
    """A fix of the token alone has repaired the channel, although no setting changed."""
    renewed = {"token_saved": Reply("yes", WHO.email, AT)}
    fixes = (run(RunKind.FIX, 9), replace(run(RunKind.FIX, 9), answers=renewed))
    kinds = [fact.kind for each in fixes if (fact := fact_of(each))]
    assert kinds == [FactKind.PROVEN, FactKind.FIXED]


def test_an_undo_of_one_run_is_no_end_of_the_channel():
    """An undo that restored nothing is no fact, and the undo of one run does not disconnect."""
    left = replace(run(RunKind.UNDO, 9, only="F"), past={"smtp_auth": None})
    assert [fact_of(each) for each in (run(RunKind.UNDO, 9), left)] == [None, None]
    undone = fact_of(replace(left, findings={"smtp_auth": Finding("smtp_auth", State.OK)}))
    assert (undone.kind, undone.by) == (FactKind.UNDONE, WHO.email)
