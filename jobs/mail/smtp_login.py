"""Probe of an SMTP login, phase by phase, the meaning of SMTP replies, and mail sent over SMTP.

Sources: platforms/microsoft.md 4 and 4.1, and for the test mail of V1, which comes from outside the
mailbox, platforms/connect.md 1.7.
"""

import asyncio
import base64
import contextlib
import re
import ssl
from collections.abc import Iterable
from dataclasses import dataclass, replace
from email.message import EmailMessage
from email.utils import formatdate
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

import aiosmtplib
from aiosmtplib import SMTPResponse, SMTPResponseException, SMTPServerDisconnected, SMTPStatus
from aiosmtplib.protocol import SMTPProtocol

from jobs.causes.cause import Cause, ErrorKind, Meaning
from jobs.causes.patterns import meaning_of as of_cause
from jobs.causes.reader import meaning_of_reply
from jobs.clouds import calls
from jobs.clouds.errors import Rejected, RequestIds, Transient, error_for
from jobs.clouds.json_values import as_dict, parsed
from jobs.clouds.tls import ssl_context
from jobs.model import Evidence, Text
from jobs.settings import valid

_ENHANCED = re.compile(r"\b[245]\.\d{1,3}\.\d{1,3}\b")
_BY_STATUS = {530: Cause.SMTP_NOT_AUTHENTICATED, 535: Cause.SMTP_TOKEN_REFUSED}
_PERMANENT = 500


def meaning_of(status: int, text: str, challenge_status: str = "") -> Meaning:
    """Return the meaning of a reply that is not a success.

    ``challenge_status`` is that of a 334 error challenge, which Exchange does not send: a provider
    that is down (5xx), or a token without the scope (403), if the text does not say so.
    """
    said = meaning_of_reply(str(status), _once(text), enhanced_code(text))
    known = said[0] if said else None
    if known is not None and known.cause != Cause.SMTP_TOKEN_REFUSED:
        return known
    if challenge_status.startswith("5"):
        return of_cause(Cause.SMTP_BUSY)
    if challenge_status == "403":
        return of_cause(Cause.SCOPE_WRONG)
    if known is not None or status < _PERMANENT:
        return known or of_cause(Cause.SMTP_BUSY)
    return of_cause(_BY_STATUS.get(status, Cause.SMTP_REFUSED))


def _once(text: str) -> str:
    """Return a multi-line reply's text with the code once, which each line repeats."""
    code = enhanced_code(text)
    if not code:
        return text
    first, _, rest = text.partition(code)
    return first + code + re.sub(rf"(?<!\s)\s*{re.escape(code)}(?![\d.])", "", rest)


def enhanced_code(text: str) -> str:
    found = _ENHANCED.search(text)
    return found[0] if found else ""


_MOST_LINES = 100
_LEAST_CODE = 100
"""Lowest SMTP reply code; aiosmtplib takes any number of Python's, such as ``+22``."""
_MALFORMED = "Malformed SMTP response line: "
"""Beginning of aiosmtplib's message about a line without a code."""
_END = "\r\n"
_UNSAID = "(token)"
_LONG_WORD = re.compile(r"[A-Za-z0-9+/=._~-]{12,}")


@dataclass(eq=False)
class _FailedError(Exception):
    cause: str
    reply: str


