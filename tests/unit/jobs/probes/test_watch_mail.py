"""Finding of the watch's test mail: how far it came, and when nothing is proven."""

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
from jobs.runs.origin import Brief
from tests.unit.jobs.probes.trace_rows import FORWARD, MAILBOX, copy, details, look, row, sides

SENDER = "probe@fabrikam.com"
BLOCKED = (
    "550 5.7.520 Access denied, Your organization does not allow external forwarding. AS(7555)"
)


def sent(ctx: Any, minutes: float, **changes: Any) -> WatchMail:
    """Keep a test mail that the server took so many minutes ago, and return it."""
    at = now() - timedelta(minutes=minutes)
    mail = replace(watch_mail.new_mail(at), **({"sent": at} | changes))
    watch_mail.save(ctx.store.redis, MAILBOX, mail)
    return mail


def arrived(mail: WatchMail, minutes: int, status: str = "delivered") -> dict[str, Any]:
    """The mail in the trace, for the mailbox."""
    ids = {"messageId": mail.message_id(SENDER), "subject": f"{mail.subject} Automatic test"}
    return row(minutes, status=status, senderAddress=SENDER, **ids)


def copied(mail: WatchMail, minutes: int, status: str = "delivered") -> dict[str, Any]:
    """Its copy to Webex Connect."""
    return arrived(mail, minutes, status) | {"recipientAddress": FORWARD}


def task(minutes: float, destination: str = MAILBOX) -> dict[str, Any]:
    """A task of so many minutes ago."""
    values = {
        "channelType": "email",
        "status": "queued",
        "createdTime": lambda: int((now() - timedelta(minutes=minutes)).timestamp() * 1000),
        "origin": SENDER,
        "destination": destination,
    }
    return {"id": f"t{minutes}", "attributes": values}


def told(found: Finding) -> tuple[State, str, str, Station | None]:
    """State, what was seen, cause and station."""
    return found.state, found.seen.key if found.seen else "", found.cause, found.signals.station


def test_nothing_is_asked_without_a_mail(cloud: Any, given: Any):
    """A channel to which the watch has sent none costs no request."""
    assert told(look("watch_mail", given()))[:2] == (State.SKIPPED, "skipped.no_watch_mail")
    assert cloud.asked == []


def test_a_delivered_copy_is_the_proof(cloud: Any, given: Any):
    """The time is that of the copy, and the arrival is noted for the other channels."""
    ctx = given()
    mail = sent(ctx, 20)
    sides(cloud, [arrived(mail, 19)], [copied(mail, 18)])
    found = look("watch_mail", ctx)
    assert told(found)[:2] == (State.OK, "seen.watch_mail")
    assert found.signals.at is not None
    assert found.facts["watch_mail_arrived"] < found.signals.at.isoformat()


@pytest.mark.parametrize(
    ("minutes", "state", "seen"),
    [
        (20, State.SKIPPED, "skipped.watch_mail_under_way"),
        (45, State.WRONG, "seen.watch_mail_lost_forward"),
    ],
)
def test_a_mail_that_arrived_and_was_not_copied(
    cloud: Any, given: Any, minutes: int, state: State, seen: str
):
    """After half an hour one mail is enough, because it is known that it was sent."""
    ctx = given()
    mail = sent(ctx, minutes + 1)
    sides(cloud, [arrived(mail, minutes)], [])
    found = look("watch_mail", ctx)
    assert told(found)[:2] == (state, seen)
    if state is State.WRONG:
        assert told(found)[2:] == ("mail_not_delivered", Station.FORWARD)
        assert (found.signals.since, found.signals.missed, found.signals.failed) == (mail.at, 0, 0)


