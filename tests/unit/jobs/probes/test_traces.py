"""Tests of the message traces: arrivals, copies, answers, and the watch's test mails."""

from dataclasses import replace
from datetime import timedelta
from email.utils import format_datetime

import pytest

from jobs.checks.verdict import judge, proves
from jobs.clock import now
from jobs.clouds.clock_skew import METER, WEBEX
from jobs.mail import watch_mail
from jobs.mail.message_trace import TraceRow, TraceStatus, without_copy
from jobs.microsoft.exchange import ExchangeRow
from jobs.model import Access, Evidence, Finding, Profile, Signals, State, Station
from jobs.probes import checks_for
from jobs.runs.run import Brief
from tests.fixtures.parsed import table
from tests.unit.jobs.probes.trace_rows import (
    CUSTOMER,
    FORWARD,
    HOUR,
    LOST,
    MAILBOX,
    MOMENT,
    OK,
    RULE_BLOCKS,
    SKIPPED,
    TRACES,
    WARNING,
    WRONG,
    copy,
    details,
    look,
    row,
    sides,
    task,
)

BLOCKED = (
    "550 5.7.520 Access denied, Your organization does not allow external forwarding. AS(7555)"
)
UPN = "upn@contoso.com"
RULE = {"Name": "Nothing to Webex", "Guid": "11112222-3333"}
RULE |= {"State": "Enabled", "DeleteMessage": True}
NAMED = "Transport rule: 'Nothing to Webex', ID: (x)"
TRACED = table("traces")
"""Cases of the tests, by their names."""


@pytest.mark.parametrize("case", TRACED["what_arrives"])
def test_what_arrives(cloud, given, case):
    """Spam is no failure, and one mail that fails for a reason of its own is only a warning.

    A mail that is under way for an hour counts as not delivered.
    """
    cloud.on(TRACES, [row(**each) for each in case["rows"]])
    found = look("arrivals", given())
    assert (found.state, found.cause) == (case["state"], case["cause"])


def test_mail_in_quarantine_is_counted_with_its_page(cloud, given):
    """Mail that a filter keeps is normal. The finding says how much, and where it can be seen."""
    spam = [row(age, status="quarantined", senderAddress=f"{age}@x.test") for age in (20, 40)]
    cloud.on(TRACES, [row(5), *spam, row(50, status="filteredAsSpam")])
    found = look("arrivals", given())
    assert found.state is State.OK
    assert found.seen
    assert (found.seen.key, found.seen.values["count"]) == ("seen.traced_quarantine", "2")


def test_a_failure_says_since_when_and_how_often(cloud, given):
    """A failure counts from the first failed mail after the last good one.

    The finding has the trace's text. Without a good mail within two days, the beginning is unknown.
    """
    cloud.on(TRACES, [copy(5, "failed"), copy(20, "failed"), copy(30), copy(90, "failed")])
    details(cloud, 5, FORWARD, BLOCKED)
    ctx = given()
    found = look("copies", ctx)
    assert (found.state, found.cause) == (WRONG, "forwarding_blocked")
    assert found.signals.failed == 2
    ages = [(now() - at).total_seconds() / 60 for at in (found.signals.since, found.signals.at)]
    assert ages == [pytest.approx(20, abs=2), pytest.approx(30, abs=2)]
    assert found.evidence == (Evidence("trace", f"Fail | {BLOCKED}"),)
    cloud.on(TRACES, [copy(5, "failed"), copy(2000, "failed")])
    signals = look("copies", ctx).signals
    assert (signals.since, signals.at) == (None, None)
    details(cloud, 5, FORWARD, "250 2.1.5 RESOLVER.MSGTYPE.AF; handled AutoForward")
    dropped = look("copies", ctx)  # without a report to the sender
    assert (dropped.cause, dropped.signals.failed) == ("remote_domain_blocks_forwarding", 0)


@pytest.mark.parametrize("refuse", [404, 503])
def test_a_known_failure_stays_known(cloud, given, refuse):
    """A failed mail stays a failure if its details or the mail flow rules cannot be read."""
    cloud.on(TRACES, [copy(5, "failed"), copy(30)])
    cloud.refuse(f"{TRACES}/m5/getDetailsByRecipient(recipientAddress='{FORWARD}')", refuse).refuse(
        "Get-TransportRule", refuse
    )
    found = look("copies", given())
    assert (found.state, found.cause, found.evidence) == (WRONG, LOST, ())


@pytest.mark.parametrize("case", TRACED["copies_that_never_come"])
def test_copies_that_never_come(cloud, given, case):
    """Mail without a copy within half an hour is a failure; a single such mail proves little."""
    sides(cloud, list(map(row, case["arrived"])), list(map(copy, case["copies"])))
    found = look("copies", given())
    assert (found.state, found.seen and found.seen.key) == (case["state"], case["seen"])
    assert found.cause == (LOST if case["seen"] == "seen.no_copy" else "")