class SmtpConnection(SMTPProtocol):
    """aiosmtplib's connection, with a transcript of both sides, at most 100 lines of each reply.

    ``secrets`` are removed from everything that is kept. ``aiosmtplib.SMTP`` keeps neither the
    lines of an unfinished reply nor those of a failed STARTTLS, so the layer below it is used.
    ``phase`` is the part of the login that has begun.
    """

    def __init__(self, host: str, secrets: tuple[str, ...]) -> None:
        self._lost = asyncio.Event()
        super().__init__(connection_lost_callback=lambda _: self._lost.set())
        self._host, self._secrets = host, secrets
        self._rest = b""
        self._replied: list[bytes] = []
        self.transcript: list[str] = []
        self.phase = "connect"

    async def connect(self, port: int) -> None:
        await asyncio.get_running_loop().create_connection(lambda: self, self._host, port)

    async def command(self, line: str) -> SMTPResponse:
        return await self.execute_command(line.encode())

    async def secure(self, context: ssl.SSLContext) -> SMTPResponse:
        """Request TLS, make the handshake if the reply is 220, and return the reply.

        Raises:
            _FailedError: there is no reply.
            ssl.SSLError: the handshake failed, or the certificate is invalid.
        """
        try:
            reply = await self.start_tls(context, self._host)
        except SMTPResponseException as refused:
            return SMTPResponse(refused.code, refused.message)
        tls: Any = self.transport.get_extra_info("ssl_object") if self.transport else None
        self.transcript.append(f"-- {tls.version() if tls else 'TLS'}")
        return reply

    async def read_response(self, timeout: float | None = None) -> SMTPResponse:  # noqa: ASYNC109
        """Read a reply with all its lines.

        Raises:
            _FailedError: when it is not a reply, or it does not end.
        """
        try:
            reply = await super().read_response(timeout)
        except SMTPServerDisconnected as lost:
            if isinstance(lost.__cause__, OSError):
                raise lost.__cause__ from None
            begun = bool(self._replied) and self._replied[-1][3:4] == b"-"
            why = "a reply without an end" if begun else "the connection was closed"
            raise _FailedError(Cause.SMTP_UNREACHABLE, why) from None
        except SMTPResponseException as error:
            why = "a line without an end" if self._rest else "a reply without an end"
            if error.message.startswith(_MALFORMED):
                why = error.message.removeprefix(_MALFORMED).strip()[:80]
            raise _FailedError(Cause.SMTP_UNREACHABLE, self._hide(why)) from None
        words = self._hide(reply.message.encode(errors="surrogateescape").decode(errors="replace"))
        if reply.code < _LEAST_CODE:
            raise _FailedError(Cause.SMTP_UNREACHABLE, words[:80])
        if self.phase == "starttls" and reply.code == SMTPStatus.ready:
            self.phase = "certificate"
        return SMTPResponse(reply.code, words)

    def write(self, data: bytes) -> None:
        self._replied.clear()
        self._note("C", data)
        super().write(data)

    def data_received(self, data: bytes) -> None:
        *lines, self._rest = (self._rest + data).split(b"\n")
        for line in lines[: _MOST_LINES - len(self._replied)]:
            self._note("S", line)
            self._replied.append(line)
        super().data_received(data)

    async def close(self) -> None:
        if not self.is_connected or self.transport is None:
            return
        super().write(b"QUIT\r\n")
        self.transport.close()
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._lost.wait(), 1.0)

    def _note(self, who: str, line: bytes) -> None:
        self.transcript.append(f"{who}: {self._hide(line.decode(errors='replace').rstrip(_END))}")

    def _hide(self, line: str) -> str:
        def without_part(word: re.Match[str]) -> str:
            part = word[0].rstrip(".")
            hidden = part and any(part in secret for secret in self._secrets)
            return word[0].replace(part, _UNSAID) if hidden else word[0]

        for secret in self._secrets:
            line = line.replace(secret, _UNSAID)
        return _LONG_WORD.sub(without_part, line)


BUSY = frozenset({Cause.SMTP_BUSY, Cause.SMTP_TOO_MANY_CONNECTIONS})
CUT_OFF = frozenset({Cause.SMTP_UNREACHABLE, Cause.SMTP_TLS_FAILED, Cause.TIMED_OUT})
_PAUSE_S = 1.0
_SUBMISSION_PORT = 587
#: RFC 4954, 4: a longer command line cannot contain the initial response.
_LONGEST_COMMAND = 510


@dataclass(frozen=True, slots=True)
class SmtpProbe:
    """Result of a login attempt: the server's last text, and every line without credentials."""

    ok: bool
    failed_phase: str  # connect, banner, ehlo, starttls, certificate, ehlo2, auth, or empty
    cause: str
    reply: str
    transcript: tuple[str, ...]
    instead: str = ""  # the user name that was taken in place of the first one

    @property
    def seen(self) -> Text:
        if self.instead:
            return Text("seen.login_instead", {"reply": self.reply, "username": self.instead})
        if self.ok:
            return Text("seen.verbatim_reply", {"reply": self.reply})
        told = {"phase": f"key:phase.{self.failed_phase}", "reply": self.reply}
        return Text("seen.smtp_failed", told)

    @property
    def lines(self) -> tuple[Evidence, ...]:
        return tuple(Evidence("transcript", line) for line in self.transcript)

    @property
    def evidence(self) -> tuple[Evidence, ...]:
        return (Evidence("smtp", self.reply), *self.lines)


