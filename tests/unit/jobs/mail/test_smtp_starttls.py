"""Tests of the STARTTLS and TLS phases against servers that refuse, stall or inject text."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from jobs.mail.smtp_login import login_probe

USER = "support@contoso.com"
GOOD = "token-that-is-good"


async def test_a_server_without_starttls_never_sees_the_token(start: Callable[..., Any]):
    """A server without STARTTLS gets no login."""
    mailbox = start(tls=False)
    probe = await login_probe(f"127.0.0.1:{mailbox.port}", USER, GOOD)
    assert (probe.failed_phase, probe.cause, mailbox.logins) == ("starttls", "smtp_no_starttls", [])


async def test_a_certificate_that_nobody_trusts_ends_it(start: Callable[..., Any]):
    """An untrusted certificate fails in its own phase, before the token is sent."""
    mailbox = start(trusted=False)
    probe = await login_probe(f"127.0.0.1:{mailbox.port}", USER, GOOD)
    assert (probe.failed_phase, probe.cause, mailbox.logins) == (
        "certificate",
        "smtp_certificate_invalid",
        [],
    )
    assert "signed certificate" in probe.reply


async def test_tls_that_fails_is_no_bad_certificate():
    """A server that continues in plain text after STARTTLS has failed at TLS.

    That is not reported as a bad certificate.
    """

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"220 hello\r\n")
        await reader.readline()
        writer.write(b"250 STARTTLS\r\n")
        await reader.readline()
        writer.write(b"220 go on\r\n")
        await reader.read(65536)
        writer.write(b"500 what?\r\n")
        await reader.read()
        writer.close()

    async with await asyncio.start_server(serve, "127.0.0.1", 0) as server:
        probe = await login_probe(f"127.0.0.1:{server.sockets[0].getsockname()[1]}", USER, GOOD)
    assert (probe.failed_phase, probe.cause) == ("certificate", "smtp_tls_failed")


@asynccontextmanager
async def speaking(
    certificate: tuple[Path, Path], starttls: bytes, *after: bytes
) -> AsyncIterator[str]:
    """Yield the address of a server that answers STARTTLS with ``starttls``.

    If there are replies ``after``, it continues with TLS and sends them.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*certificate)
    ended = asyncio.Event()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        for words in (b"220 hello\r\n", b"250 STARTTLS\r\n"):
            writer.write(words)
            await reader.readline()
        writer.write(starttls)
        if after:
            await writer.drain()
            await writer.start_tls(context)
        for words in after:
            await reader.readline()
            writer.write(words)
        await ended.wait()
        writer.close()

    async with await asyncio.start_server(serve, "127.0.0.1", 0) as server:
        yield f"127.0.0.1:{server.sockets[0].getsockname()[1]}"
        ended.set()


async def test_a_starttls_that_is_refused(certificate: tuple[Path, Path]):
    """A refused STARTTLS is a failure of the STARTTLS phase, with the server's own reply.

    No certificate was seen.
    """
    async with speaking(certificate, b"454 4.7.0 TLS not available\r\n") as server:
        probe = await login_probe(server, USER, GOOD, 3)
    assert (probe.failed_phase, probe.cause, probe.reply) == (
        "starttls",
        "smtp_busy",
        "454 4.7.0 TLS not available",
    )


async def test_a_handshake_that_does_not_end(certificate: tuple[Path, Path]):
    """A handshake that stalls is a timeout in the certificate phase, as the transcript shows."""
    async with speaking(certificate, b"220 go on\r\n") as server:
        probe = await login_probe(server, USER, GOOD, 0.3)
    assert (probe.failed_phase, probe.cause) == ("certificate", "timed_out")
    assert probe.transcript[-2:] == ("C: STARTTLS", "S: 220 go on")


async def test_words_before_the_handshake_are_no_replies(
    certificate: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
):
    """Plain text that an attacker injects after the 220 answers no command under TLS.

    The source is RFC 3207, section 4.2.
    """
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate[0]))
    injected = b"220 go on\r\n250 AUTH XOAUTH2\r\n235 2.7.0 welcome\r\n"
    async with speaking(
        certificate, injected, b"250 AUTH XOAUTH2\r\n", b"535 5.7.3 no\r\n"
    ) as server:
        probe = await login_probe(server, USER, GOOD, 3)
    assert (probe.ok, probe.cause, probe.reply) == (False, "smtp_token_refused", "535 5.7.3 no")
