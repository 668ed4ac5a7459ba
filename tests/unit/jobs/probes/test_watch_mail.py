"""Tests of the finding about the watch's test mail: how far it came, and when nothing is proven."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from jobs.checks.verdict import judge
from jobs.clock import now
from jobs.mail import watch_mail
from jobs.mail.watch_mail import WatchMail
from jobs.model import Access, Finding, Profile, Signals, State, Station
from jobs.probes import checks_for
from jobs.runs.run import Brief
from tests.unit.jobs.probes.trace_rows import (
    FORWARD,
    MAILBOX,
    OK,
    SKIPPED,
    WRONG,
    copy,
    details,
    look,
    row,
    sides,
    task,
)

SENDER = "probe@fabrikam.com"
BLOCKED = "550 5.7.520 Access denied, Your organization does not allow external forwarding."


def sent(ctx: Any, minutes: float, **changes: Any) -> WatchMail:
    """Keep a test mail that the server took so many minutes ago, and return it."""
    at = now() - timedelta(minutes=minutes)
    mail = replace(watch_mail.new_mail(at), **({"sent": at} | changes))
    watch_mail.save(ctx.store.redis, MAILBOX, mail)
    return mail


def arrived(mail: WatchMail, minutes: int, status: str = "delivered") -> dict[str, Any]:
    """Return the trace row of the test mail on its arrival in the mailbox."""
    ids = {"messageId": mail.message_id(SENDER), "subject": f"{mail.subject} Automatic test"}
    return row(minutes, status=status, senderAddress=SENDER, **ids)


def copied(mail: WatchMail, minutes: int, status: str = "delivered") -> dict[str, Any]:
    """Return the trace row of the test mail's copy to Webex Connect."""
    return arrived(mail, minutes, status) | {"recipientAddress": FORWARD}


def told(found: Finding) -> tuple[State, str, str, Station | None]:
    """Return the state, the key of the text, the cause and the station of a finding."""
    return found.state, found.seen.key if found.seen else "", found.cause, found.signals.station


def test_a_delivered_copy_is_the_proof(cloud: Any, given: Any):
    """The delivered copy of a test mail proves the way at the time of the copy.

    The arrival of the mail is noted as well, for the other channels.
    """
    ctx = given()
    mail = sent(ctx, 20)
    sides(cloud, [arrived(mail, 19)], [copied(mail, 18)])
    found = look("watch_mail", ctx)
    assert told(found)[:2] == (OK, "seen.watch_mail")
    assert found.signals.at is not None
    assert found.facts["watch_mail_arrived"] < found.signals.at.isoformat()


NOTHING = "skipped.watch_mail_says_nothing"


@pytest.mark.parametrize(
    ("changes", "came", "status", "seen"),
    [
        ({}, 20, "delivered", "skipped.watch_mail_arrived"),
        ({}, 45, "delivered", "seen.watch_mail_lost_forward"),
        ({}, 49, "quarantined", NOTHING),
        ({}, 49, "filteredAsSpam", NOTHING),
        ({"sent": None}, None, "", NOTHING),
        ({"sent": None, "refused": "smtp_busy"}, None, "", NOTHING),
    ],
)
def test_a_mail_without_a_copy(cloud, given, changes, came, status, seen):
    """A single test mail without a copy is a failure after half an hour: it is known to be sent.

    A mail that was not sent, or that a filter withholds, proves nothing: an automatic mail may look
    like spam.
    """
    ctx = given()
    mail = sent(ctx, came + 1 if came else 90, **changes)
    sides(cloud, [arrived(mail, came, status)] if came else [], [])
    found = look("watch_mail", ctx)
    assert told(found)[1] == seen
    if found.state is WRONG:
        assert told(found)[2:] == ("mail_not_delivered", Station.FORWARD)
        assert (found.signals.since, found.signals.missed, found.signals.failed) == (mail.at, 0, 0)