async def login_probe(server: str, username: str, token: str, seconds: float = 15.0) -> SmtpProbe:
    """Connect, start TLS, log in using XOAUTH2, and disconnect, within ``seconds`` seconds.

    Nothing is raised or sent. Without a token only the offer of XOAUTH2 is checked. A result that
    says nothing about the login is tried once more (microsoft.md 4.1). The right to send as another
    user is not proven (5.2.252 comes only after DATA).
    """
    probe = await _carried_out(server, username, token, seconds)
    if probe.cause not in BUSY | CUT_OFF:
        return probe
    await asyncio.sleep(_PAUSE_S)
    return await _carried_out(server, username, token, seconds)


async def login_with(server: str, username: str, others: Iterable[str], token: str) -> SmtpProbe:
    """Log in like :func:`login_probe`; after a 5.7.3 alone also with each of the ``others``.

    That reply does not say whether the token or the name is wrong. Another name only shows which
    one the form needs: if the server takes none, the first refusal is returned.
    """
    first = await login_probe(server, username, token)
    if first.cause != Cause.SMTP_TOKEN_REFUSED:
        return first
    for name in others:
        probe = await login_probe(server, name, token)
        if probe.ok:
            return replace(probe, instead=name)
    return first


async def _carried_out(server: str, username: str, token: str, seconds: float) -> SmtpProbe:
    address, whole = urlsplit(f"//{server}"), f"user={username}\x01auth=Bearer {token}\x01\x01"
    login = base64.b64encode(whole.encode()).decode() if token else ""
    talk = SmtpConnection(address.hostname or "", (login, token) if token else ())
    with calls.measured("smtp") as noted:
        try:
            async with asyncio.timeout(seconds):
                cause, reply = await _logged_in(talk, address.port or _SUBMISSION_PORT, login)
        except TimeoutError:
            cause, reply = Cause.TIMED_OUT, f"no answer in {seconds:g} s"
        finally:
            await talk.close()
        failed = talk.phase if cause else ""
        probe = SmtpProbe(not cause, failed, cause, reply, tuple(talk.transcript))
        noted.outcome = "lost" if cause in CUT_OFF else "refused" if cause else "ok"
    return probe


async def _logged_in(talk: SmtpConnection, port: int, login: str) -> tuple[str, str]:
    """Return the cause of a failure in the talk's phase, or none, and the server's last text."""
    try:
        await talk.connect(port)
        talk.phase = "banner"
        _good(await talk.read_response())
        offers = await _offers(talk, "ehlo")
        talk.phase = "starttls"
        if "STARTTLS" not in offers:
            return Cause.SMTP_NO_STARTTLS, ", ".join(offers)
        reply = await talk.secure(ssl_context())
        text = _good(reply)
        if reply.code != SMTPStatus.ready:
            return Cause.SMTP_NO_STARTTLS, text
        offers = await _offers(talk, "ehlo2")
        talk.phase = "auth"
        logins = (each.replace("=", " ").split() for each in offers if each.startswith("AUTH"))
        if not any("XOAUTH2" in each for each in logins):
            return Cause.SMTP_NO_OAUTH, ", ".join(offers)
        return "", await _authenticated(talk, login) if login else "XOAUTH2"
    except _FailedError as failed:
        return failed.cause, failed.reply
    except OSError as error:
        return _cause_of(error), getattr(error, "verify_message", "") or str(error)


async def _offers(talk: SmtpConnection, phase: str) -> list[str]:
    talk.phase = phase
    reply = await talk.command("EHLO localhost")
    _good(reply)
    return [line.upper().strip() for line in reply.message.split("\n")]


async def _authenticated(talk: SmtpConnection, login: str) -> str:
    line = f"AUTH XOAUTH2 {login}"
    if len(line) <= _LONGEST_COMMAND:
        reply = await talk.command(line)
    else:
        reply = await talk.command("AUTH XOAUTH2")
        if reply.code == SMTPStatus.auth_continue:
            reply = await talk.command(login)
    if reply.code != SMTPStatus.auth_continue:
        return _good(reply)
    # the error challenge must be answered, or the final reply never comes
    return _good(await talk.command(""), _challenge_status(reply))


def _cause_of(error: Exception) -> Cause:
    if isinstance(error, ssl.SSLCertVerificationError):
        return Cause.SMTP_CERTIFICATE_INVALID
    return Cause.SMTP_TLS_FAILED if isinstance(error, ssl.SSLError) else Cause.SMTP_UNREACHABLE


