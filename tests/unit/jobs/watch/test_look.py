"""Tests of the outcome of a look: broken, healthy, without an access, or without an answer."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from jobs.clock import now
from jobs.mail.message_trace import TraceRow, TraceStatus
from jobs.mail.watch_mail import new_mail
from jobs.model import (
    Channel,
    ConnectChange,
    Finding,
    Person,
    Reason,
    RunKind,
    Signals,
    State,
    Text,
    Turn,
)
from jobs.probes import checks_for
from jobs.runs.fold import fold
from jobs.runs.run import Event, Kind, Origin, Run, opening
from jobs.watch.look import CountingTrace, outcome_of
from jobs.watch.model import Damage, Eye, Sight

CHANNEL = Channel("support@contoso.com", "https://uk.webexconnect.io/callback", tenant_id="t")
STEPS = checks_for(CHANNEL.profile)
AWAY, LOG = Text("verbatim", {"text": "busy"}), "connect_changes"


def looked(*findings: Finding, others: State = State.SKIPPED) -> Run:
    """Return a look with these findings. All other steps have the state ``others``."""
    found = {name: Finding(name, others) for name in STEPS}
    found |= {finding.step: finding for finding in findings}
    events = [Event(Kind.FOUND, now(), step=name, finding=each) for name, each in found.items()]
    person = Person("p", "anna@contoso.com")
    first = opening(CHANNEL, person, RunKind.CHECK, Origin("room-1"), None)
    return fold("LOOK", [first, Event(Kind.DETAILS, now(), channel=CHANNEL), *events])


def test_a_break_names_the_change_that_may_have_brought_it_about():
    """The incident's card shows who changed the object, as a check does."""
    change = ConnectChange(at=now(), by="ada@contoso.com", event="Delete application")
    gone = Finding("application", State.WRONG, cause="app_not_found")
    changed = replace(gone, signals=Signals(changes=(change,)))
    assert [outcome_of(looked(each)).changed for each in (gone, changed)] == [None, change]


def unknown(step: str, turn: Turn = Turn.TIME, cause: str = "throttled") -> Finding:
    """Return the finding of a step that got no answer."""
    return Finding(step, State.UNKNOWN, seen=AWAY, cause=cause, waiting_for=turn)


def test_a_cause_is_a_break():
    """A look that finds a cause calls the channel broken.

    The outcome says who must act, which fix is offered, and how many mails are late because of the
    break.
    """
    since = now() - timedelta(hours=2)
    lost = Signals(missed=3, missed_since=since, since=since)
    outcome = outcome_of(
        looked(
            Finding("forwarding", State.WRONG, cause="not_forwarded"),
            Finding("copies", State.WRONG, cause="mail_not_delivered", signals=lost),
        )
    )
    assert (outcome.sight, outcome.step) == (Sight.BROKEN, "forwarding")
    assert outcome.cause == "not_forwarded"
    assert (outcome.turn, outcome.fix) == (Turn.APPROVER, "fix.forwarding")
    assert (outcome.damage, outcome.since) == (Damage(late=3, since=since), since)


def test_a_cause_of_the_bots_own_place_says_nothing_about_the_channel():
    """If the bot itself cannot reach the SMTP server, the watch cannot look.

    Its operator must act then, and the channel is not called broken.
    """
    outcome = outcome_of(looked(Finding("smtp_server", State.WRONG, cause="smtp_unreachable")))
    assert (outcome.sight, outcome.turn) == (Sight.CANNOT_LOOK, Turn.OPERATOR)


def test_what_cannot_be_read_is_named():
    """A look that found nothing wrong is healthy, and names the steps that it could not read."""
    outcome = outcome_of(looked(Finding("mail_exchanger", State.OK)))
    assert outcome.sight is Sight.HEALTHY
    assert "outbound_policy" in outcome.unseen
    assert "mail_exchanger" not in outcome.unseen


