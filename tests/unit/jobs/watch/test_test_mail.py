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


@pytest.mark.parametrize(
    "reply", ["451 4.7.1 Greylisted, try again later", "550 5.7.1 Relaying denied"]
)
def test_a_server_that_does_not_take_it_is_not_asked_again(ctx, server, reply):
    """A mail server's refusal is recorded, and the server is not asked again within the hour."""
    server.refuses = reply
    assert not asyncio.run(look.send_watch_mail(ctx, WATCHED, MAILS))
    (kept,) = watch_mail.newest(ctx.store.redis, MAILBOX)
    assert (kept.sent, bool(kept.refused)) == (None, True)
    assert not asyncio.run(look.send_watch_mail(ctx, WATCHED, MAILS))
    assert len(watch_mail.newest(ctx.store.redis, MAILBOX)) == 1
    assert not watch_mail.others_sent(ctx.store.redis, "other@contoso.com", kept.at - HOUR)