@pytest.mark.parametrize(
    ("words", "ages", "state", "cause"),
    [("", [2, 3], WARNING, ""), (NAMED, [2, 3], WRONG, RULE_BLOCKS), (NAMED, [20], OK, "")],
)
def test_copies_that_are_held_back(cloud, given, words, ages, state, cause):
    """A single pending copy may be only a short delay, and several give a warning.

    If the trace of a pending copy names a mail flow rule, the rule is the cause.
    """
    held = [copy(age, "pending") for age in ages]
    sides(cloud, [row(age) for age in (*ages, 300)], [*held, copy(300)])
    details(cloud, ages[0], FORWARD, words)
    cloud.on("Get-TransportRule", [ExchangeRow(RULE)])
    found = look("copies", given())
    assert (found.state, found.cause, proves(found)) == (state, cause, state is OK)


@pytest.mark.parametrize("case", TRACED["what_a_filter_takes"])
def test_what_a_filter_takes(cloud, given, case):
    """Quarantined mail of three senders gives a warning, and less of it proves nothing.

    If the trace of such a mail names a mail flow rule, the rule is the cause.
    """
    senders = [f"{who}@customer.test" for who in case["senders"]]
    held = [row(age, "quarantined", senderAddress=who) for age, who in enumerate(senders, 1)]
    cloud.on(TRACES, [*held, row(300)])
    for age in range(1, len(senders) + 1):
        details(cloud, age, MAILBOX, case["words"])
    found = look("arrivals", given())
    assert (found.state, found.cause) == (case["state"], case["cause"])
    assert proves(found) is (found.state is OK)


def test_what_arrived_before_the_forwarding_was_set_says_nothing(cloud, given):
    """Mail from before that, a delivery report, and the mailbox's own mail need no copy."""
    own = [row(40, senderAddress="postmaster@contoso.com"), row(45, senderAddress=MAILBOX)]
    sides(cloud, [*own, row(60), row(70)], [])
    ctx = given(brief=Brief(changed_at=now() - timedelta(minutes=55)))
    assert (look("copies", ctx).state, look("copies", ctx).facts) == (SKIPPED, {})


@pytest.mark.parametrize("case", TRACED["copies_that_do_not_go_on"])
def test_copies_that_do_not_go_on(cloud, given, case):
    """A copy that is under way for an hour counts as not delivered.

    A copy that is too large, or is taken for spam, is no failure of the channel.
    """
    copies = [copy(**each) for each in case["copies"]]
    sides(cloud, [row(8 * HOUR, messageId=copies[0]["messageId"])], copies)
    assert look("copies", given()).state == case["state"]


@pytest.mark.parametrize("failed", TRACED["failed_copies"])
def test_the_cause_of_a_failed_copy(cloud, given, failed):
    """The final refusal counts, not an earlier temporary error.

    A known code comes first, then a rule that the trace names. A refusal by Webex Connect's mail
    server means that the app was deleted, and mail stops there.
    """
    sides(cloud, [], [copy(5, "failed")])
    details(cloud, 5, FORWARD, *failed["words"])
    rules = [ExchangeRow(RULE | failed["rule"])] if "rule" in failed else []
    cloud.on("Get-TransportRule", rules)
    found, cause = look("copies", given()), failed["cause"]
    station = Station.CONNECT if cause == "connect_address_gone" else None
    assert (found.state, found.cause, found.signals.station) == (WRONG, cause, station)


def traced(
    minutes: int, sender: str = CUSTOMER, status: TraceStatus = TraceStatus.DELIVERED
) -> TraceRow:
    """Return a row as the trace gives it. A copy has the message id of its original."""
    at = MOMENT - timedelta(minutes=minutes)
    return TraceRow(f"m{minutes}", sender, "", f"<{minutes}>", at, "Hello", status)


@pytest.mark.parametrize(
    ("arrived", "copies", "left"),
    [
        ([traced(5), traced(20), traced(30), traced(90)], [traced(30)], ["m5", "m20"]),
        ([traced(5), traced(30)], [traced(5, status=TraceStatus.FAILED), traced(30)], ["m5"]),
        ([traced(5, MAILBOX), traced(30)], [traced(30)], []),
        ([traced(5), traced(6)], [], ["m5", "m6"]),
        ([traced(5, status=TraceStatus.QUARANTINED)], [], []),
        ([traced(5)], [traced(5)], []),
    ],
)
def test_what_was_left_behind(arrived, copies, left):
    """Mail that arrived since the last good copy and has no copy is listed.

    Mail from the mailbox itself is left out.
    """
    assert [each.id for each in without_copy(arrived, copies, MAILBOX, None)] == left