@pytest.mark.parametrize(("share", "sight"), [(0.6, Sight.UNSURE), (0.4, Sight.HEALTHY)])
def test_a_look_that_got_few_answers_is_unsure(share, sight):
    """A look is unsure if more than half of the steps that it asked got no answer.

    A single service that is unreachable does not make it unsure.
    """
    names = list(STEPS)
    away = [unknown(name) for name in names[: round(len(names) * share)]]
    assert outcome_of(looked(*away, others=State.OK)).sight is sight


def test_the_access_of_a_look():
    """The outcome lists the kinds of access that the look could use.

    They are the bot's own login, the tenant's grant, and the services in the settings.
    """
    run = looked(Finding("smtp_login", State.OK), Finding("agent_tasks", State.OK))
    assert set(outcome_of(run, app=True).eyes) == {Eye.LOGIN, Eye.APP, Eye.TASKS}
    assert outcome_of(looked()).eyes == ()


@pytest.mark.parametrize(
    ("eye", "finding", "expected"),
    [
        (Eye.APP, Finding("smtp_login", State.OK), (Sight.CANNOT_LOOK, "app_access_withdrawn")),
        (Eye.LOGIN, Finding("smtp_login", State.SKIPPED), (Sight.CANNOT_LOOK, "sign_in_missing")),
        (Eye.LOGIN, Finding("smtp_login", State.POSSIBLE, cause="x"), (Sight.CANNOT_LOOK, "x")),
        (Eye.LOGIN, unknown("smtp_login"), (Sight.UNSURE, "throttled")),
        (Eye.CONNECT, Finding(LOG, State.SKIPPED, reason=Reason.LOG_AWAY), (Sight.UNSURE, "")),
        (Eye.CONNECT, Finding(LOG, State.POSSIBLE, cause="x"), (Sight.HEALTHY, "")),
        (Eye.TASKS, unknown("agent_tasks", Turn.OPERATOR, "x"), (Sight.CANNOT_LOOK, "x")),
    ],
)
def test_an_access_that_is_missing(eye, finding, expected):
    """If an access that the watch had before is missing, the channel is not called healthy.

    The watch cannot look if the access has ended, and is unsure if a cloud gave no answer this
    time. A suspect change was read, and alone it is no break.
    """
    outcome = outcome_of(looked(finding, others=State.OK), [eye])
    assert (outcome.sight, outcome.cause) == expected


def test_a_break_counts_more_than_a_missing_access():
    """A break that the remaining access shows is reported, even if another access is missing."""
    wrong = Finding("mail_exchanger", State.WRONG, cause="mail_goes_elsewhere")
    assert outcome_of(looked(wrong), [Eye.APP]).sight is Sight.BROKEN


MAILBOX, HOUR = "support@contoso.com", datetime(2026, 11, 27, 8, tzinfo=UTC)


class Trace:
    """Message trace that returns the given rows."""

    def __init__(self, *rows: TraceRow) -> None:
        self.rows = rows

    async def find(
        self, since: datetime, *, recipient: str = "", sender: str = "", subject: str = ""
    ) -> tuple[TraceRow, ...]:
        """Return all rows."""
        return self.rows

    async def details(self, row: TraceRow) -> tuple[str, ...]:
        """Return no details."""
        return ()


def row(number: int, message_id: str, subject: str = "Hello") -> TraceRow:
    """Return the row of a mail that arrived in the hour of the test."""
    at = HOUR.replace(minute=number)
    to = ("kim@customer.example", MAILBOX)
    return TraceRow(f"t{number}", *to, message_id, at, subject, TraceStatus.DELIVERED)


async def test_test_mails_are_not_in_the_history():
    """The watch's own test mails are not counted as customers' mails.

    The counts by hour feed the history and the files. The step that follows
    the test mail still sees that mail.
    """
    mail = new_mail(HOUR)
    own = row(3, mail.message_id("probe@fabrikam.com"), f"{mail.subject} Test")
    trace = CountingTrace(Trace(row(1, "<1>"), row(2, "<2>"), own), MAILBOX)
    found = await trace.find(HOUR, recipient=MAILBOX)
    assert (trace.hours, own in found) == ({HOUR.isoformat(): 2}, True)
