"""The test mail, sent through a real SMTP server."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from jobs.clouds import calls
from jobs.clouds.errors import CloudError, Rejected, Transient
from jobs.mail.smtp_login import OutgoingMail, send_test_mail
from jobs.runs.run import LeaseLostError
from tests.unit.jobs.mail.bounces import ROWS

WORDS = ("Test of the channel #1", "Nothing to do.", "<test.1@fabrikam.com>")
MAIL = OutgoingMail("probe@fabrikam.com", "support@contoso.com", *WORDS)
LOGIN = "smtp://bot%40contoso.com:{}@127.0.0.1:{}"


@pytest.mark.parametrize(
    ("server", "url"),
    [
        ({"tls": False}, "smtp://127.0.0.1:{}"),
        ({"tls": True}, "smtp://127.0.0.1:{}?starttls=always"),
        ({"tls": True}, "smtp://127.0.0.1:{}"),
        ({"tls": True}, "smtp://127.0.0.1:{}?starttls=never"),
        ({"secure": True}, "smtps://127.0.0.1:{}"),
        ({"tls": False}, "smtp://bot%40contoso.com:p%40ss%20word@127.0.0.1:{}"),
    ],
)
async def test_the_mail_arrives_as_it_was_sent(start, server, url):
    """A mail arrives unchanged in plain text, with STARTTLS, with TLS, and with a user name."""
    mailbox = start(**server)
    await send_test_mail(url.format(mailbox.port), MAIL)
    (mail,) = mailbox.received
    assert (mail["From"], mail["To"]) == (MAIL.sender, MAIL.recipient)
    assert (mail["Subject"], mail.get_payload().strip(), mail["Message-ID"]) == WORDS


async def test_starttls_always_does_not_send_in_the_clear(start: Callable[..., Any]):
    """With ``starttls=always``, a server without STARTTLS gets no mail."""
    mailbox = start(tls=False)
    with pytest.raises(CloudError):
        await send_test_mail(f"smtp://127.0.0.1:{mailbox.port}?starttls=always", MAIL)
    assert mailbox.received == []


async def test_a_wrong_password_is_told_without_it(start: Callable[..., Any]):
    """A refused login is the operator's error, and no part of the error contains the password."""
    mailbox = start(tls=False)
    with pytest.raises(Rejected) as refused:
        await send_test_mail(LOGIN.format("wr0ng", mailbox.port), MAIL)
    assert (refused.value.cause, refused.value.status) == ("probe_login_refused", 535)
    assert "wr0ng" not in str(refused.value)
    assert refused.value.__context__ is None or "wr0ng" not in str(refused.value.__context__)


@pytest.mark.parametrize(("at", "reply", "cause"), ROWS["sendings"])
async def test_a_server_that_refuses_the_login(start, at, reply, cause):
    """A refused or a missing login is the operator's error, whatever the server replies.

    A busy server may accept the login later. Any other refusal of a recipient keeps its own cause.
    The error has the server's own code and words.
    """
    mailbox = start(tls=False)
    if at == "recipient":
        mailbox.refuse_recipient = reply
    else:
        mailbox.password_refusal = reply
    url = LOGIN.format("wr0ng", mailbox.port)
    with pytest.raises(Transient if cause == "smtp_busy" else Rejected) as refused:
        await send_test_mail(url if at == "login" else f"smtp://127.0.0.1:{mailbox.port}", MAIL)
    status, _, words = reply.partition(" ")
    error = refused.value
    assert (error.cause, error.status, error.message) == (cause, int(status), words)
    assert error.code in {"", words.partition(" ")[0]}


async def test_an_address_that_is_none_is_refused_without_being_shown():
    """An SMTP URL that is not valid is not quoted in the error, because it may hold a password.

    A refused connection is a temporary error, and no mail was sent.
    """
    for url in ("", "https://mail.test", "smtp://", "smtp://user:hidden@"):
        with pytest.raises(Rejected) as refused:
            await send_test_mail(url, MAIL)
        assert "hidden" not in str(refused.value)
    with pytest.raises(Transient) as failed:
        await send_test_mail("smtp://127.0.0.1:9", MAIL)
    assert (failed.value.cause, failed.value.unsent) == ("smtp_unreachable", True)


@pytest.mark.parametrize(
    ("password", "error"), [("wr0ng", Rejected), ("p%40ss%20word", LeaseLostError)]
)
async def test_the_guard_is_asked_after_the_login(start, password, error):
    """The guard is asked after the login, and a worker that has lost its run sends no mail."""
    mailbox = start(tls=False)

    def lost() -> None:
        raise LeaseLostError

    url = LOGIN.format(password, mailbox.port)
    with calls.guarded(lost), pytest.raises(error):
        await send_test_mail(url, MAIL)
    assert mailbox.received == []