def answer(minutes: int, status: str = "delivered", to: str = CUSTOMER, **more):
    return row(minutes, status, to, senderAddress=MAILBOX, **more)


BOUNCE, BOUNCE_OF_JO = answer(5, "failed"), answer(6, "failed", "jo@x.example")


@pytest.mark.parametrize("case", TRACED["an_answer_that_bounces"])
def test_an_answer_that_bounces(cloud, given, case):
    """A bounce for one recipient is only a warning.

    A bounce because of the mailbox itself, and bounces of several answers in a row, are failures.
    """
    sides(cloud, [answer(**each) for each in case["sent"]], [])
    details(cloud, 5, CUSTOMER, case["words"])
    found = look("answers", given())
    assert (found.state, found.cause) == (case["state"], case["cause"])


@pytest.mark.parametrize(
    ("told", "state"),
    [
        (("550 5.1.10 RecipientNotFound", "550 5.1.1 User unknown"), WARNING),
        (("550 5.1.10 RecipientNotFound", "550 5.7.1 No"), WARNING),
        (("550 5.7.1 No", "550 5.7.1 No"), WRONG),
    ],
)
def test_customers_who_do_not_exist_say_nothing_of_the_channel(cloud, given, told, state):
    """Bounces from customers' addresses that do not exist are only a warning.

    The mailbox is not to blame for a typing error in an address.
    """
    sides(cloud, [BOUNCE, BOUNCE_OF_JO, answer(30)], [])
    details(cloud, 5, CUSTOMER, told[0])
    details(cloud, 6, "jo@x.example", told[1])
    assert look("answers", given()).state is state


@pytest.mark.parametrize("case", TRACED["a_mail_that_waits_for_its_answer"])
def test_a_mail_that_waits_for_its_answer(cloud, given, case):
    """A mail without an answer is never a failure.

    The finding stays good or is a warning, depending on how long earlier mails waited for their
    answers. A mail that waits no longer than those is not mentioned.
    """
    copies = [copy(**each) for each in case["copies"]]
    sides(cloud, [answer(**each) for each in case["sent"]], copies)
    found = look("answers", given())
    assert (found.state, found.seen and found.seen.key) == (case["state"], case["seen"])
    assert (found.signals.unanswered is not None) == case["waits"]


@pytest.mark.parametrize(
    ("sent", "state"),
    [
        ({"subject": "Automatic reply: Hello 5"}, SKIPPED),
        ({"subject": "Automatische Antwort: Hello 5"}, SKIPPED),
        ({"subject": "We have your mail"}, OK),
        ({"subject": "Re: Hello 5"}, OK),
        ({"subject": "AW: Hello 5"}, OK),
        *(({"to": each}, SKIPPED) for each in (MAILBOX, "Support@contoso.com", UPN, FORWARD)),
    ],
)
def test_what_is_no_answer(cloud, given, sent, state):
    """An automatic reply does not count as an answer, because it leaves without Webex Connect.

    Only its subject shows that it is automatic. Neither does a mail to the mailbox itself or to
    Webex Connect count.
    """
    sides(cloud, [answer(5, **sent)], [copy(5)])
    assert look("answers", given(facts={"upn": UPN})).state is state


SENDER = "probe@fabrikam.com"


def sent(ctx, minutes: float, **changes):
    """Keep a test mail that the server took so many minutes ago, and return it."""
    at = now() - timedelta(minutes=minutes)
    mail = replace(watch_mail.new_mail(at), **({"sent": at} | changes))
    watch_mail.save(ctx.store.redis, MAILBOX, mail)
    return mail


def arrived(mail, minutes: int, status: str = "delivered"):
    """Return the trace row of the test mail on its arrival in the mailbox."""
    ids = {"messageId": mail.message_id(SENDER), "subject": f"{mail.subject} Automatic test"}
    return row(minutes, status=status, senderAddress=SENDER, **ids)


def copied(mail, minutes: int, status: str = "delivered"):
    """Return the trace row of the test mail's copy to Webex Connect."""
    return arrived(mail, minutes, status) | {"recipientAddress": FORWARD}


def told(found: Finding) -> tuple[State, str, str, Station | None]:
    """Return the state, the key of the text, the cause and the station of a finding."""
    return found.state, found.seen.key if found.seen else "", found.cause, found.signals.station


