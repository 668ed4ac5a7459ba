"""SMTP servers on loopback.

They are the submission server (STARTTLS and XOAUTH2) and the mail exchanger for the internet.
"""

import asyncio
import base64
import ssl
import threading
from collections.abc import Callable
from email.message import EmailMessage
from email.utils import parseaddr
from typing import Any, AnyStr, Final, cast

from aiosmtpd.smtp import SMTP, AuthResult, Envelope, Session

from practice.mail import greeting, sasl
from practice.mail.flow import Flow
from practice.mail.greeting import MOST_BYTES, Greeting
from practice.mail.sasl import Login
from practice.mail.store import Mail, parse
from practice.microsoft.tokens import Keys
from practice.microsoft.world import World

HOST: Final = "127.0.0.1"
LONGEST_LINE: Final = 12_288
NO_STARTTLS: Final = "no_starttls"
BAD_CERTIFICATE: Final = "bad_certificate"
NO_XOAUTH2: Final = "no_xoauth2"
HANGS_UP: Final = "hangs_up"
STARTTLS: Final = "220 Ready to start TLS"
"""Reply that aiosmtpd gives to STARTTLS. It is replaced by Exchange's words."""
QUEUED: Final = "250 2.0.0 OK <practice> [Hostname=PRACTICE01.practice.example]"


class Server:
    """SMTP server in its own thread; ``port`` 0 takes any free port."""

    def __init__(self, factory: Callable[[asyncio.AbstractEventLoop], SMTP], port: int) -> None:
        self._factory, self.port = factory, port
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._run, name=f"smtp-{port}", daemon=True)
        self._ready = threading.Event()
        self._trouble: OSError | None = None
        self._connected = False

    def start(self) -> None:
        """Start to listen for SMTP connections.

        Raises:
            OSError: when the port is taken.
        """
        self._thread.start()
        self._ready.wait()
        if self._trouble:
            raise self._trouble

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        try:
            server = self._loop.run_until_complete(
                self._loop.create_server(self._accept, HOST, self.port)
            )
        except OSError as error:
            self._trouble = error
            self._ready.set()
            self._loop.close()
            return
        self.port = server.sockets[0].getsockname()[1]
        self._ready.set()
        self._loop.run_forever()
        server.close()
        self._finish()

    def _accept(self) -> asyncio.Protocol:
        self._connected = True
        return self._factory(self._loop)

    def _finish(self) -> None:
        """End the connections of the server.

        If nobody has connected to the server, there is nothing to wait for.
        """
        for task in asyncio.all_tasks(self._loop):
            task.cancel()
        self._loop.run_until_complete(asyncio.sleep(0.05 if self._connected else 0))
        self._loop.close()

    def stop(self) -> None:
        """Close every connection and the port."""
        if self._thread.is_alive():
            self._loop.call_soon_threadsafe(self._loop.stop)
            self._thread.join(5)


