"""Rows V1 to V3: the test mail, the access to its trace, and the agent's answer."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from jobs.causes.cause import Cause
from jobs.clock import now, parse
from jobs.clouds.errors import Forbidden, SignInNeeded
from jobs.microsoft.graph import MESSAGE_TRACE_APP_ID
from jobs.model import Evidence, Finding, Reason, State, Text, Turn
from jobs.runs.run import Brief, Event, Kind
from jobs.steps import proof
from jobs.steps.proof import AgentAnswer, TraceAccess

STEP = proof.TestMail()
MAILBOX, COPY = "support@contoso.com", "x1@mail.webexconnect.io"
TRACE = "GET /admin/exchange/tracing/messageTraces"
AT = "2026-11-25T09:00:00Z"


def row(ctx, recipient: str, status: str = "delivered", **more: str) -> dict[str, str]:
    """Return a row of the message trace for the run's test mail."""
    ends = {"senderAddress": "probe@else.test", "recipientAddress": recipient}
    subject = {"subject": f"Webex email test {ctx.run.id}", "receivedDateTime": AT}
    return {"id": "t1", "status": status, **ends, **subject, **more}


async def looked(ctx, cloud, *rows) -> Finding:
    """Return what the step finds in a trace with these arrivals, and with these copies."""
    cloud.on(TRACE, *rows)
    return await STEP.inspect(ctx)


def details(cloud, recipient: str, words: str, mail: str = "t1") -> None:
    """Script the words of the trace about a mail to this recipient."""
    what = f"{TRACE}/{mail}/getDetailsByRecipient(recipientAddress='{recipient}')"
    cloud.on(what, [{"description": words}])


def minutes(count: float) -> str:
    """Return the time so many minutes ago, as a message trace writes it."""
    return (now() - timedelta(minutes=count)).isoformat()


def said(question: str, ago: float, value: str = "yes") -> Event:
    """Return the event of a button that somebody pressed so many minutes ago."""
    data = {"question": question, "value": value}
    return Event(Kind.ANSWERED, now() - timedelta(minutes=ago), data=data)


@pytest.fixture
def sends(work_settings):
    """Return settings with which the bot sends the test mail itself."""
    return replace(work_settings, probe_smtp_url="smtp://127.0.0.1:9", probe_from="probe@else.test")


async def test_a_delivered_copy_is_the_proof(given, cloud):
    """The proof is a row for the mailbox and one for the forwarding address in the trace."""
    ctx = given()
    cloud.on(TRACE, [row(ctx, MAILBOX)], [row(ctx, COPY)])
    facts = dict.fromkeys(("arrived_at", "forwarded_at"), "2026-11-25T09:00:00+00:00")
    facts |= {"subject": f"Webex email test {ctx.run.id}"}
    shown = await STEP.inspect(ctx)
    assert shown == Finding("test_mail", State.OK, seen=Text("seen.copy_delivered"), facts=facts)


@pytest.mark.parametrize(
    ("ago", "state"), [(timedelta(seconds=5), State.WAITING), (timedelta(seconds=25), State.WRONG)]
)
async def test_a_sending_that_was_cut_off(given, cloud, sends, ago, state):
    """If the bot crashed while sending, it sends the mail again unless it shows in 20 seconds."""
    cloud.on(TRACE, [])
    wrong = Finding("test_mail", State.WRONG)
    begun = Event(Kind.CHANGING, now() - ago, step="test_mail", finding=wrong)
    assert (await STEP.inspect(given(settings=sends, events=(begun,)))).state is state


@pytest.mark.parametrize("sender", ["", MAILBOX])
async def test_a_person_sends_it_otherwise(given, cloud, sends, sender):
    """Without a sender other than the mailbox, the bot asks a person to send the mail."""
    cloud.on(TRACE, [])
    found = await STEP.inspect(given(settings=replace(sends, probe_from=sender)))
    assert (found.waiting_for, found.seen) == (Turn.REQUESTER, Text("seen.send_it"))
    assert found.until is not None


@pytest.mark.parametrize(
    ("rows", "waits", "sent", "turn", "seen"),
    [
        (False, 0, 30, Turn.TIME, "seen.on_its_way"),
        (True, 0, 30, Turn.TIME, "seen.arrived"),
        (False, proof.LATE + 1, 30, Turn.REQUESTER, "seen.on_its_way"),
        (True, proof.LATE + 1, 30, Turn.REQUESTER, "seen.arrived"),
        (False, proof.LATE + 1, 1, Turn.TIME, "seen.on_its_way"),
    ],
)
async def test_underway(given, cloud, rows, waits, sent, turn, seen):
    """The step waits for a mail on its way and asks the requester once it is late."""
    ctx = given(events=(said("test_sent", sent),), waits={"test_mail": waits})
    found = await looked(ctx, cloud, [row(ctx, MAILBOX, "pending")] if rows else [], [])
    assert (found.state, found.waiting_for, found.seen) == (State.WAITING, turn, Text(seen))
    assert found.cause == ("test_mail_late" if turn is Turn.REQUESTER else "")