def test_a_refused_copy_names_the_cause_of_the_trace(cloud: Any, given: Any):
    """If the copy of a test mail is refused, the trace gives the cause and the evidence."""
    ctx = given()
    mail = sent(ctx, 10)
    sides(cloud, [arrived(mail, 9)], [copied(mail, 8, "failed")])
    details(cloud, 8, FORWARD, BLOCKED)
    found = look("watch_mail", ctx)
    lost = (WRONG, "seen.watch_mail_lost_forward", "forwarding_blocked", Station.FORWARD)
    assert told(found) == lost
    assert BLOCKED in found.evidence[-1].text


def test_a_refusal_on_arrival_counts_only_with_a_cause_of_the_mailbox(cloud: Any, given: Any):
    """A test mail that is refused on arrival counts only if the mailbox is the cause.

    Otherwise the sending server itself may be refused.
    """
    ctx = given()
    mail = sent(ctx, 10)
    cloud.on("GET /admin/exchange/tracing/messageTraces", [arrived(mail, 9, "failed")], [])
    details(cloud, 9, MAILBOX, "550 5.7.606 Access denied, banned sending IP")
    assert told(look("watch_mail", ctx))[1] == NOTHING
    cloud.on("GET /admin/exchange/tracing/messageTraces", [arrived(mail, 9, "failed")], [])
    details(cloud, 9, MAILBOX, "554 5.2.2 mailbox full")
    found = look("watch_mail", ctx)
    assert told(found)[2:] == ("mailbox_full", Station.MAILBOX)


def test_a_missing_mail_needs_a_server_that_is_known_to_send(cloud: Any, given: Any, redis: Any):
    """A missing test mail is a failure only if the sending server is known to work.

    A test mail that has arrived in another channel since then proves that.
    """
    ctx = given()
    mail = sent(ctx, 50)
    sides(cloud, [], [])
    assert told(look("watch_mail", ctx))[1] == "skipped.watch_mail_missing"
    watch_mail.note_arrival(redis, "other@contoso.com", mail.at + timedelta(minutes=5))
    sides(cloud, [], [])
    found = look("watch_mail", ctx)
    missing = (WRONG, "seen.watch_mail_missing", "watch_mail_missing", Station.MAILBOX)
    assert told(found) == missing


def test_two_missing_mails_of_the_only_channel(cloud: Any, given: Any, redis: Any):
    """Two missing test mails are a failure if no other channel is sent mail.

    If other channels are sent mail and none arrives, the sending server is to blame.
    """
    ctx = given()
    sent(ctx, 110)
    sent(ctx, 50)
    sides(cloud, [], [])
    assert told(look("watch_mail", ctx))[2] == "watch_mail_missing"
    other = watch_mail.new_mail(now())
    watch_mail.save(redis, "other@contoso.com", replace(other, sent=other.at))
    sides(cloud, [], [])
    assert told(look("watch_mail", ctx))[1] == "skipped.watch_mail_missing"


def test_a_missing_mail_is_no_fault_while_customers_mail_arrives(cloud: Any, given: Any):
    """A missing test mail is no failure while customers' mail arrives.

    The mailbox gets mail then, so the sending server did not pass the test mail on.
    """
    ctx = given()
    sent(ctx, 110)
    sent(ctx, 50)
    sides(cloud, [row(10)], [copy(9)])
    assert told(look("watch_mail", ctx))[1] == NOTHING


def test_the_newest_mail_with_a_known_fate_decides(cloud: Any, given: Any):
    """A mail that is still under way does not end an incident, and a delivered mail does."""
    ctx = given()
    old, new = sent(ctx, 100), sent(ctx, 5)
    sides(cloud, [arrived(old, 99)], [])
    assert told(look("watch_mail", ctx))[1] == "seen.watch_mail_lost_forward"
    sides(cloud, [arrived(new, 4), arrived(old, 99)], [copied(new, 3)])
    assert told(look("watch_mail", ctx))[0] is OK


def test_a_mail_from_before_the_last_change_says_nothing(cloud: Any, given: Any):
    """A test mail from before the bot's last change of the channel is not looked at."""
    ctx = given(kind="check", brief=Brief(changed_at=now() - timedelta(minutes=30)))
    sent(ctx, 60)
    assert told(look("watch_mail", ctx))[1] == "skipped.no_watch_mail"
    assert cloud.asked == []