class SubmissionSmtp(SMTP):
    """SMTP with Exchange's form of XOAUTH2.

    A failed login gets a plain 535, without a challenge that gives a reason. The line limit is
    raised because a token makes a long line.
    """

    line_length_limit = LONGEST_LINE
    AuthLoginUsernameChallenge = "Username:"
    AuthLoginPasswordChallenge = "Password:"

    def __init__(self, world: World, keys: Keys, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self._world, self._keys = world, keys
        self.command_size_limits["AUTH"] = LONGEST_LINE

    def connection_made(self, transport: Any) -> None:
        """Send the greeting, or close the connection at once."""
        if self._world.smtp_mood == HANGS_UP:
            transport.abort()
        else:
            super().connection_made(transport)

    def connection_lost(self, error: Exception | None) -> None:
        """End the session, unless the connection was closed before the greeting."""
        if self.transport is not None:
            super().connection_lost(error)

    async def push(self, status: AnyStr) -> None:
        """Send a reply; the reply to STARTTLS has Exchange's words."""
        await super().push(greeting.STARTTLS if status == STARTTLS else status)

    async def auth_XOAUTH2(self, _server: Any, args: list[str]) -> AuthResult:  # noqa: N802  aiosmtpd's name
        """Check the token; the response may come with the command or after a 334."""
        response = args[1] if len(args) > 1 else None
        if response is None:
            answer = await self.challenge_auth("", encode_to_b64=False)
            response = base64.b64encode(answer).decode() if isinstance(answer, bytes) else ""
        with self._world.lock:
            decided = sasl.decide(self._world, self._keys, response)
        if isinstance(decided, Login):
            return AuthResult(
                success=True, auth_data=decided, message="235 2.7.0 Authentication successful"
            )
        return AuthResult(success=False, handled=False, message=decided)


class Submission(Greeting):
    """Handler of submitted mail.

    A user sends as itself, or as a mailbox for which the user has Send As.
    """

    def __init__(self, world: World, flow: Flow) -> None:
        self._world, self._flow = world, flow

    async def handle_MAIL(  # noqa: N802  aiosmtpd's name
        self, _server: Any, session: Session, envelope: Envelope, address: str, _options: list[str]
    ) -> str:
        """Refuse the command MAIL of a client that has not logged in."""
        if not isinstance(cast("Any", session.auth_data), Login):
            return f"530 5.7.57 Client not authenticated to send mail. {sasl.SITE}"
        envelope.mail_from = address
        return "250 2.1.0 Sender OK"

    async def handle_DATA(  # noqa: N802  aiosmtpd's name
        self, _server: Any, session: Session, envelope: Envelope
    ) -> str:
        """Accept the mail if the user may send as its sender."""
        login = cast("Login", session.auth_data)
        with self._world.lock:
            for recipient in envelope.rcpt_tos:
                mail, message = _read(envelope, recipient, self._world)
                author = parseaddr(str(message["From"] or ""))[1] or mail.sender
                if denied := _denial(login, mail.sender, author):
                    return denied
                self._flow.leave(login.tenant, mail)
        return QUEUED


def _read(envelope: Envelope, recipient: str, world: World) -> tuple[Mail, EmailMessage]:
    content = envelope.content
    raw = content if isinstance(content, bytes) else (content or "").encode()
    return parse(raw, envelope.mail_from or "", recipient, world.now())


def _denial(login: Login, sender: str, author: str) -> str:
    """Return the reply that denies the envelope's sender or the header's author, or an empty text.

    Both texts are from platforms/microsoft.md 4.1. MAIL FROM itself is taken, as was measured
    (platforms/microsoft.md 2.6).
    """
    if not login.may_send_as(sender):
        who = login.mailbox.mail
        return f"554 5.2.252 SendAsDenied; {who} not allowed to send as {sender}; {sasl.SITE}"
    if not login.may_send_as(author):
        return (
            f"550 5.7.60 SMTP; Client does not have permissions to send as this sender {sasl.SITE}"
        )
    return ""


class Exchanger:
    """Handler of mail from the internet.

    It accepts mail for the tenants' mailboxes from any sender.
    """

    def __init__(self, world: World, flow: Flow) -> None:
        self._world, self._flow = world, flow

    async def handle_RCPT(  # noqa: N802  aiosmtpd's name
        self, _server: Any, _session: Session, envelope: Envelope, address: str, _options: list[str]
    ) -> str:
        """Accept only recipients that are mailboxes of this cloud."""
        if self._world.tenant_of(address) is None:
            return f"550 5.7.54 SMTP; Unable to relay recipient in non-accepted domain {sasl.SITE}"
        if not self._flow.known(address):
            return (
                f"550 5.1.10 RESOLVER.ADR.RecipientNotFound; Recipient {address} not "
                "found by SMTP address lookup"
            )
        envelope.rcpt_tos.append(address)
        return "250 2.1.5 Recipient OK"

    async def handle_DATA(  # noqa: N802  aiosmtpd's name
        self, _server: Any, _session: Session, envelope: Envelope
    ) -> str:
        """Accept the mail and pass it to the mail flow."""
        with self._world.lock:
            for recipient in envelope.rcpt_tos:
                self._flow.receive(_read(envelope, recipient, self._world)[0])
        return QUEUED


def submission(
    world: World, keys: Keys, flow: Flow, context: ssl.SSLContext, strange: ssl.SSLContext
) -> Server:
    """Return the submission server, which imitates smtp.office365.com:587.

    With ``strange`` the server has a certificate that no client trusts.
    """

    def make(loop: asyncio.AbstractEventLoop) -> SMTP:
        mood = world.smtp_mood
        return SubmissionSmtp(
            world,
            keys,
            Submission(world, flow),
            hostname=greeting.HOST,
            ident=greeting.banner(world.now()),
            enable_SMTPUTF8=True,
            data_size_limit=MOST_BYTES,
            tls_context={NO_STARTTLS: None, BAD_CERTIFICATE: strange}.get(mood, context),
            require_starttls=mood != NO_STARTTLS,
            auth_exclude_mechanism=["PLAIN", "XOAUTH2"] if mood == NO_XOAUTH2 else ["PLAIN"],
            authenticator=_basic,
            loop=loop,
        )

    return Server(make, world.settings.smtp_port)


def _basic(*_args: Any) -> AuthResult:
    """Refuse every login with a password."""
    return AuthResult(success=False, handled=False, message=sasl.NO_BASIC)


def exchanger(world: World, flow: Flow) -> Server:
    """Return the mail exchanger, which receives mail from the internet."""

    def make(loop: asyncio.AbstractEventLoop) -> SMTP:
        return SMTP(
            Exchanger(world, flow),
            hostname="mx.practice.example",
            data_size_limit=MOST_BYTES,
            loop=loop,
        )

    return Server(make, world.settings.probe_smtp_port)
