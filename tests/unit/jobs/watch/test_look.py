"""Tests of the outcome of a look, and of the watch's test mail, which is sent only once."""

import asyncio
from datetime import datetime, timedelta

import pytest

from jobs.clock import now
from jobs.mail import watch_mail
from jobs.mail.watch_mail import new_mail
from jobs.model import Channel, ConnectChange, Finding, Reason, RunKind, Signals, State, Turn
from jobs.probes import checks_for
from jobs.runs.fold import fold
from jobs.runs.run import Brief, Event, Kind, Origin, opening
from jobs.runs.run_store import CheckBuffer
from jobs.storage import keys
from jobs.watch import look
from jobs.watch.look import CloudLook, CountingTrace, needs_mail, outcome_of
from jobs.watch.model import ChannelState, Damage, Eye, LookOutcome, Sight, WatchedChannel
from tests.fixtures.copies import replace
from tests.unit.jobs.conftest import ASKER
from tests.unit.jobs.probes.trace_rows import MAILBOX, TRACES, row

SENDER, HOUR = "probe@fabrikam.com", timedelta(hours=1)
CHANNEL = Channel("support@contoso.com", "https://uk.webexconnect.io/callback", tenant_id="t")
STEPS = checks_for(CHANNEL.profile)
LOG = "connect_changes"


def looked(*findings: Finding, others: State = State.SKIPPED):
    """Return a look with these findings. All other steps have the state ``others``."""
    found = {name: Finding(name, others) for name in STEPS}
    found |= {finding.step: finding for finding in findings}
    events = [Event(Kind.FOUND, now(), step=name, finding=each) for name, each in found.items()]
    first = opening(CHANNEL, ASKER, RunKind.CHECK, Origin("room-1"), None)
    return fold("LOOK", [first, Event(Kind.DETAILS, now(), channel=CHANNEL), *events])


def test_a_break_names_the_change_that_may_have_brought_it_about():
    """The incident's card shows who changed the object, as a check does."""
    change = ConnectChange(at=now(), by="ada@contoso.com", event="Delete application")
    gone = Finding("application", State.WRONG, cause="app_not_found")
    changed = replace(gone, signals=Signals(changes=(change,)))
    assert [outcome_of(looked(each)).changed for each in (gone, changed)] == [None, change]


def unknown(step: str, turn: Turn = Turn.TIME, cause: str = "throttled") -> Finding:
    return Finding(step, State.UNKNOWN, cause=cause, waiting_for=turn)


def test_a_cause_is_a_break():
    """A look that finds a cause calls the channel broken.

    The outcome says who must act, which fix is offered, and how many mails are late because of the
    break. A mail whose copy bounced is counted as such, because its sender got a report.
    """
    since = now() - timedelta(hours=2)
    lost = Signals(missed=3, missed_since=since, since=since, failed=2)
    outcome = outcome_of(
        looked(
            Finding("forwarding", State.WRONG, cause="not_forwarded"),
            Finding("copies", State.WRONG, cause="mail_not_delivered", signals=lost),
        )
    )
    assert (outcome.sight, outcome.step) == (Sight.BROKEN, "forwarding")
    assert outcome.cause == "not_forwarded"
    assert (outcome.turn, outcome.fix) == (Turn.APPROVER, "fix.forwarding")
    assert (outcome.damage, outcome.since) == (Damage(1, 2, since), since)


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


async def test_test_mails_are_not_in_the_history(cloud, given):
    """The watch's own test mails are not counted as customers' mails.

    The counts by hour feed the history and the files. The step that follows the test mail still
    sees that mail.
    """
    mail = new_mail(now())
    ids = {"messageId": mail.message_id(SENDER), "subject": f"{mail.subject} Test"}
    cloud.on(TRACES, [row(1), row(2), row(3, **ids)])
    trace = CountingTrace(given().trace(), MAILBOX)
    found = await trace.find(now() - HOUR, recipient=MAILBOX)
    assert (sum(trace.hours.values()), len(found)) == (2, 3)
    assert {datetime.fromisoformat(each).minute for each in trace.hours} == {0}


@pytest.mark.parametrize(("foreign", "sight"), [(False, Sight.UNSURE), (True, Sight.BROKEN)])
def test_a_run_may_have_broken_its_channel(given, runtime_of, work_settings, foreign, sight):
    """A break is not sure while a run changes the channel, unless others have written its history."""
    ctx = given(channel=CHANNEL, changed={"forwarding": now()})
    if foreign:
        ctx.store.redis.lset(keys.run_events(ctx.run.id), 0, "{}")
    seen = CloudLook(runtime_of(work_settings), bool, lambda _: ChannelState(), HOUR, MAILS[1])
    draft = CheckBuffer(ctx.store, CHANNEL, ASKER, ctx.run.origin, Brief())
    outcome = LookOutcome(Sight.BROKEN, "not_forwarded")
    # as a look does
    assert seen._judged(draft, ChannelState(), outcome).sight is sight  # noqa: SLF001


GOOD = LookOutcome(Sight.HEALTHY, eyes=(Eye.APP,))
WATCHED = WatchedChannel(Channel(MAILBOX, tenant_id="t"), "room-1", ASKER, now())
MAILS = HOUR, lambda watched: ("No answer needed", f"Test of {watched.mailbox}.")


