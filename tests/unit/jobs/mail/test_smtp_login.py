"""Tests of the SMTP login probe against a real server: its phases, causes and transcript."""

import asyncio
import base64
import re
import ssl
from types import SimpleNamespace

import pytest

from jobs.clouds import calls
from jobs.clouds.errors import CloudError, Rejected, Transient
from jobs.mail.smtp_login import OutgoingMail, login_probe, meaning_of, send_test_mail
from jobs.runs.run import LeaseLostError
from tests.fixtures.parsed import table

ROWS = table("bounces")

USER = "support@contoso.com"
GOOD = "token-that-is-good"


@pytest.fixture(autouse=True)
async def goodbye():
    """Keep the loop alive briefly after the test.

    aiosmtplib does not wait until its connection is closed.
    """
    yield
    await asyncio.sleep(0.02)


async def login(mailbox, token: str):
    """Return the result of a login to this server."""
    return await login_probe(f"127.0.0.1:{mailbox.port}", USER, token)


async def probed(serve, seconds: float = 15.0):
    """Return the result of a login to a server that serves each connection with this function."""
    async with await asyncio.start_server(serve, "127.0.0.1", 0) as server:
        address = f"127.0.0.1:{server.sockets[0].getsockname()[1]}"
        return await login_probe(address, USER, GOOD, seconds)


