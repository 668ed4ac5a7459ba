"""Test mail at a real Postfix with Dovecot: success, and every refusal."""

from urllib.parse import quote

import pytest

from jobs.clouds.errors import Rejected, Transient
from jobs.mail.smtp_login import OutgoingMail, send_test_mail
from tests.fixtures.waiting import until
from tests.foreign import mail_servers
from tests.foreign.mail_servers import DOMAIN, MAILBOX, MOST_BYTES, PASSWORD, PROBE

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def started():
    """Running Postfix and Dovecot, or a skip that says which of them is missing."""
    if why := mail_servers.missing():
        pytest.skip(f"no mail servers of somebody else: {why}")
    with mail_servers.running() as servers:
        yield servers


@pytest.fixture
def servers(started, monkeypatch):
    """Running Postfix and Dovecot, whose trusted certificates the product accepts."""
    monkeypatch.setenv("SSL_CERT_FILE", str(started.trusted))
    return started


def url(servers, port):
    """Return PROBE_SMTP_URL for a port."""
    return f"smtp://{quote(PROBE)}:{quote(PASSWORD)}@{servers.server(port)}"


def mail(subject, **more):
    """Return a test mail with this subject."""
    values = {"sender": PROBE, "recipient": MAILBOX, "body": "Hello"} | more
    return OutgoingMail(subject=subject, message_id=f"<{subject}@{DOMAIN}>", **values)


@pytest.mark.parametrize("port", ["submission", "no_starttls", "only_passwords", "strict"])
async def test_a_test_mail_arrives(servers, port):
    """The server logs the bot in by password, takes the test mail, and delivers it."""
    await send_test_mail(url(servers, port), mail(f"mail-{port}"))
    arrived = until(lambda: [each for each in servers.mail() if f"mail-{port}@" in each])
    assert len(arrived) == 1
    assert f"Return-Path: <{PROBE}>" in arrived[0]
    assert ("with ESMTPSA" in arrived[0]) is (port != "no_starttls")


@pytest.mark.parametrize(
    ("port", "more", "kind", "cause", "words"),
    [
        (
            "submission",
            {"sender": MAILBOX},
            Rejected,
            "smtp_refused",
            "553 5.7.1|not owned by user",
        ),
        ("submission", {"recipient": f"no@{DOMAIN}"}, Rejected, "smtp_refused", "550 5.1.1"),
        ("submission", {"body": "x\n" * MOST_BYTES}, Rejected, "smtp_refused", "552 5.3.4"),
        ("greylist", {}, Transient, "smtp_busy", "450 4.2.0"),
        # The server ends such a connection with 421; what it refused before that counts.
        ("strict", {"recipient": f"no@{DOMAIN}"}, Rejected, "smtp_refused", "550 5.1.1"),
        ("closed", {}, Rejected, "smtp_refused", "554 5.7.1"),
        ("other_name", {}, Rejected, "smtp_certificate_invalid", "Hostname mismatch"),
        ("expired", {}, Rejected, "smtp_certificate_invalid", "certificate has expired"),
        ("untrusted", {}, Rejected, "smtp_certificate_invalid", "self-signed"),
        ("old_tls", {}, Rejected, "smtp_tls_failed", "protocol version"),
        ("no_oauth", {}, Rejected, "smtp_refused", "AUTH extension is not supported"),
    ],
)
async def test_a_test_mail_that_is_refused(servers, port, more, kind, cause, words):
    """Each refusal of a test mail has its cause and the server's words. Nothing is delivered."""
    before = len(servers.mail())
    with pytest.raises(kind) as failed:
        await send_test_mail(url(servers, port), mail(f"refused-{port}", **more))
    assert failed.value.cause == cause
    assert [each for each in words.split("|") if each not in str(failed.value)] == []
    assert len(servers.mail()) == before