@pytest.mark.parametrize(
    ("ago", "turn"), [(timedelta(minutes=5), Turn.TIME), (timedelta(hours=2), Turn.ADMINISTRATOR)]
)
async def test_a_blocked_copy_is_explained(given, cloud, ago, turn):
    """A blocked copy gets its cause from the trace.

    Within an hour of the bot's change, the old policy may still be at work, so the step waits.
    """
    ctx = given(changed={"outbound_policy": now() - ago}, answers={"test_sent": "yes"})
    words = "550 5.7.520 Access denied, Your organization does not allow external forwarding."
    cloud.on(TRACE, [row(ctx, MAILBOX)], [row(ctx, COPY, "failed")])
    told = [{"event": "Defer", "description": "421 4.4.2"}, {"event": "Fail", "description": words}]
    cloud.on(f"{TRACE}/t1/getDetailsByRecipient(recipientAddress='{COPY}')", told)
    found = await STEP.inspect(ctx)
    shown = found.state, found.waiting_for, found.cause
    assert shown == (State.WAITING, turn, "forwarding_blocked")
    assert [each.text for each in found.evidence] == [f"Fail | {words}", "Defer | 421 4.4.2"]


UNKNOWN, FULL = "550 5.1.1 User unknown", "554 5.2.2 mailbox full"


@pytest.mark.parametrize(
    ("arrived", "copies", "words", "cause"),
    [
        ("delivered", "failed", UNKNOWN, "connect_address_gone"),
        ("failed", None, UNKNOWN, "mail_not_delivered"),
        ("failed", None, FULL, "mailbox_full"),
        ("delivered", "failed", FULL, "mail_not_delivered"),
        ("delivered", "failed", "550 4.4.7 QUEUE.Expired; message expired", "connect_not_reached"),
    ],
)
async def test_a_bounce_is_told_by_its_code(given, cloud, arrived, copies, words, cause):
    """A bounce gets its cause from its code; a bounced copy says nothing about the mailbox.

    A copy that is refused as unknown is a wrong forwarding address. A bounced mail has not arrived.
    """
    ctx = given(answers={"test_sent": "yes"})
    cloud.on(TRACE, [row(ctx, MAILBOX, arrived)], [row(ctx, COPY, copies)] if copies else [])
    for recipient in (MAILBOX, COPY):
        details(cloud, recipient, words)
    found = await STEP.inspect(ctx)
    assert (found.waiting_for, found.cause) == (Turn.ADMINISTRATOR, cause)
    assert ("arrived_at" in found.facts) is (arrived == "delivered")


async def test_it_is_sent_again_when_the_policy_may_have_spread(given, cloud, sends):
    """After a new policy, the bot sends another mail a minute after the first one failed."""
    three, two = (now() - timedelta(minutes=count) for count in (3, 2))
    changed = {"outbound_policy": three, "test_mail": two}
    ctx = given(changed=changed, waits={"test_mail": 1}, settings=sends)
    cloud.on(TRACE, [row(ctx, MAILBOX)], [row(ctx, COPY, "failed")])
    details(cloud, COPY, "5.7.520 Access denied")
    found = await STEP.inspect(ctx)
    shown = found.state, found.seen, found.cause
    assert shown == (State.WRONG, Text("seen.not_sent"), "forwarding_blocked")


def happens(ctx, event: Event) -> None:
    """Append the event to the run and load the run again."""
    ctx.store.append(ctx.run.id, event)
    ctx.run = ctx.store.load(ctx.run.id)


LATE = Finding("test_mail", State.WAITING, waiting_for=Turn.REQUESTER, cause=Cause.TEST_MAIL_LATE)
AGAIN = Finding("test_mail", State.WAITING, waiting_for=Turn.REQUESTER, reason=Reason.SEND_AGAIN)
REFUSED = "550 5.7.1 TRANSPORT.RULES.RejectMessage"


