"""Can this user log in at the SMTP server with this token? Asked phase by phase (C3 to C6; facts 4)."""

from __future__ import annotations

import asyncio
import base64
import binascii
import ssl
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from urllib.parse import urlsplit

from aiosmtplib import SMTPResponse, SMTPStatus

from jobs.clouds.json_values import as_dict, parsed
from jobs.clouds.tls import ssl_context
from jobs.mail.smtp_connection import NotSmtpError, SmtpConnection
from jobs.mail.smtp_replies import meaning_of
from jobs.model import Evidence, Text

BUSY = frozenset({"smtp_busy", "smtp_too_many_connections"})
CUT_OFF = frozenset({"smtp_unreachable", "smtp_tls_failed", "timed_out"})
_PAUSE_S = 1.0
_SUBMISSION_PORT = 587
#: RFC 4954, 4: a longer command line may not carry the initial response.
_LONGEST_COMMAND = 510


@dataclass(frozen=True, slots=True)
class SmtpProbe:
    """How far a login came.

    ``failed_phase`` is empty or connect, banner, ehlo, starttls, certificate, ehlo2 or auth, ``reply`` the server's last words;
    ``transcript`` has every line but the credentials.
    """

    ok: bool
    failed_phase: str
    cause: str
    reply: str
    transcript: tuple[str, ...]

    @property
    def seen(self) -> Text:
        """The server's words, and where it stopped."""
        if self.ok:
            return Text("seen.verbatim_reply", {"reply": self.reply})
        return Text("seen.smtp_failed", {"phase": f"key:phase.{self.failed_phase}", "reply": self.reply})

    @property
    def lines(self) -> tuple[Evidence, ...]:
        """The transcript as evidence."""
        return tuple(Evidence("transcript", line) for line in self.transcript)

    @property
    def evidence(self) -> tuple[Evidence, ...]:
        """The reply to the login, and the transcript."""
        return (Evidence("smtp", self.reply), *self.lines)


class _FailedError(Exception):
    """It ends a phase and never leaves this module."""

    def __init__(self, cause: str, reply: str) -> None:
        super().__init__(cause)
        self.cause = cause
        self.reply = reply


async def login_probe(server: str, username: str, access_token: str, seconds: float = 15.0) -> SmtpProbe:
    """Connect, STARTTLS, log in by XOAUTH2, and leave, in so many seconds. Never raises for what the server does; nothing is sent.

    It proves the login, not the right to send as somebody (5.2.252 comes only after DATA).
    """
    return await _with_one_retry(lambda: _Login(server, username, access_token), seconds)


async def hello_probe(server: str, seconds: float = 10.0) -> SmtpProbe:
    """As :func:`login_probe`, but only asks whether XOAUTH2 is offered: what can be known without anybody's token."""
    return await _with_one_retry(lambda: _Login(server, "", "", logs_in=False), seconds)


async def _with_one_retry(begin: Callable[[], _Login], seconds: float) -> SmtpProbe:
    """A server that is only busy is asked once more: 421, 432, 451 and 454 say nothing about the login (facts 4.1).

    So is one whose connection broke off or took too long: once is an accident.
    """
    probe = await _carried_out(begin(), seconds)
    if probe.cause not in BUSY | CUT_OFF:
        return probe
    await asyncio.sleep(_PAUSE_S)
    return await _carried_out(begin(), seconds)


async def _carried_out(login: _Login, seconds: float) -> SmtpProbe:
    try:
        async with asyncio.timeout(seconds):
            await login.run()
    except TimeoutError:
        login.leave("timed_out", f"no answer in {seconds:g} s")
    finally:
        await login.talk.close()
    return login.result()


