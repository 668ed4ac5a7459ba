"""SMTP server of the tests, with STARTTLS and XOAUTH2. It misbehaves on demand."""

import asyncio
import base64
import json
import socket
from dataclasses import dataclass, field
from email.message import Message

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.handlers import Message as MessageHandler
from aiosmtpd.smtp import SMTP, AuthResult, LoginPassword

GOOD_TOKEN = "token-that-is-good"


@pytest.fixture(autouse=True)
async def goodbye():
    """Keep the loop alive briefly after the test.

    aiosmtplib does not wait until its connection is closed.
    """
    yield
    await asyncio.sleep(0.02)


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
        blob = await self.challenge_auth("", encode_to_b64=False) if len(args) < 2 else b""
        blob = blob or base64.b64decode(args[1])
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
        self, _s: SMTP, _se, envelope, address: str, _o: list[str]
    ) -> str:
        if self.mailbox.refuse_recipient:
            return self.mailbox.refuse_recipient
        envelope.rcpt_tos.append(address)
        return "250 OK"


def _password(server, _session, _envelope, _mechanism: str, data) -> AuthResult:
    good = data == LoginPassword(b"bot@contoso.com", b"p@ss word")
    message = None if good else server.mailbox.password_refusal
    return AuthResult(success=good, handled=False, message=message)


@pytest.fixture
def start(certificates, monkeypatch):
    """Return a function that starts a server.

    ``tls`` offers STARTTLS, ``secure`` speaks TLS from the start, ``oauth`` offers XOAUTH2, and
    ``trusted`` lets the client trust the certificate.
    """
    running: list[Controller] = []

    def start_one(
        *, tls: bool = True, oauth: bool = True, trusted: bool = True, secure: bool = False
    ) -> Mailbox:
        mailbox = Mailbox()
        context = certificates.server_context()
        if trusted:
            monkeypatch.setenv("SSL_CERT_FILE", str(certificates.ca_path))
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            mailbox.port = free.getsockname()[1]
        hidden = ["LOGIN", "PLAIN", *([] if oauth else ["XOAUTH2"])] if tls else []
        starttls = context if tls and not secure else None

        class One(Controller):
            def factory(self) -> SMTP:
                options = {"tls_context": starttls, "auth_require_tls": starttls is not None}
                options |= {"auth_exclude_mechanism": hidden, "authenticator": _password}
                made = _Server(self.handler, **options)
                made.mailbox = mailbox
                return made

        where = {"hostname": "127.0.0.1", "port": mailbox.port}
        server = One(_Handler(mailbox), ssl_context=context if secure else None, **where)
        server.start()
        running.append(server)
        return mailbox

    yield start_one
    for server in running:
        server.stop()