async def refused(ctx, cloud) -> Finding:
    """Return what the step finds of a mail of ten minutes ago whose copy was refused."""
    for each in ("t1", "t2"):
        details(cloud, COPY, REFUSED, each)
    failed = row(ctx, COPY, "failed", receivedDateTime=minutes(10))
    return await looked(ctx, cloud, [row(ctx, MAILBOX, receivedDateTime=minutes(10))], [failed])


@pytest.mark.parametrize("by_bot", [True, False])
async def test_a_refused_copy_is_sent_again_after_look_again(given, cloud, sends, by_bot):
    """After a press of Look again, a refused mail is sent again, and its old rows do not count."""
    sent = {"events": (said("test_sent", 11),)}
    if by_bot:
        sent = {"changed": {"test_mail": now() - timedelta(minutes=11)}, "settings": sends}
    ctx = given(**sent)
    assert (await refused(ctx, cloud)).waiting_for is Turn.ADMINISTRATOR
    happens(ctx, said("look_again", 1))
    found = await refused(ctx, cloud)
    expected = (State.WRONG, Text("seen.not_sent"), None)
    if not by_bot:
        expected = (State.WAITING, Reason.SEND_AGAIN.text(), Turn.REQUESTER)
    assert (found.state, found.seen, found.waiting_for, found.cause) == (*expected, "")
    assert "arrived_at" not in found.facts


async def test_the_mail_that_was_sent_again_is_followed(given, cloud):
    """Trace rows of the first mail do not count for the second, whose own failure is reported."""
    ctx = given(events=(said("test_sent", 11), said("look_again", 3), said("test_sent", 2)))
    assert (await refused(ctx, cloud)).seen == Text("seen.on_its_way")
    ages = {"t2": minutes(1), "t1": minutes(10)}
    both = [row(ctx, COPY, "failed", id=each, receivedDateTime=at) for each, at in ages.items()]
    found = await looked(
        ctx, cloud, [row(ctx, MAILBOX, id="t2", receivedDateTime=minutes(1))], both
    )
    shown = found.waiting_for, found.cause, found.evidence
    assert shown == (Turn.ADMINISTRATOR, "transport_rule_may_block", (Evidence("trace", REFUSED),))


@pytest.mark.parametrize(
    ("last", "state"),
    [
        (LATE, State.WRONG),
        (AGAIN, State.WRONG),
        (Finding("test_mail", State.WAITING, waiting_for=Turn.TIME), State.WAITING),
        (None, State.WAITING),
    ],
)
async def test_a_lost_mail_is_sent_again_after_look_again(given, cloud, sends, last, state):
    """After a press of Look again, a late mail is sent again, but not a mail on its way."""
    cloud.on(TRACE, [])
    known = (Event(Kind.FOUND, now(), step="test_mail", finding=last),) if last else ()
    changed, events = {"test_mail": now() - timedelta(minutes=20)}, (*known, said("look_again", 1))
    ctx = given(changed=changed, settings=sends, events=events)
    assert (await STEP.inspect(ctx)).state is state


async def test_a_mail_sent_anew_has_another_id(given, monkeypatch, sends):
    """Mail that is sent again has a new Message-ID, because mailboxes drop duplicates.

    Mail whose sending is resumed keeps its Message-ID.
    """
    ids = []

    async def send(_: str, mail) -> None:
        ids.append(mail.message_id)

    monkeypatch.setattr(proof, "send_test_mail", send)
    wrong = Finding("test_mail", State.WRONG)
    ctx = given(settings=sends)
    for ago, kind in (
        (9, Kind.CHANGING),
        (8, Kind.CHANGING),
        (7, Kind.CHANGED),
        (1, Kind.CHANGING),
    ):
        happens(ctx, Event(kind, now() - timedelta(minutes=ago), step="test_mail", finding=wrong))
        if kind is Kind.CHANGING:
            await STEP.apply(ctx, wrong)
    assert (ids[0] == ids[1], ids[1] == ids[2]) == (True, False)


OWN = {"senderAddress": MAILBOX, "messageId": "<own>", "id": "t2"}
OTHER = {"messageId": "<other>"}


@pytest.mark.parametrize("own", [MAILBOX, "UPN@contoso.com"])
async def test_a_mail_from_the_mailbox_itself_proves_nothing(given, cloud, own):
    """A test mail from the mailbox itself proves nothing, because Webex Connect drops it."""
    ctx = given(facts={"upn": "upn@contoso.com"}, events=(said("test_sent", 1),))
    from_own = OWN | {"senderAddress": own}
    found = await looked(ctx, cloud, [row(ctx, MAILBOX, **from_own)], [row(ctx, COPY, **from_own)])
    shown = found.state, found.waiting_for, found.cause
    assert shown == (State.WAITING, Turn.REQUESTER, "test_mail_from_itself")
    shown = found.seen, "arrived_at" in found.facts, found.until is not None
    assert shown == (Text("seen.from_itself"), False, True)