def test_a_delivered_copy_is_the_proof(cloud, given):
    """The delivered copy of a test mail proves the way at the time of the copy.

    The arrival of the mail is noted as well, for the other channels.
    """
    ctx = given()
    mail = sent(ctx, 20)
    sides(cloud, [arrived(mail, 19)], [copied(mail, 18)])
    found = look("watch_mail", ctx)
    assert told(found)[:2] == (OK, "seen.watch_mail")
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


def test_a_refused_copy_names_the_cause_of_the_trace(cloud, given):
    """If the copy of a test mail is refused, the trace gives the cause and the evidence."""
    ctx = given()
    mail = sent(ctx, 10)
    sides(cloud, [arrived(mail, 9)], [copied(mail, 8, "failed")])
    details(cloud, 8, FORWARD, BLOCKED)
    found = look("watch_mail", ctx)
    lost = (WRONG, "seen.watch_mail_lost_forward", "forwarding_blocked", Station.FORWARD)
    assert told(found) == lost
    assert BLOCKED in found.evidence[-1].text


def test_a_refusal_on_arrival_counts_only_with_a_cause_of_the_mailbox(cloud, given):
    """Otherwise the sending server itself may be refused."""
    ctx = given()
    mail = sent(ctx, 10)
    cloud.on("GET /admin/exchange/tracing/messageTraces", [arrived(mail, 9, "failed")], [])
    details(cloud, 9, MAILBOX, "550 5.7.606 Access denied, banned sending IP")
    assert told(look("watch_mail", ctx))[1] == NOTHING
    cloud.on("GET /admin/exchange/tracing/messageTraces", [arrived(mail, 9, "failed")], [])
    details(cloud, 9, MAILBOX, "554 5.2.2 mailbox full")
    assert told(look("watch_mail", ctx))[2:] == ("mailbox_full", Station.MAILBOX)


def test_a_missing_mail_needs_a_server_that_is_known_to_send(cloud, given, redis):
    """A test mail that has arrived in another channel since then proves that."""
    ctx = given()
    mail = sent(ctx, 50)
    sides(cloud, [], [])
    assert told(look("watch_mail", ctx))[1] == "skipped.watch_mail_missing"
    watch_mail.note_arrival(redis, "other@contoso.com", mail.at + timedelta(minutes=5))
    sides(cloud, [], [])
    found = look("watch_mail", ctx)
    missing = (WRONG, "seen.watch_mail_missing", "watch_mail_missing", Station.MAILBOX)
    assert told(found) == missing


def test_two_missing_mails_of_the_only_channel(cloud, given, redis):
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


def test_a_missing_mail_is_no_fault_while_customers_mail_arrives(cloud, given):
    """The mailbox gets mail then, so the sending server did not pass the test mail on."""
    ctx = given()
    sent(ctx, 110)
    sent(ctx, 50)
    sides(cloud, [row(10)], [copy(9)])
    assert told(look("watch_mail", ctx))[1] == NOTHING


def test_the_newest_mail_with_a_known_fate_decides(cloud, given):
    """A mail that is still under way does not end an incident, and a delivered mail does."""
    ctx = given()
    old, new = sent(ctx, 100), sent(ctx, 5)
    sides(cloud, [arrived(old, 99)], [])
    assert told(look("watch_mail", ctx))[1] == "seen.watch_mail_lost_forward"
    sides(cloud, [arrived(new, 4), arrived(old, 99)], [copied(new, 3)])
    assert told(look("watch_mail", ctx))[0] is OK


def test_a_mail_from_before_the_last_change_says_nothing(cloud, given):
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
        (10, [task(9, "o@contoso.com", origin=SENDER)], (WRONG, "", "no_task", Station.CONNECT)),
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
        ([task(51, origin=SENDER)], False, "seen.watch_mail"),
        ([], False, "skipped.watch_mail_missing"),
        ([], True, "seen.watch_mail_without_task"),
    ],
)
def test_the_tasks_alone_show_the_whole_way(cloud, given, configured, outside, tasks, others, seen):
    """If the tenant lets the bot read nothing, a task is the only sign that the mail came through.

    The message trace is not asked then. The bot's clock may be ahead of Webex's.
    """
    METER.note(WEBEX, {"Date": format_datetime(now() - timedelta(minutes=2), usegmt=True)}, 0.1)
    ctx = given(settings=configured(probe_from=SENDER, contact_center_org=""))
    ctx.access = Access.NONE
    mail = sent(ctx, 50)
    if others:
        watch_mail.note_arrival(ctx.store.redis, "o@contoso.com", mail.at + timedelta(minutes=1))
    outside.on("GET /cc/v1/tasks", {"data": tasks})
    assert told(look("watch_mail", ctx))[1] == seen
    assert cloud.asked == []


def test_customers_mail_is_judged_without_the_test_mails(cloud, given):
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
