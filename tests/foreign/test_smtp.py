"""SMTP probe and test mail against a real Postfix with Dovecot: success, and every refusal."""

import base64
import json
from urllib.parse import quote

import pytest

from jobs.clouds.errors import Rejected, Transient
from jobs.mail.smtp_login import OutgoingMail, hello_probe, login_probe, send_test_mail
from tests.fixtures.waiting import until
from tests.foreign import mail_servers
from tests.foreign.mail_servers import (
    AWAY,
    COLLEAGUE,
    DOMAIN,
    GOOD,
    MAILBOX,
    MOST_BYTES,
    PASSWORD,
    PROBE,
)

pytestmark = pytest.mark.slow
WORDS = "535 5.7.8 Error: authentication failed"


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


def told(probe):
    """Return whether the probe succeeded, and otherwise the phase and the cause of its failure."""
    return probe.ok, probe.failed_phase, probe.cause


@pytest.mark.parametrize("token", [GOOD, "long-token-" * 400])
async def test_a_login_that_goes_well(servers, token):
    """A login with a good token succeeds.

    Dovecot asks the provider about the token, and Postfix answers as Exchange does.
    """
    servers.tokens.users[token] = MAILBOX
    probe = await login_probe(servers.server("submission"), MAILBOX, token)
    assert (told(probe), probe.reply) == ((True, "", ""), "235 2.7.0 Authentication successful")
    assert servers.tokens.asked[-1] == token
    assert "-- TLSv1.3" in probe.transcript
    assert token not in repr(probe)


@pytest.mark.parametrize(
    ("user", "token", "cause", "status"),
    [
        (MAILBOX, "unknown", "smtp_token_refused", "401"),
        (MAILBOX, "x" * 2000, "smtp_token_refused", "401"),
        (MAILBOX, COLLEAGUE, "smtp_token_refused", ""),
        (f"agent@{DOMAIN}", GOOD, "smtp_token_refused", ""),
        (MAILBOX, AWAY, "smtp_busy", "500"),
    ],
)
async def test_a_token_that_is_refused(servers, user, token, cause, status):
    """A login is refused if its token is unknown or another person's, or if the provider is away.

    All end with the same words. The challenge before the end shows the difference, and it has to be
    answered.
    """
    probe = await login_probe(servers.server("submission"), user, token)
    assert told(probe) == (False, "auth", cause)
    assert probe.reply.startswith(WORDS)
    assert [each["status"] for each in challenges(probe)] == ([status] if status else [])
    assert token not in repr(probe)


def challenges(probe):
    """Return the server's challenges that contain an error, as it sent them."""
    sent = [line.removeprefix("S: 334 ") for line in probe.transcript if line.startswith("S: 334 ")]
    return [json.loads(base64.b64decode(each)) for each in sent if each.strip()]


@pytest.mark.parametrize(
    ("port", "phase", "cause", "words"),
    [
        ("no_starttls", "starttls", "smtp_no_starttls", "PIPELINING"),
        ("no_oauth", "auth", "smtp_no_oauth", "SMTPUTF8"),
        ("only_passwords", "auth", "smtp_no_oauth", "AUTH PLAIN LOGIN"),
        ("other_name", "certificate", "smtp_certificate_invalid", "Hostname mismatch"),
        ("expired", "certificate", "smtp_certificate_invalid", "certificate has expired"),
        ("untrusted", "certificate", "smtp_certificate_invalid", "self-signed certificate"),
        ("old_tls", "certificate", "smtp_tls_failed", "protocol version"),
        ("closed", "banner", "smtp_refused", "554 5.7.1"),
    ],
)
async def test_a_server_that_is_not_as_it_should_be(servers, port, phase, cause, words):
    """At a server with a fault, the probe says in which phase it ended and why.

    No token is sent before that.
    """
    servers.tokens.asked.clear()
    for probe in (
        await login_probe(servers.server(port), MAILBOX, GOOD),
        await hello_probe(servers.server(port)),
    ):
        assert told(probe) == (False, phase, cause)
        assert words in probe.reply
    assert servers.tokens.asked == []


def url(servers, port, password=PASSWORD, **query):
    """Return PROBE_SMTP_URL for a port."""
    wish = "".join(f"?{name}={value}" for name, value in query.items())
    return f"smtp://{quote(PROBE)}:{quote(password)}@{servers.server(port)}{wish}"


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