async def greeted(*greetings: bytes):
    """Return the result of a login to a server that sends these greetings and hangs up."""
    left = list(greetings)

    async def serve(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(left.pop(0) if len(left) > 1 else left[0])
        writer.close()
        await writer.wait_closed()

    return await probed(serve)


async def served(*replies: bytes | ssl.SSLContext, seconds: float = 3):
    """Return the result of a login to a server with these replies, and with TLS at a context."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        for number, reply in enumerate(replies):
            if isinstance(reply, ssl.SSLContext):
                await writer.drain()
                await writer.start_tls(reply)
                continue
            if number:
                await reader.read(65536)
            writer.write(reply)
        await reader.read()
        writer.close()

    return await probed(serve, seconds)


async def test_a_good_login_passes_every_phase(smtp_server):
    """A good login passes every phase, and keeps the server's last reply.

    A long token is sent on its own line, after the server's 334 reply: a command line has at most
    512 bytes.
    """
    mailbox = smtp_server()
    probe = await login(mailbox, GOOD)
    assert (probe.ok, probe.failed_phase, probe.cause) == (True, "", "")
    assert probe.reply.startswith("235 2.7.0")
    probe = await login(mailbox, "x" * 2000)
    assert mailbox.logins == [USER, USER]
    sent = [line for line in probe.transcript if line.startswith("C: ")]
    assert sent[-2:] == ["C: AUTH XOAUTH2", "C: (token)"]


BAD_ARGUMENT = "501 5.5.4 bad argument: {}..."


@pytest.mark.parametrize("token", [GOOD, "bad-token", "long-bad-token-" * 60])
async def test_the_token_is_nowhere_in_what_is_kept(smtp_server, token):
    """Neither the token nor its base64 form is in the transcript or the reply.

    If a server quotes the first characters of the credentials, they are hidden, too.
    """
    mailbox = smtp_server()
    blob = base64.b64encode(f"user={USER}\x01auth=Bearer {token}\x01\x01".encode()).decode()
    for refusal in (f"535 5.7.3 no, {token} is bad", BAD_ARGUMENT.format(blob[:22])):
        mailbox.refusal = refusal
        probe = await login(mailbox, token)
        assert token not in repr(probe)
        assert blob[:22] not in repr(probe)
        assert any("(token)" in line for line in probe.transcript)
    assert token == GOOD or probe.reply == BAD_ARGUMENT.format("(token)")


@pytest.mark.slow
@pytest.mark.parametrize(("refusal", "status", "cause"), ROWS["logins"])
async def test_each_refusal_has_its_cause(smtp_server, refusal, status, cause):
    """Each known refusal has its cause, with and without a 334 challenge, and is kept verbatim."""
    mailbox = smtp_server()
    mailbox.refusal, mailbox.challenge = refusal, {"status": status} if status else None
    probe = await login(mailbox, "bad-token")
    assert not probe.ok
    assert (probe.failed_phase, probe.cause, probe.reply) == ("auth", cause, refusal)


@pytest.mark.parametrize(
    ("says", "cause", "reply"),
    [
        (b"", "smtp_unreachable", "the connection was closed"),
        (b"HTTP/1.1 400 Bad Request\r\n", "smtp_unreachable", "HTTP/1.1 400 Bad Request"),
        (b"421 4.3.2 Service not available\r\n", "smtp_busy", "421 4.3.2 Service not available"),
        (b"554 5.7.1 go away\r\n", "smtp_refused", "554 5.7.1 go away"),
        (b"554 5.9.99 new [AM0 08DE2C]\r\n", "smtp_refused", "554 5.9.99 new [AM0 08DE2C]"),
        (b"220-" + b"x" * 100_000, "smtp_unreachable", "a line without an end"),
        (b"220-more\r\n" * 200, "smtp_unreachable", "a reply without an end"),
        *((code, "smtp_unreachable", None) for code in (b"+22 a", b"1_2 a", b" 22 a", b"-12 a")),
    ],
)
async def test_a_banner_that_is_none(says, cause, reply):
    """The probe reports a cause and a reply, whatever the port sends instead of a greeting.

    Text such as "+22", which ``int`` accepts, does not count as a reply code.
    """
    probe = await greeted(says if reply is not None else says + b"\r\n")
    assert (probe.failed_phase, probe.cause) == ("banner", cause)
    assert reply is None or probe.reply == reply


@pytest.mark.slow
async def test_a_server_that_says_nothing_costs_no_more_than_the_time_given():
    """A server that sends nothing is reported as timed out after the given time."""
    probe = await served(seconds=0.1)
    assert (probe.failed_phase, probe.cause) == ("banner", "timed_out")
    assert probe.reply == "no answer in 0.1 s"


async def test_the_transcript_is_whole(smtp_server):
    """The transcript has every line of both sides except the credentials.

    So support can read how the login went.
    """
    probe = await login(smtp_server(), "bad-token")
    told = [line for line in probe.transcript if not line.startswith("S: 250-")]
    assert [re.sub(r"^(S: \d{3}).*", r"\1", line) for line in told] == [
        "S: 220", "C: EHLO localhost", "S: 250", "C: STARTTLS", "S: 220", "-- TLSv1.3",
        "C: EHLO localhost", "S: 250", "C: AUTH XOAUTH2 (token)", "S: 535",
    ]  # fmt: skip


async def test_another_servers_manner_of_speaking(certificates, monkeypatch):
    """The login works with a multi-line greeting, no enhanced codes, and the old word ``AUTH=``."""
    monkeypatch.setenv("SSL_CERT_FILE", str(certificates.ca_path))
    before = b"220-hello\r\n220-this is\r\n220 me\r\n", b"250-here\r\n250 starttls \r\n", b"220\r\n"
    after = b"250-here\r\n250 AUTH=LOGIN XOAUTH2\r\n", b"235 in\r\n"
    probe = await served(*before, certificates.server_context(), *after)
    assert (probe.failed_phase, probe.cause, probe.reply) == ("", "", "235 in")


@pytest.mark.parametrize(("lines", "cause"), ROWS["lines"])
def test_a_reply_that_is_cut_into_lines(lines, cause):
    """A known sentence is found, even if the code is repeated within it, and at once."""
    assert {meaning_of(535, lines + end).cause for end in ("", " " * 30_000 + ".")} == {cause}


@pytest.mark.parametrize(
    ("server", "phase", "cause"),
    [
        ({"oauth": False}, "auth", "smtp_no_oauth"),
        ({"tls": False}, "starttls", "smtp_no_starttls"),
        ({"trusted": False}, "certificate", "smtp_certificate_invalid"),
        (None, "connect", "smtp_unreachable"),
    ],
)
async def test_a_server_that_never_sees_the_token(smtp_server, server, phase, cause):
    """A server without XOAUTH2, STARTTLS or a trusted certificate gets no login."""
    mailbox = smtp_server(**server) if server else SimpleNamespace(port=9, logins=[])
    probe = await login(mailbox, GOOD)
    assert (probe.failed_phase, probe.cause, mailbox.logins) == (phase, cause, [])
    assert server or probe.transcript == ()


async def test_a_connection_that_breaks_off_is_tried_once_more(smtp_server):
    """A connection that breaks off is tried once more, and the second try counts.

    So does the second greeting after one that says that the server is busy.
    """
    mailbox, lost = smtp_server(), []

    async def relay(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if not lost:
            lost.append(1)
            writer.close()
            return
        inner_reader, inner_writer = await asyncio.open_connection("127.0.0.1", mailbox.port)
        await asyncio.gather(_pipe(reader, inner_writer), _pipe(inner_reader, writer))

    assert ((await probed(relay)).ok, lost) == (True, [1])
    busy, away = b"421 4.3.2 Service not available\r\n", b"554 5.7.1 go away\r\n"
    assert (await greeted(busy, away)).cause == "smtp_refused"


async def _pipe(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while data := await reader.read(65536):
        writer.write(data)
        await writer.drain()
    writer.close()


BEGUN, GO_ON = (b"220 hello\r\n", b"250 STARTTLS\r\n"), b"220 go on\r\n"


async def test_tls_that_fails_is_no_bad_certificate():
    """A server that continues in plain text after STARTTLS has failed at TLS.

    That is not reported as a bad certificate.
    """
    probe = await served(*BEGUN, GO_ON, b"500 what?\r\n")
    assert (probe.failed_phase, probe.cause) == ("certificate", "smtp_tls_failed")


async def test_a_starttls_that_is_refused():
    """A refused STARTTLS is a failure of the STARTTLS phase, with the server's own reply.

    No certificate was seen.
    """
    probe = await served(*BEGUN, b"454 4.7.0 TLS not available\r\n")
    assert (probe.failed_phase, probe.cause) == ("starttls", "smtp_busy")
    assert probe.reply == "454 4.7.0 TLS not available"


@pytest.mark.slow
async def test_a_handshake_that_does_not_end():
    """A handshake that stalls is a timeout in the certificate phase, as the transcript shows."""
    probe = await served(*BEGUN, GO_ON, seconds=0.3)
    assert (probe.failed_phase, probe.cause) == ("certificate", "timed_out")
    assert probe.transcript[-2:] == ("C: STARTTLS", "S: 220 go on")


async def test_words_before_the_handshake_are_no_replies(certificates, monkeypatch):
    """Plain text that an attacker injects after the 220 answers no command under TLS.

    The source is RFC 3207, section 4.2.
    """
    monkeypatch.setenv("SSL_CERT_FILE", str(certificates.ca_path))
    injected = b"220 go on\r\n250 AUTH XOAUTH2\r\n235 2.7.0 welcome\r\n"
    under_tls = b"250 AUTH XOAUTH2\r\n", b"535 5.7.3 no\r\n"
    probe = await served(*BEGUN, injected, certificates.server_context(), *under_tls)
    assert (probe.ok, probe.cause, probe.reply) == (False, "smtp_token_refused", "535 5.7.3 no")


WORDS = ("Test of the channel #1", "Nothing to do.", "<test.1@fabrikam.com>")
MAIL = OutgoingMail("probe@fabrikam.com", "support@contoso.com", *WORDS)
LOGIN = "smtp://bot%40contoso.com:{}@127.0.0.1:{}"


@pytest.mark.slow
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
async def test_the_mail_arrives_as_it_was_sent(smtp_server, server, url):
    """A mail arrives unchanged in plain text, with STARTTLS, with TLS, and with a user name."""
    mailbox = smtp_server(**server)
    await send_test_mail(url.format(mailbox.port), MAIL)
    (mail,) = mailbox.received
    assert (mail["From"], mail["To"]) == (MAIL.sender, MAIL.recipient)
    assert (mail["Subject"], mail.get_payload().strip(), mail["Message-ID"]) == WORDS


async def test_starttls_always_does_not_send_in_the_clear(smtp_server):
    """With ``starttls=always``, a server without STARTTLS gets no mail."""
    mailbox = smtp_server(tls=False)
    with pytest.raises(CloudError):
        await send_test_mail(f"smtp://127.0.0.1:{mailbox.port}?starttls=always", MAIL)
    assert mailbox.received == []


async def test_a_wrong_password_is_told_without_it(smtp_server):
    """A refused login is the operator's error, and no part of the error contains the password."""
    mailbox = smtp_server(tls=False)
    with pytest.raises(Rejected) as refused:
        await send_test_mail(LOGIN.format("wr0ng", mailbox.port), MAIL)
    assert (refused.value.cause, refused.value.status) == ("probe_login_refused", 535)
    assert "wr0ng" not in str(refused.value)
    assert refused.value.__context__ is None or "wr0ng" not in str(refused.value.__context__)


@pytest.mark.slow
@pytest.mark.parametrize(("at", "reply", "cause"), ROWS["sendings"])
async def test_a_server_that_refuses_the_login(smtp_server, at, reply, cause):
    """A refused or a missing login is the operator's error, whatever the server replies.

    A busy server may accept the login later. Any other refusal of a recipient keeps its own cause.
    The error has the server's own code and words.
    """
    mailbox = smtp_server(tls=False)
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
async def test_the_guard_is_asked_after_the_login(smtp_server, password, error):
    """The guard is asked after the login, and a worker that has lost its run sends no mail."""
    mailbox = smtp_server(tls=False)

    def lost() -> None:
        raise LeaseLostError

    url = LOGIN.format(password, mailbox.port)
    with calls.guarded(lost), pytest.raises(error):
        await send_test_mail(url, MAIL)
    assert mailbox.received == []