def _good(reply: SMTPResponse, challenge_status: str = "") -> str:
    text = " ".join((str(reply.code), *reply.message.split("\n"))).strip()
    if reply.code // 100 != 2:  # noqa: PLR2004  the class of SMTP's successful replies
        raise _FailedError(meaning_of(reply.code, text, challenge_status).cause, text)
    return text


def _challenge_status(challenge: SMTPResponse) -> str:
    text = valid(base64.b64decode, challenge.message.replace("\n", "")) or ""
    return str(as_dict(parsed(text)).get("status", ""))


_PORTS = {"smtp": 587, "smtps": 465}
_STARTTLS = {"always": True, "true": True, "1": True, "never": False, "false": False, "0": False}
_WANTS_LOGIN = frozenset({Cause.SMTP_NOT_AUTHENTICATED, Cause.SMTP_TOKEN_REFUSED})
"""Causes with which a server rejects the login or says that there was no login."""


@dataclass(frozen=True, slots=True)
class OutgoingMail:
    """Plain test mail; sending it again with its Message-ID, in brackets, sends the same mail."""

    sender: str
    recipient: str
    subject: str
    body: str
    message_id: str
    headers: tuple[tuple[str, str], ...] = ()


async def send_test_mail(url: str, probe: OutgoingMail) -> None:
    """Send one plain mail using ``PROBE_SMTP_URL``.

    ``smtp://user:password@host:port`` uses STARTTLS if it is offered, ``?starttls=always`` requires
    it, and ``?starttls=never`` avoids it. ``smtps://`` uses TLS from the first byte.

    Raises:
        CloudError: when the server cannot be reached, or refuses the login, the sender, the
            recipient or the mail.
    """
    message = EmailMessage()
    message["From"], message["To"] = probe.sender, probe.recipient
    message["Subject"] = probe.subject
    message["Date"], message["Message-ID"] = formatdate(), probe.message_id
    for name, value in probe.headers:
        message[name] = value
    message.set_content(probe.body)
    try:
        async with aiosmtplib.SMTP(**_options(url)) as server:
            calls.check_guard()  # a connection and a login may take seconds
            await server.send_message(message, sender=probe.sender, recipients=[probe.recipient])
    except aiosmtplib.SMTPRecipientsRefused as refused:
        raise _refusal(refused.recipients[0].code, refused.recipients[0].message) from None
    except aiosmtplib.SMTPResponseException as answer:
        at_login = isinstance(answer, aiosmtplib.SMTPAuthenticationError)
        raise _refusal(answer.code, answer.message, at_login=at_login) from None
    except (aiosmtplib.SMTPException, OSError) as error:
        words = f"{type(error).__name__}: {error}"
        if not isinstance(error, OSError):  # AUTH or STARTTLS is not offered
            raise Rejected(Cause.SMTP_REFUSED, "smtp", message=words, unsent=True) from None
        kind = Rejected if isinstance(error, ssl.SSLError) else Transient
        raise kind(_cause_of(error), "smtp", message=words, unsent=True) from None


def _options(url: str) -> dict[str, Any]:
    parts = urlsplit(url)
    if parts.scheme not in _PORTS or not parts.hostname:
        words = "PROBE_SMTP_URL is not smtp://host or smtps://host"
        raise Rejected(Cause.SMTP_UNREACHABLE, "smtp", message=words)
    at_once = parts.scheme == "smtps"
    starttls = _STARTTLS.get(parse_qs(parts.query).get("starttls", [""])[0].lower())
    return {
        "hostname": parts.hostname,
        "port": parts.port or _PORTS[parts.scheme],
        "username": unquote(parts.username or "") or None,
        "password": unquote(parts.password or "") or None,
        "use_tls": at_once,
        "start_tls": False if at_once else starttls,  # None: if offered
        "tls_context": ssl_context(),
        "timeout": 30.0,
    }


def _refusal(code: int, words: str, *, at_login: bool = False) -> Exception:
    meaning = meaning_of(code, words)
    if meaning.kind is not ErrorKind.TRANSIENT and (at_login or meaning.cause in _WANTS_LOGIN):
        meaning = of_cause(Cause.PROBE_LOGIN_REFUSED)
    return error_for(meaning, "smtp", code, enhanced_code(words), words, RequestIds())