@pytest.fixture
def server(smtp_server):
    """Return a real SMTP server, with the mails that it took."""
    return smtp_server(tls=False)


@pytest.fixture
def ctx(given, work_settings, server):
    """Return the context of a finished look whose settings let the bot send mail."""
    url = f"smtp://127.0.0.1:{server.port}?starttls=never"
    return given(
        settings=replace(work_settings, probe_smtp_url=url, probe_from=SENDER), kind="check"
    )


def ok(step: str, minutes: float = 0) -> Finding:
    """Return the finding of a step that is in order because of something so many minutes ago."""
    return Finding(step, State.OK, signals=Signals(at=now() - timedelta(minutes=minutes)))


UNREAD = LookOutcome(Sight.HEALTHY)
TASKS = "agent_tasks"
NEEDED: dict[str, list[tuple[list[Finding], bool, LookOutcome, bool]]] = {
    "nothing in the last hour has shown that mail goes through": [
        ([], False, GOOD, True),
        ([ok("copies", 90)], False, GOOD, True),
    ],
    "no agent is bothered while customers' mail shows the way, up to its task": [
        ([ok("copies", 10)], False, GOOD, False),
        ([ok("copies", 10)], True, GOOD, True),
        ([ok("copies", 10), ok("mail_to_task")], True, GOOD, False),
    ],
    "a task shows the whole way, without the message trace": [
        ([ok(TASKS, 10)], True, GOOD, False),
        ([ok(TASKS, 90)], True, GOOD, True),
    ],
    "nothing is sent that nobody could follow": [
        ([], False, UNREAD, False),
        ([Finding(TASKS, State.UNKNOWN)], True, UNREAD, False),
        ([Finding(TASKS, State.SKIPPED)], True, UNREAD, True),
    ],
    "a broken channel gets none, unless only a test mail has seen the break": [
        ([], False, replace(GOOD, sight=Sight.BROKEN, step="forwarding"), False),
        ([], False, replace(GOOD, sight=Sight.BROKEN, step="watch_mail"), True),
        ([], False, replace(GOOD, sight=Sight.UNSURE), False),
        ([], False, replace(GOOD, sight=Sight.CANNOT_LOOK), False),
    ],
}


@pytest.mark.parametrize("why", NEEDED)
def test_when_a_mail_is_needed(ctx, why):
    for findings, reads_tasks, outcome, needed in NEEDED[why]:
        url = "https://cc.test" if reads_tasks else ""
        ctx.settings = replace(ctx.settings, contact_center_url=url)
        ctx.run = replace(ctx.run, findings={each.step: each for each in findings})
        assert needs_mail(ctx, outcome, HOUR, now()) is needed, findings


@pytest.mark.parametrize("sender", ["", MAILBOX])
def test_a_sender_that_cannot_be_used(ctx, sender):
    """The sender may be missing, or the mailbox itself, whose mail Webex Connect drops."""
    ctx.settings = replace(ctx.settings, probe_from=sender)
    assert not needs_mail(ctx, GOOD, HOUR, now())


def test_the_mail_is_told_apart_and_sent_once_in_an_hour(ctx, server):
    """The test mail is recognized by a header, its Message-ID and its subject.

    If several workers send it at once, only one mail goes out in an hour.
    """

    async def at_once() -> None:
        await asyncio.gather(*(look.send_watch_mail(ctx, WATCHED, *MAILS) for _ in range(5)))

    asyncio.run(at_once())
    (mail,) = server.received
    (kept,) = watch_mail.newest(ctx.store.redis, MAILBOX)
    assert mail[watch_mail.HEADER] == kept.id
    assert mail["X-Auto-Response-Suppress"] == "OOF, AutoReply"
    assert mail["Message-ID"] == f"<email-watch.{kept.id}@fabrikam.com>"
    assert mail["Subject"] == f"[Webex email watch] {kept.id} No answer needed"
    assert mail["Auto-Submitted"] is None
    assert kept.sent is not None
    sent, at = keys.watch_mails_sent(), kept.at - HOUR
    assert watch_mail.has_others(ctx.store.redis, sent, "other@contoso.com", at)


@pytest.mark.parametrize(
    "reply", ["451 4.7.1 Greylisted, try again later", "550 5.7.1 Relaying denied"]
)
def test_a_server_that_does_not_take_it_is_not_asked_again(ctx, server, reply):
    """A mail server's refusal is recorded, and the server is not asked again within the hour."""
    server.refuse_recipient = reply
    asyncio.run(look.send_watch_mail(ctx, WATCHED, *MAILS))
    (kept,) = watch_mail.newest(ctx.store.redis, MAILBOX)
    assert (kept.sent, bool(kept.refused)) == (None, True)
    asyncio.run(look.send_watch_mail(ctx, WATCHED, *MAILS))
    assert len(watch_mail.newest(ctx.store.redis, MAILBOX)) == 1
    sent, at = keys.watch_mails_sent(), kept.at - HOUR
    assert not watch_mail.has_others(ctx.store.redis, sent, "other@contoso.com", at)
