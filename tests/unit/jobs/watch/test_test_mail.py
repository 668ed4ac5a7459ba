"""Tests of the watch's test mail: its time, its headers, and that it is sent only once."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import timedelta
from email.message import Message
from typing import Any

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.handlers import Message as MessageHandler
from aiosmtpd.smtp import SMTP, Envelope, Session

from jobs.clock import now
from jobs.mail import watch_mail
from jobs.model import Channel, Finding, Person, Signals, State
from jobs.storage import keys
from jobs.watch import look
from jobs.watch.look import MailPlan, MailText, needs_mail
from jobs.watch.model import Eye, LookOutcome, Sight, WatchedChannel

MAILBOX, SENDER, HOUR = "support@contoso.com", "probe@fabrikam.com", timedelta(hours=1)
GOOD = LookOutcome(Sight.HEALTHY, eyes=(Eye.APP,))
WATCHED = WatchedChannel(
    Channel(MAILBOX, tenant_id="t"), "room-1", Person("p", "anna@contoso.com"), now()
)
MAILS = MailPlan(HOUR, lambda watched: MailText("No answer needed", f"Test of {watched.mailbox}."))


@dataclass
class Server:
    """Mail server on loopback: the mails that it took, and its answer to a recipient."""

    port: int = 0
    took: list[Message] = field(default_factory=list)
    refuses: str = ""


@pytest.fixture
def server() -> Iterator[Server]:
    """Yield a real SMTP server."""
    state = Server()

    class Handler(MessageHandler):
        def handle_message(self, message: Message) -> None:
            state.took.append(message)

        async def handle_RCPT(  # noqa: N802  aiosmtpd's
            self, smtp: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
        ) -> str:
            if not state.refuses:
                envelope.rcpt_tos.append(address)
            return state.refuses or "250 OK"

    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        state.port = int(free.getsockname()[1])
    controller = Controller(Handler(), hostname="127.0.0.1", port=state.port)
    controller.start()
    yield state
    controller.stop()


@pytest.fixture
def ctx(given: Any, work_settings: Any, server: Server) -> Any:
    """Return the context of a finished look whose settings let the bot send mail."""
    url = f"smtp://127.0.0.1:{server.port}?starttls=never"
    return given(
        settings=replace(work_settings, probe_smtp_url=url, probe_from=SENDER), kind="check"
    )


def seen(ctx: Any, *findings: Finding) -> Any:
    """Return the context with these findings added to its look."""
    known = {each.step: each for each in findings}
    ctx.run = replace(ctx.run, findings={**ctx.run.findings, **known})
    return ctx


def copies(minutes: float) -> Finding:
    """Return the finding that the newest forwarded copy was delivered so many minutes ago."""
    return Finding("copies", State.OK, signals=Signals(at=now() - timedelta(minutes=minutes)))


def needed(ctx: Any, outcome: LookOutcome = GOOD) -> bool:
    """Return whether a test mail is needed now."""
    return needs_mail(ctx, outcome, HOUR, now())


def test_a_silent_channel_gets_a_mail(ctx: Any):
    """A test mail is needed if nothing in the last hour has shown that mail goes through."""
    assert needed(ctx)
    assert needed(seen(ctx, copies(90)))


def test_no_agent_is_bothered_while_customers_mail_shows_the_way(ctx: Any):
    """No test mail is needed if a customer's mail was forwarded within the last hour.

    If the bot reads the contact center, the mail must also have become a task.
    """
    assert not needed(seen(ctx, copies(10)))
    ctx.settings = replace(ctx.settings, contact_center_url="https://cc.test")
    assert needed(ctx)
    assert not needed(seen(ctx, Finding("mail_to_task", State.OK)))


def test_a_task_shows_the_whole_way(ctx: Any):
    """A task of the last hour shows that mail goes the whole way. An older task does not show that.

    The bot need not read the message trace for that.
    """
    ctx.settings = replace(ctx.settings, contact_center_url="https://cc.test")
    for minutes, expected in ((10, False), (90, True)):
        at = Signals(at=now() - timedelta(minutes=minutes))
        assert needed(seen(ctx, Finding("agent_tasks", State.OK, signals=at))) is expected


def test_nothing_is_sent_that_nobody_could_follow(ctx: Any):
    """No test mail is needed if neither the message trace nor the tasks can be read.

    Nobody could follow the mail then.
    """
    blind = LookOutcome(Sight.HEALTHY)
    assert not needed(ctx, blind)
    ctx.settings = replace(ctx.settings, contact_center_url="https://cc.test")
    assert not needed(seen(ctx, Finding("agent_tasks", State.UNKNOWN)), blind)
    assert needed(seen(ctx, Finding("agent_tasks", State.SKIPPED)), blind)


@pytest.mark.parametrize(
    ("outcome", "expected"),
    [
        (replace(GOOD, sight=Sight.BROKEN, step="forwarding"), False),
        (replace(GOOD, sight=Sight.BROKEN, step="watch_mail"), True),
        (replace(GOOD, sight=Sight.UNSURE), False),
        (replace(GOOD, sight=Sight.CANNOT_LOOK), False),
    ],
)
def test_a_broken_channel_gets_none(ctx: Any, outcome: LookOutcome, expected: bool):
    """A broken channel gets no test mail, unless only a test mail has seen the break.

    In that case another test mail shows the recovery.
    """
    assert needed(ctx, outcome) is expected


@pytest.mark.parametrize("sender", ["", MAILBOX])
def test_a_sender_that_cannot_be_used(ctx: Any, sender: str):
    """No test mail is needed without a usable sender.

    The sender may be missing, or it may be the mailbox itself, whose mail Webex Connect drops.
    """
    ctx.settings = replace(ctx.settings, probe_from=sender)
    assert not needed(ctx)


def test_the_mail_is_told_apart_and_sent_once_in_an_hour(ctx: Any, server: Server):
    """The test mail is recognized by a header, its Message-ID and its subject.

    If several workers send it at once, only one mail goes out in an hour.
    """

    async def twice() -> list[bool]:
        return await asyncio.gather(*(look.send_watch_mail(ctx, WATCHED, MAILS) for _ in range(5)))

    assert sorted(asyncio.run(twice())) == [False, False, False, False, True]
    (mail,) = server.took
    (kept,) = watch_mail.newest(ctx.store.redis, MAILBOX)
    assert mail[watch_mail.HEADER] == kept.id
    assert mail["X-Auto-Response-Suppress"] == "OOF, AutoReply"
    assert mail["Message-ID"] == f"<email-watch.{kept.id}@fabrikam.com>"
    assert mail["Subject"] == f"[Webex email watch] {kept.id} No answer needed"
    assert mail["Auto-Submitted"] is None
    assert kept.sent is not None
    assert watch_mail.others_sent(ctx.store.redis, "other@contoso.com", kept.at - HOUR)


def test_after_an_hour_the_next_one_is_sent(ctx: Any, server: Server):
    """After an hour the mark of the last test mail expires in Redis, and another mail is sent."""
    assert asyncio.run(look.send_watch_mail(ctx, WATCHED, MAILS))
    ctx.store.redis.delete(keys.watch_mail_claim(MAILBOX))
    assert asyncio.run(look.send_watch_mail(ctx, WATCHED, MAILS))
    assert len({mail["Message-ID"] for mail in server.took}) == 2


@pytest.mark.parametrize(
    "reply", ["451 4.7.1 Greylisted, try again later", "550 5.7.1 Relaying denied"]
)
def test_a_server_that_does_not_take_it_is_not_asked_again(ctx: Any, server: Server, reply: str):
    """A mail server's refusal is recorded, and the server is not asked again within the hour."""
    server.refuses = reply
    assert not asyncio.run(look.send_watch_mail(ctx, WATCHED, MAILS))
    (kept,) = watch_mail.newest(ctx.store.redis, MAILBOX)
    assert (kept.sent, bool(kept.refused)) == (None, True)
    assert not asyncio.run(look.send_watch_mail(ctx, WATCHED, MAILS))
    assert len(watch_mail.newest(ctx.store.redis, MAILBOX)) == 1
    assert not watch_mail.others_sent(ctx.store.redis, "other@contoso.com", kept.at - HOUR)
