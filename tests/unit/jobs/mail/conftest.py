"""SMTP server of the tests, with STARTTLS and XOAUTH2. It misbehaves on demand."""

from __future__ import annotations

import asyncio
import base64
import json
import socket
import ssl
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.message import Message
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.handlers import Message as MessageHandler
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa

GOOD_TOKEN = "token-that-is-good"


@pytest.fixture(autouse=True)
async def goodbye() -> AsyncIterator[None]:
    """Keep the loop alive briefly after the test.

    aiosmtplib does not wait until its connection is closed.
    """
    yield
    await asyncio.sleep(0.02)


@pytest.fixture(scope="session")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A self-signed certificate for 127.0.0.1, and its key."""
    folder = tmp_path_factory.mktemp("smtp")
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "localhost")])
    start = datetime.now(UTC) - timedelta(hours=1)
    builder = (
        x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
    )
    builder = (
        builder.serial_number(x509.random_serial_number())
        .not_valid_before(start)
        .not_valid_after(start + timedelta(days=1))
    )
    builder = builder.add_extension(
        x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False
    )
    cert = builder.sign(key, hashes.SHA256())
    paths = folder / "cert.pem", folder / "key.pem"
    paths[0].write_bytes(cert.public_bytes(serialization.Encoding.PEM))
    pem = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    paths[1].write_bytes(pem)
    return paths


@dataclass
class Mailbox:
    """Settings of the server (accepted logins, replies to refusals) and the mail it received."""

    port: int = 0
    refusal: str = "535 5.7.3 Authentication unsuccessful [TEST]"
    challenge: dict[str, str] | None = None
    refuse_recipient: str = ""
    password_refusal: str = "535 5.7.8 Authentication credentials invalid"
    logins: list[str] = field(default_factory=list)
    received: list[Message] = field(default_factory=list)


class _Server(SMTP):
    mailbox: Mailbox
    line_length_limit = 8192

    async def auth_XOAUTH2(self, _: SMTP, args: list[str]) -> AuthResult | str:  # noqa: N802  aiosmtpd's name
        blob = (
            base64.b64decode(args[1])
            if len(args) > 1
            else await self.challenge_auth("", encode_to_b64=False)
        )
        user, _, bearer = bytes(blob).decode().partition("\x01auth=Bearer ")
        self.mailbox.logins.append(user.removeprefix("user="))
        if bearer == f"{GOOD_TOKEN}\x01\x01":
            return AuthResult(success=True, auth_data=user)
        if self.mailbox.challenge is not None:
            answer = await self.challenge_auth(json.dumps(self.mailbox.challenge))
            assert answer == b""
        await self.push(self.mailbox.refusal)
        return AuthResult(success=False, handled=True)


class _Handler(MessageHandler):
    def __init__(self, mailbox: Mailbox) -> None:
        super().__init__()
        self.mailbox = mailbox

    def handle_message(self, message: Message) -> None:
        self.mailbox.received.append(message)

    async def handle_RCPT(  # noqa: N802  aiosmtpd's name
        self, _s: SMTP, _se: Session, envelope: Envelope, address: str, _o: list[str]
    ) -> str:
        if self.mailbox.refuse_recipient:
            return self.mailbox.refuse_recipient
        envelope.rcpt_tos.append(address)
        return "250 OK"


def _password(
    server: Any, _session: Session, _envelope: Envelope, _mechanism: str, data: Any
) -> AuthResult:
    good = isinstance(data, LoginPassword) and (data.login, data.password) == (
        b"bot@contoso.com",
        b"p@ss word",
    )
    return AuthResult(
        success=good, handled=False, message=None if good else server.mailbox.password_refusal
    )


@pytest.fixture
def start(
    certificate: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> Iterator[Callable[..., Mailbox]]:
    """Return a function that starts a server.

    ``tls`` offers STARTTLS, ``secure`` speaks TLS from the start, ``oauth`` offers XOAUTH2, and
    ``trusted`` lets the client trust the certificate.
    """
    running: list[Controller] = []

    def start_one(
        *, tls: bool = True, oauth: bool = True, trusted: bool = True, secure: bool = False
    ) -> Mailbox:
        mailbox = Mailbox()
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(*certificate)
        if trusted:
            monkeypatch.setenv("SSL_CERT_FILE", str(certificate[0]))
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            mailbox.port = free.getsockname()[1]
        hidden = ["LOGIN", "PLAIN"] if oauth else ["LOGIN", "PLAIN", "XOAUTH2"]

        class One(Controller):
            def factory(self) -> SMTP:
                made = _Server(
                    self.handler,
                    tls_context=context if tls and not secure else None,
                    auth_require_tls=tls and not secure,
                    auth_exclude_mechanism=hidden if tls else (),
                    authenticator=_password,
                )
                made.mailbox = mailbox
                return made

        server = One(
            _Handler(mailbox),
            hostname="127.0.0.1",
            port=mailbox.port,
            ssl_context=context if secure else None,
        )
        server.start()
        running.append(server)
        return mailbox

    yield start_one
    for server in running:
        server.stop()