def test_a_refused_copy_names_the_cause_of_the_trace(cloud: Any, given: Any):
    """With the trace's own words as evidence."""
    ctx = given()
    mail = sent(ctx, 10)
    sides(cloud, [arrived(mail, 9)], [copied(mail, 8, "failed")])
    details(cloud, 8, FORWARD, BLOCKED)
    found = look("watch_mail", ctx)
    assert told(found) == (
        State.WRONG,
        "seen.watch_mail_lost_forward",
        "forwarding_blocked",
        Station.FORWARD,
    )
    assert BLOCKED in found.evidence[-1].text


@pytest.mark.parametrize("status", ["quarantined", "filteredAsSpam"])
def test_a_filter_that_withholds_the_test_mail_is_no_fault(cloud: Any, given: Any, status: str):
    """An automatic mail may look like spam."""
    ctx = given()
    mail = sent(ctx, 50)
    sides(cloud, [arrived(mail, 49, status)], [])
    assert told(look("watch_mail", ctx))[1] == "skipped.watch_mail_says_nothing"


def test_a_refusal_on_arrival_counts_only_with_a_cause_of_the_mailbox(cloud: Any, given: Any):
    """Without one, the sending server itself may be refused."""
    ctx = given()
    mail = sent(ctx, 10)
    cloud.on("GET /admin/exchange/tracing/messageTraces", [arrived(mail, 9, "failed")], [])
    details(cloud, 9, MAILBOX, "550 5.7.606 Access denied, banned sending IP")
    assert told(look("watch_mail", ctx))[1] == "skipped.watch_mail_says_nothing"
    cloud.on("GET /admin/exchange/tracing/messageTraces", [arrived(mail, 9, "failed")], [])
    details(cloud, 9, MAILBOX, "554 5.2.2 mailbox full")
    found = look("watch_mail", ctx)
    assert told(found)[2:] == ("mailbox_full", Station.MAILBOX)


@pytest.mark.parametrize("changes", [{"sent": None}, {"sent": None, "refused": "smtp_busy"}])
def test_a_mail_that_was_not_sent_says_nothing(cloud: Any, given: Any, changes: dict[str, Any]):
    """The server refused it or put it off, or the worker died while sending."""
    ctx = given()
    sent(ctx, 90, **changes)
    sides(cloud, [], [])
    assert told(look("watch_mail", ctx))[1] == "skipped.watch_mail_says_nothing"


def test_a_missing_mail_needs_a_server_that_is_known_to_send(cloud: Any, given: Any, redis: Any):
    """Another channel's mail that arrived since proves it."""
    ctx = given()
    mail = sent(ctx, 50)
    sides(cloud, [], [])
    assert told(look("watch_mail", ctx))[1] == "skipped.watch_mail_missing"
    watch_mail.note_arrival(redis, "other@contoso.com", mail.at + timedelta(minutes=5))
    sides(cloud, [], [])
    found = look("watch_mail", ctx)
    assert told(found) == (
        State.WRONG,
        "seen.watch_mail_missing",
        "watch_mail_missing",
        Station.MAILBOX,
    )


def test_two_missing_mails_of_the_only_channel(cloud: Any, given: Any, redis: Any):
    """If other channels are sent mails and none arrives, the server is to blame."""
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
    """The mailbox gets mail, so the sending server did not send it on."""
    ctx = given()
    sent(ctx, 110)
    sent(ctx, 50)
    sides(cloud, [row(10)], [copy(9)])
    assert told(look("watch_mail", ctx))[1] == "skipped.watch_mail_says_nothing"


def test_the_newest_mail_with_a_known_fate_decides(cloud: Any, given: Any):
    """A mail that is still under way does not end an incident, and a delivered mail does."""
    ctx = given()
    old, new = sent(ctx, 100), sent(ctx, 5)
    sides(cloud, [arrived(old, 99)], [])
    assert told(look("watch_mail", ctx))[1] == "seen.watch_mail_lost_forward"
    sides(cloud, [arrived(new, 4), arrived(old, 99)], [copied(new, 3)])
    assert told(look("watch_mail", ctx))[0] is State.OK