@pytest.mark.parametrize(
    ("mails", "copy", "state"),
    [
        ([OWN, OTHER], "<other>", State.OK),
        ([OWN, OTHER], "<own>", State.WAITING),
        ([OTHER], "<other>", State.OK),
        ([OTHER], "<anew>", State.OK),
        ([], "<own>", State.WAITING),
    ],
)
async def test_the_copy_of_a_good_mail_counts(given, cloud, mails, copy, state):
    """A copy counts even with the mailbox as its sender.

    It does not count if its Message-ID is that of a mail from the mailbox to itself.
    """
    ctx = given(events=(said("test_sent", 1),))
    arrived = [row(ctx, MAILBOX, **each) for each in mails]
    assert (
        await looked(ctx, cloud, arrived, [row(ctx, COPY, messageId=copy, senderAddress=MAILBOX)])
    ).state is state


@pytest.mark.parametrize("step", ["forwarding", "outbound_policy"])
@pytest.mark.parametrize(("ago", "state"), [(1, State.WRONG), (3, State.WAITING)])
async def test_it_is_sent_again_once_its_way_was_set_again(given, cloud, sends, ago, state, step):
    """A mail that was sent before the run set its way right is not waited for."""
    way, mail = (now() - timedelta(minutes=count) for count in (ago, 2))
    cloud.on(TRACE, [])
    ctx = given(changed={step: way, "test_mail": mail}, settings=sends)
    assert (await STEP.inspect(ctx)).state is state


async def test_registered_after_the_mail_sends_it_again(given, cloud, sends):
    """A mail that came before the app's registration is sent again, even if it was delivered.

    Webex Connect has dropped it.
    """
    ctx = given(settings=sends, changed={STEP.name: now() - timedelta(minutes=5)})
    rows = [row(ctx, MAILBOX, receivedDateTime=minutes(4))]
    copies = [row(ctx, COPY, receivedDateTime=minutes(4))]
    assert (await looked(ctx, cloud, rows, copies)).state is State.OK
    happens(ctx, said("registered", 1))
    found = await looked(ctx, cloud, rows, copies)
    assert found.seen == Text("seen.not_sent")
    happens(ctx, Event(Kind.CHANGING, now(), step=STEP.name, finding=found))
    assert (
        await looked(
            ctx, cloud, [*rows, row(ctx, MAILBOX, id="t2")], [*copies, row(ctx, COPY, id="t2")]
        )
    ).state is State.OK


async def test_a_mail_that_came_after_the_press_is_not_sent_again(given, cloud, sends):
    """A mail that arrived after the requester pressed the button is not sent again.

    The bot had read in the audit log that the app is registered, and sent the mail just before.
    """
    ctx = given(settings=sends, changed={STEP.name: now() - timedelta(minutes=5)})
    happens(ctx, said("registered", 4))
    rows = [row(ctx, MAILBOX, receivedDateTime=minutes(3))]
    assert (await looked(ctx, cloud, rows, [])).seen == Text("seen.arrived")
    assert (
        await looked(ctx, cloud, rows, [row(ctx, COPY, receivedDateTime=minutes(3))])
    ).state is State.OK
    cloud.on(TRACE, rows, [row(ctx, COPY, "failed", receivedDateTime=minutes(3))])
    cloud.on("GET /admin/exchange/tracing/messageTraces/*", [])
    assert (await STEP.inspect(ctx)).seen == Text("seen.mail_failed")


TRACE_ACCESS_STEP = TraceAccess()
SERVICE = f"GET /servicePrincipals(appId='{MESSAGE_TRACE_APP_ID}')"


@pytest.mark.parametrize(
    ("status", "service", "error"),
    [
        (403, (200, {"id": "sp"}), Forbidden),
        (401, (200, {"id": "sp"}), SignInNeeded),
        (401, (401, {}), SignInNeeded),
    ],
)
async def test_a_role_or_a_sign_in_that_is_missing(given, cloud, status, service, error):
    """If the trace service is in the tenant and refuses, the cloud's error is passed on.

    No change of the bot would help.
    """
    cloud.refuse(TRACE, status).refuse("Get-MessageTraceV2", 403).on(SERVICE, service)
    with pytest.raises(error):
        await TRACE_ACCESS_STEP.inspect(given())


ANSWER = AgentAnswer()