class _Login:
    """The phases of one login, in order, and what became of the last."""

    def __init__(self, server: str, username: str, access_token: str, *, logs_in: bool = True) -> None:
        self._logs_in = logs_in
        address = urlsplit(f"//{server}")
        self._host = address.hostname or ""
        self._port = address.port or _SUBMISSION_PORT
        self._credentials = base64.b64encode(f"user={username}\x01auth=Bearer {access_token}\x01\x01".encode()).decode()
        self._offers: tuple[str, ...] = ()
        self._name, self._cause, self._reply = "", "", ""
        self.talk = SmtpConnection(self._host, (self._credentials, access_token) if logs_in else ())

    async def run(self) -> None:
        """Every phase until one fails."""
        steps: tuple[tuple[str, Callable[[], Awaitable[str]]], ...] = (
            ("connect", self._connect),
            ("banner", self._banner),
            ("ehlo", self._ehlo),
            ("starttls", self._starttls),
            ("ehlo2", self._ehlo),
            ("auth", self._auth if self._logs_in else self._offered),
        )
        for name, step in steps:
            self._name = name
            self.leave(*await _outcome(step))
            if self._cause:
                return

    def leave(self, cause: str, reply: str) -> None:
        """End the phase; an empty cause is success."""
        self._cause, self._reply = cause, reply

    def result(self) -> SmtpProbe:
        """What is known now."""
        failed = self._name if self._cause else ""
        return SmtpProbe(not self._cause, failed, self._cause, self._reply, tuple(self.talk.transcript))

    async def _connect(self) -> str:
        await self.talk.connect(self._port)
        return f"{self._host}:{self._port}"

    async def _banner(self) -> str:
        return _good(await self.talk.read_response())

    async def _ehlo(self) -> str:
        reply = await self.talk.command("EHLO localhost")
        self._offers = tuple(line.upper().strip() for line in reply.message.split("\n"))
        return _good(reply)

    async def _starttls(self) -> str:
        if "STARTTLS" not in self._offers:
            raise _FailedError("smtp_no_starttls", ", ".join(self._offers))
        try:
            reply = await self.talk.secure(ssl_context())
        finally:
            if self.talk.ready:
                self._name = "certificate"
        text = _good(reply)
        if reply.code != SMTPStatus.ready:
            raise _FailedError("smtp_no_starttls", text)
        return text

    async def _offered(self) -> str:
        """Whether the login that is wanted could begin at all."""
        if not any(offer.startswith("AUTH") and "XOAUTH2" in offer.replace("=", " ").split() for offer in self._offers):
            raise _FailedError("smtp_no_oauth", ", ".join(self._offers))
        return "XOAUTH2"

    async def _auth(self) -> str:
        await self._offered()
        reply = await self._send_credentials()
        challenge = reply if reply.code == SMTPStatus.auth_continue else None
        if challenge:
            reply = await self.talk.command("")  # the error challenge wants an answer, or the real reply never comes
        return _good(reply, _challenge_status(challenge))

    async def _send_credentials(self) -> SMTPResponse:
        line = f"AUTH XOAUTH2 {self._credentials}"
        if len(line) <= _LONGEST_COMMAND:
            return await self.talk.command(line)
        reply = await self.talk.command("AUTH XOAUTH2")
        return await self.talk.command(self._credentials) if reply.code == SMTPStatus.auth_continue else reply


async def _outcome(step: Callable[[], Awaitable[str]]) -> tuple[str, str]:
    """The cause, empty if it went well, and the words."""
    try:
        return "", await step()
    except _FailedError as failed:
        return failed.cause, failed.reply
    except ssl.SSLCertVerificationError as error:
        return "smtp_certificate_invalid", str(error)
    except ssl.SSLError as error:
        return "smtp_tls_failed", str(error)
    except (OSError, NotSmtpError) as error:
        return "smtp_unreachable", str(error)


def _good(reply: SMTPResponse, challenge_status: str = "") -> str:
    text = _text(reply)
    if reply.code // 100 != 2:  # noqa: PLR2004  the class of SMTP's good replies
        raise _FailedError(meaning_of(reply.code, text, challenge_status).cause, text)
    return text


def _text(reply: SMTPResponse) -> str:
    """Code and words on one line."""
    return " ".join((str(reply.code), *reply.message.split("\n"))).strip()


def _challenge_status(challenge: SMTPResponse | None) -> str:
    """The ``status`` in a 334 error challenge; Exchange's own challenge has none."""
    try:
        text = base64.b64decode(challenge.message.replace("\n", "") if challenge else "")
    except (ValueError, binascii.Error):
        return ""
    return str(as_dict(parsed(text)).get("status", ""))
