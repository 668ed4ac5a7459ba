"""Test mail of V1, sent from outside the mailbox (platforms/connect.md 1.7)."""

from __future__ import annotations

import ssl
from dataclasses import dataclass
from email.message import EmailMessage
from email.utils import formatdate
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

import aiosmtplib

from jobs.causes.cause import Cause
from jobs.causes.meaning import ErrorKind, Meaning
from jobs.clouds import calls
from jobs.clouds.errors import CloudError, CloudReply, Rejected, Transient, error_for
from jobs.clouds.tls import ssl_context
from jobs.mail.smtp_login import enhanced_code, meaning_of

_PORTS = {"smtp": 587, "smtps": 465}
_STARTTLS = {"always": True, "true": True, "1": True, "never": False, "false": False, "0": False}
_NO_LOGIN = Meaning(Cause.PROBE_LOGIN_REFUSED, ErrorKind.REJECTED)
_WANTS_LOGIN = frozenset({Cause.SMTP_NOT_AUTHENTICATED, Cause.SMTP_TOKEN_REFUSED})
"""Causes with which a server rejects the login or says that there was no login."""


@dataclass(frozen=True, slots=True)
class OutgoingMail:
    """Plain test mail.

    The sender chooses its Message-ID, including the angle brackets, so sending it again sends the
    same mail. ``headers`` are further headers, by name.
    """

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
    except aiosmtplib.SMTPAuthenticationError as answer:
        raise _refusal(answer.code, answer.message, at_login=True) from None
    except aiosmtplib.SMTPResponseException as answer:
        raise _refusal(answer.code, answer.message) from None
    except (aiosmtplib.SMTPException, OSError) as error:
        raise _unsent(error) from None


def _options(url: str) -> dict[str, Any]:
    parts = urlsplit(url)
    if parts.scheme not in _PORTS or not parts.hostname:
        raise Rejected(
            Cause.SMTP_UNREACHABLE,
            CloudReply("smtp", message="PROBE_SMTP_URL is not smtp://host or smtps://host"),
        )
    at_once = parts.scheme == "smtps"
    starttls = _STARTTLS.get(parse_qs(parts.query).get("starttls", [""])[0].lower())
    return {
        "hostname": parts.hostname,
        "port": parts.port or _PORTS[parts.scheme],
        "username": _unquoted(parts.username),
        "password": _unquoted(parts.password),
        "use_tls": at_once,
        "start_tls": False if at_once else starttls,  # None: if offered
        "tls_context": ssl_context(),
        "timeout": 30.0,
    }


def _unquoted(text: str | None) -> str | None:
    return unquote(text) if text else None


def _unsent(error: Exception) -> CloudError:
    """Return the error for a mail without a reply; only a server that is away may answer later."""
    said = CloudReply("smtp", message=f"{type(error).__name__}: {error}")
    if isinstance(error, ssl.SSLCertVerificationError):
        return Rejected(Cause.SMTP_CERTIFICATE_INVALID, said, unsent=True)
    if isinstance(error, ssl.SSLError):
        return Rejected(Cause.SMTP_TLS_FAILED, said, unsent=True)
    if not isinstance(error, OSError):  # AUTH or STARTTLS is not offered
        return Rejected(Cause.SMTP_REFUSED, said, unsent=True)
    return Transient(Cause.SMTP_UNREACHABLE, said, unsent=True)


def _refusal(code: int, words: str, *, at_login: bool = False) -> Exception:
    """Return the error for an SMTP reply; a refused login concerns the operator's own server."""
    meaning = meaning_of(code, words)
    if meaning.kind is not ErrorKind.TRANSIENT and (at_login or meaning.cause in _WANTS_LOGIN):
        meaning = _NO_LOGIN
    return error_for(meaning, CloudReply("smtp", code, enhanced_code(words), words))