def answer_row(ctx, status: str) -> dict[str, str]:
    """Return a row of the message trace for the agent's answer."""
    subject = f"RE: Webex email test {ctx.run.id}"
    return row(ctx, "probe@else.test", status, senderAddress=MAILBOX, subject=subject)


async def test_a_delivered_answer_is_the_proof(given, cloud):
    """A delivered mail from the mailbox to the sender of the test mail is the proof of an answer.

    The mail has the subject of the test mail.
    """
    ctx = given()
    cloud.on(TRACE, [answer_row(ctx, "delivered")])
    seen = Text("seen.answer_delivered", {"recipient": "probe@else.test"})
    facts = {"answered_at": datetime(2026, 11, 25, 9, tzinfo=UTC).isoformat()}
    assert await ANSWER.inspect(ctx) == Finding("agent_answer", State.OK, seen=seen, facts=facts)


async def test_an_answer_may_seem_older_than_its_run(given, cloud):
    """The trace is read from before the run on: the bot's clock may be ahead of Microsoft's."""
    ctx, _ = given(), cloud.refuse(TRACE, 403)
    await ANSWER.inspect(ctx)
    asked = dict(cloud.asked)["Get-MessageTraceV2"]
    assert ctx.run.opened - parse(asked["StartDate"]) >= timedelta(minutes=5)


@pytest.mark.parametrize(
    "more",
    [
        {"recipientAddress": "x1@mail.webexconnect.io"},
        {"recipientAddress": "X1@mail.webexconnect.io"},
        {"recipientAddress": "Support@contoso.com"},
        {"recipientAddress": "upn@contoso.com"},
        {"subject": "Automatic reply: Webex email test {}"},
        None,
    ],
)
async def test_what_is_no_answer(given, cloud, more):
    """The copy, a mail to itself and an automatic reply are no answer, which the step waits for."""
    ctx = given(facts={"upn": "UPN@contoso.com"})
    own = {name: value.format(ctx.run.id) for name, value in (more or {}).items()}
    cloud.on(TRACE, [answer_row(ctx, "delivered") | own] if own else [])
    found = await ANSWER.inspect(ctx)
    told = (found.state, found.waiting_for, found.seen)
    assert told == (State.WAITING, Turn.AGENT, Text("seen.no_answer"))
    assert found.until is not None


@pytest.mark.parametrize(
    ("words", "cause"),
    [
        ("5.7.520 Access denied, external forwarding", "forwarding_blocked"),
        ("421 4.4.2 Connection dropped", "mail_not_delivered"),
        ("554 5.2.2 mailbox full", "mail_not_delivered"),
        ("550 5.1.90 daily limit for message recipients", "sending_limit_reached"),
        ("no idea", "mail_not_delivered"),
    ],
)
async def test_an_answer_that_failed_is_explained(given, cloud, words, cause):
    """A failed answer gets the cause that the trace's text names, or a general one."""
    ctx = given()
    cloud.on(TRACE, [answer_row(ctx, "failed")])
    details(cloud, "probe@else.test", words)
    found = await ANSWER.inspect(ctx)
    shown = found.waiting_for, found.cause, found.evidence
    assert shown == (Turn.ADMINISTRATOR, cause, (Evidence("trace", words),))
    assert found.facts == {"answer_failed_at": datetime(2026, 11, 25, 9, tzinfo=UTC).isoformat()}


@pytest.mark.parametrize(
    ("hour", "looked", "rows", "cause"),
    [("08", 0, 0, ""), ("10", 0, 0, "session_revoked"), ("10", 1, 0, ""), ("10", 0, 1, "")],
)
async def test_no_answer_leaves_after_a_revocation(given, cloud, hour, looked, rows, cause):
    """The agent is not asked to answer while Webex Connect's token is no longer valid.

    A newer sign-in in the log, or Look again, says that the token was generated again.
    """
    known = {"user_id": "user-1", "client_id": "client-1", "key_id": "key-1"}
    again, signed_in = said("look_again", 0), {"createdDateTime": minutes(0)}
    ctx = given(brief=Brief(token_at=parse(AT)), facts=known, events=(again,) * looked)
    user = {"id": "user-1", "signInSessionsValidFromDateTime": f"2026-11-25T{hour}:00:00Z"}
    cloud.on("GET /users/user-1", user)
    cloud.on("GET /auditLogs/signIns", [signed_in | {"status": {"errorCode": 0}}] * rows)
    found = await ANSWER.inspect(ctx)
    turn = Turn.REQUESTER if cause else Turn.AGENT
    assert (found.cause, found.waiting_for, found.until is None) == (cause, turn, False)
