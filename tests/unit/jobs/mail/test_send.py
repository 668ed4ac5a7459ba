"""The test mail, sent through a real SMTP server."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from jobs.clouds import calls
from jobs.clouds.errors import CloudError, Rejected, Transient
from jobs.mail.send import OutgoingMail, send_test_mail
from jobs.runs.run import LeaseLostError

MAIL = OutgoingMail(
    "probe@fabrikam.com",
    "support@contoso.com",
    "Test of the channel #1",
    "Nothing to do.",
    "<test.1@fabrikam.com>",
)


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
async def test_the_mail_arrives_as_it_was_sent(
    start: Callable[..., Any], server: dict[str, bool], url: str
):
    """A mail arrives unchanged in plain text, with STARTTLS, with TLS, and with a user name."""
    mailbox = start(**server)
    await send_test_mail(url.format(mailbox.port), MAIL)
    (mail,) = mailbox.received
    assert (
        OutgoingMail(
            mail["From"],
            mail["To"],
            mail["Subject"],
            mail.get_payload().strip(),
            mail["Message-ID"],
        )
        == MAIL
    )


async def test_starttls_always_does_not_send_in_the_clear(start: Callable[..., Any]):
    """With ``starttls=always``, a server without STARTTLS gets no mail."""
    mailbox = start(tls=False)
    with pytest.raises(CloudError):
        await send_test_mail(f"smtp://127.0.0.1:{mailbox.port}?starttls=always", MAIL)
    assert mailbox.received == []


async def test_a_refused_recipient_has_its_cause_and_code(start: Callable[..., Any]):
    """The error for a refused recipient has its cause and the server's own code and words."""
    mailbox = start(tls=False)
    mailbox.refuse_recipient = "550 5.1.8 Access denied, bad outbound sender"
    with pytest.raises(Rejected) as refused:
        await send_test_mail(f"smtp://127.0.0.1:{mailbox.port}", MAIL)
    error = refused.value
    assert (error.cause, error.status, error.code, error.message) == (
        "sender_restricted",
        550,
        "5.1.8",
        "5.1.8 Access denied, bad outbound sender",
    )


async def test_a_wrong_password_is_told_without_it(start: Callable[..., Any]):
    """A refused login is the operator's error, and no part of the error contains the password."""
    mailbox = start(tls=False)
    with pytest.raises(Rejected) as refused:
        await send_test_mail(f"smtp://bot%40contoso.com:wr0ng@127.0.0.1:{mailbox.port}", MAIL)
    assert (refused.value.cause, refused.value.status) == ("probe_login_refused", 535)
    assert "wr0ng" not in str(refused.value)
    assert refused.value.__context__ is None or "wr0ng" not in str(refused.value.__context__)


@pytest.mark.parametrize(
    ("reply", "kind", "cause"),
    [
        ("530 5.7.57 Client not authenticated to send mail", Rejected, "probe_login_refused"),
        (
            "550 5.7.3 Requested action aborted; user not authenticated",
            Rejected,
            "probe_login_refused",
        ),
        ("530 Authentication required", Rejected, "probe_login_refused"),
        ("451 4.7.0 Temporary server error", Transient, "smtp_busy"),
        (
            "550 5.7.60 Client does not have permissions to send as this sender",
            Rejected,
            "send_as_denied",
        ),
    ],
)
async def test_a_server_that_wants_a_login(
    start: Callable[..., Any], reply: str, kind: type[CloudError], cause: str
):
    """A server that needs a login refuses each recipient; that is the operator's error.

    Any other refusal of a recipient keeps its own cause.
    """
    mailbox = start(tls=False)
    mailbox.refuse_recipient = reply
    with pytest.raises(kind) as refused:
        await send_test_mail(f"smtp://127.0.0.1:{mailbox.port}", MAIL)
    assert refused.value.cause == cause


@pytest.mark.parametrize(
    ("refusal", "kind", "cause"),
    [
        ("535 5.7.8 Bad credentials", Rejected, "probe_login_refused"),
        (
            "535 5.7.139 SmtpClientAuthentication is disabled for the Mailbox.",
            Rejected,
            "probe_login_refused",
        ),
        ("534 5.7.9 Please log in with your web browser", Rejected, "probe_login_refused"),
        ("454 4.7.0 Temporary authentication failure", Transient, "smtp_busy"),
    ],
)
async def test_a_login_that_is_refused(
    start: Callable[..., Any], refusal: str, kind: type[CloudError], cause: str
):
    """A refused login is the operator's error, whatever the server replies.

    A busy server may accept the login later.
    """
    mailbox = start(tls=False)
    mailbox.password_refusal = refusal
    with pytest.raises(kind) as refused:
        await send_test_mail(f"smtp://bot%40contoso.com:wr0ng@127.0.0.1:{mailbox.port}", MAIL)
    assert refused.value.cause == cause


async def test_a_server_that_is_not_there_may_be_there_later():
    """A refused connection is a temporary error, and no mail was sent."""
    with pytest.raises(Transient) as failed:
        await send_test_mail("smtp://127.0.0.1:9", MAIL)
    assert (failed.value.cause, failed.value.unsent) == ("smtp_unreachable", True)


@pytest.mark.parametrize("url", ["", "https://mail.test", "smtp://", "smtp://user:hidden@"])
async def test_an_address_that_is_none_is_refused_without_being_shown(url: str):
    """An SMTP URL that is not valid is not quoted in the error, because it may hold a password."""
    with pytest.raises(Rejected) as refused:
        await send_test_mail(url, MAIL)
    assert "hidden" not in str(refused.value)


@pytest.mark.parametrize(
    ("password", "error"), [("wr0ng", Rejected), ("p%40ss%20word", LeaseLostError)]
)
async def test_the_guard_is_asked_after_the_login(
    start: Callable[..., Any], password: str, error: type[Exception]
):
    """The guard is asked after the login, and a worker that has lost its run sends no mail."""
    mailbox = start(tls=False)

    def lost() -> None:
        raise LeaseLostError

    url = f"smtp://bot%40contoso.com:{password}@127.0.0.1:{mailbox.port}"
    with calls.guarded(lost), pytest.raises(error):
        await send_test_mail(url, MAIL)
    assert mailbox.received == []