def test_a_mail_from_before_the_last_change_says_nothing(cloud: Any, given: Any):
    """The bot has changed the forwarding since."""
    ctx = given(kind="check", brief=Brief(changed_at=now() - timedelta(minutes=30)))
    sent(ctx, 60)
    assert told(look("watch_mail", ctx))[1] == "skipped.no_watch_mail"
    assert cloud.asked == []


@pytest.mark.parametrize(
    ("copy_ago", "tasks", "expected"),
    [
        (10, [], (State.WRONG, "seen.watch_mail_lost_connect", "no_task", Station.CONNECT)),
        (1, [], (State.SKIPPED, "skipped.watch_mail_under_way", "", None)),
        (10, [task(9)], (State.OK, "seen.watch_mail", "", None)),
        (10, [task(9, "other@contoso.com")], (State.WRONG, "", "no_task", Station.CONNECT)),
        (10, [task(9, "a_1")], (State.OK, "seen.watch_mail", "", None)),
    ],
)
def test_the_copy_becomes_a_task(
    cloud: Any,
    given: Any,
    configured: Any,
    outside: Any,
    copy_ago: int,
    tasks: list[Any],
    expected: tuple[Any, ...],
):
    """Within three minutes, a task of this mailbox or of the mail's sender."""
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
        ([task(40)], False, "seen.watch_mail"),
        ([], False, "skipped.watch_mail_missing"),
        ([], True, "seen.watch_mail_without_task"),
    ],
)
def test_the_tasks_alone_show_the_whole_way(
    cloud: Any, given: Any, configured: Any, outside: Any, tasks: list[Any], others: bool, seen: str
):
    """If the tenant lets the bot read nothing, a task is the only sign, and no trace is asked."""
    ctx = given(settings=configured(probe_from=SENDER, contact_center_org=""))
    ctx.access = Access.NONE
    mail = sent(ctx, 50)
    if others:
        watch_mail.note_arrival(ctx.store.redis, "o@contoso.com", mail.at + timedelta(minutes=1))
    outside.on("GET /cc/v1/tasks", {"data": tasks})
    assert told(look("watch_mail", ctx))[1] == seen
    assert cloud.asked == []


def test_customers_mail_is_judged_without_the_test_mails(cloud: Any, given: Any):
    """A lost test mail is neither a late mail, nor a failed one, nor one that waits for an answer."""
    ctx = given()
    mail, good = sent(ctx, 90), sent(ctx, 30)
    arrivals = [arrived(mail, 89, "failed"), arrived(mail, 89), row(100)]
    sides(cloud, arrivals, [copy(99)])
    found = look("copies", ctx)
    assert (found.state, found.signals.missed) == (State.OK, 0)
    cloud.on("GET /admin/exchange/tracing/messageTraces", arrivals)
    assert look("arrivals", ctx).state is State.OK
    reply = row(
        20, SENDER, "failed", senderAddress=MAILBOX, subject=f"Automatic reply: {mail.subject}"
    )
    sides(cloud, [reply], [copied(good, 28)])
    assert look("answers", ctx).state is State.SKIPPED


def test_a_later_copy_of_a_customer_disproves_the_loss():
    """Mail goes on again, so the lost test mail is history."""
    steps, since = checks_for(Profile.ARTICLE), now() - timedelta(hours=2)
    lost = Finding(
        "watch_mail",
        State.WRONG,
        cause="mail_not_delivered",
        signals=Signals(since=since, station=Station.FORWARD, disproved_by=("copies",)),
    )
    good = Finding("copies", State.OK, signals=Signals(at=since + timedelta(hours=1)))
    old = Finding("copies", State.OK, signals=Signals(at=since - timedelta(hours=1)))
    others = {name: Finding(name, State.OK) for name in steps if name != "copies"}
    assert judge(steps, others | {"watch_mail": lost, "copies": good}).causes == ()
    verdict = judge(steps, others | {"watch_mail": lost, "copies": old})
    assert (verdict.causes, verdict.stops) == (("watch_mail",), Station.FORWARD)