@pytest.mark.parametrize(
    ("copy_ago", "tasks", "expected"),
    [
        (10, [], (WRONG, "seen.watch_mail_lost_connect", "no_task", Station.CONNECT)),
        (1, [], (SKIPPED, "skipped.watch_mail_under_way", "", None)),
        (10, [task(9, origin=SENDER)], (OK, "seen.watch_mail", "", None)),
        (
            10,
            [task(9, "other@contoso.com", origin=SENDER)],
            (WRONG, "", "no_task", Station.CONNECT),
        ),
        (10, [task(9, "a_1", origin=SENDER)], (OK, "seen.watch_mail", "", None)),
    ],
)
def test_the_copy_becomes_a_task(cloud, given, configured, outside, copy_ago, tasks, expected):
    """The copy of a test mail must become a task within three minutes.

    The task must be one of this mailbox, or come from the sender of the mail.
    """
    ctx = given(settings=configured(probe_from=SENDER, contact_center_org=""))
    mail = sent(ctx, copy_ago + 2)
    sides(cloud, [arrived(mail, copy_ago + 1)], [copied(mail, copy_ago)])
    outside.on("GET /cc/v1/tasks", {"data": tasks})
    found = told(look("watch_mail", ctx))
    assert found[0] is expected[0]
    assert found[2:] == expected[2:]


@pytest.mark.parametrize(
    ("tasks", "others", "seen"),
    [
        ([task(40, origin=SENDER)], False, "seen.watch_mail"),
        ([], False, "skipped.watch_mail_missing"),
        ([], True, "seen.watch_mail_without_task"),
    ],
)
def test_the_tasks_alone_show_the_whole_way(cloud, given, configured, outside, tasks, others, seen):
    """If the tenant lets the bot read nothing, a task is the only sign that the mail came through.

    The message trace is not asked then.
    """
    ctx = given(settings=configured(probe_from=SENDER, contact_center_org=""))
    ctx.access = Access.NONE
    mail = sent(ctx, 50)
    if others:
        watch_mail.note_arrival(ctx.store.redis, "o@contoso.com", mail.at + timedelta(minutes=1))
    outside.on("GET /cc/v1/tasks", {"data": tasks})
    assert told(look("watch_mail", ctx))[1] == seen
    assert cloud.asked == []


def test_customers_mail_is_judged_without_the_test_mails(cloud: Any, given: Any):
    """Test mails do not count as customers' mail.

    A lost test mail is neither a late mail, nor a failed mail, nor a mail that waits for an answer.
    """
    ctx = given()
    mail, good = sent(ctx, 90), sent(ctx, 30)
    arrivals = [arrived(mail, 89, "failed"), arrived(mail, 89), row(100)]
    sides(cloud, arrivals, [copy(99)])
    found = look("copies", ctx)
    assert (found.state, found.signals.missed) == (OK, 0)
    cloud.on("GET /admin/exchange/tracing/messageTraces", arrivals)
    assert look("arrivals", ctx).state is OK
    subject = f"Automatic reply: {mail.subject}"
    reply = row(20, "failed", SENDER, senderAddress=MAILBOX, subject=subject)
    sides(cloud, [reply], [copied(good, 28)])
    assert look("answers", ctx).state is SKIPPED


def test_a_later_copy_of_a_customer_disproves_the_loss():
    """A customer's copy that was delivered after a lost test mail shows that mail goes on again.

    The loss is then no cause any more.
    """
    steps, since = checks_for(Profile.ARTICLE), now() - timedelta(hours=2)
    signals = Signals(since=since, station=Station.FORWARD, disproved_by=("copies",))
    lost = Finding("watch_mail", WRONG, cause="mail_not_delivered", signals=signals)
    good = Finding("copies", OK, signals=Signals(at=since + timedelta(hours=1)))
    old = Finding("copies", OK, signals=Signals(at=since - timedelta(hours=1)))
    others = {name: Finding(name, OK) for name in steps if name != "copies"}
    assert judge(steps, others | {"watch_mail": lost, "copies": good}).causes == ()
    verdict = judge(steps, others | {"watch_mail": lost, "copies": old})
    assert (verdict.causes, verdict.stops) == (("watch_mail",), Station.FORWARD)
