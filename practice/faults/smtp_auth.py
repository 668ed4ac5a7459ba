"""Faults of SMTP AUTH and the submission server (platforms/microsoft.md 2.1, 4 and 4.1)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from practice.faults.fault_context import FaultContext, put
from practice.faults.model import Fault
from practice.mail import sasl, smtp

CRITERIA: Final = (
    "535 5.7.139 Authentication unsuccessful, the request did not meet the criteria to "
    f"be authenticated successfully. {sasl.SITE}"
)
CONCURRENT: Final = (
    "432 4.3.2 Concurrent connections limit exceeded. Visit "
    "https://aka.ms/concurrent_sending for more information."
)
TEMPORARY: Final = f"451 4.7.0 Temporary server error. Please try again later. PRX4 {sasl.SITE}"


def _replies(reply: str) -> Callable[[FaultContext], None]:
    return lambda ground: put(ground.user, login_reply=reply)


def _mood(mood: str) -> Callable[[FaultContext], None]:
    return lambda ground: put(ground.world, smtp_mood=mood)


def _off_for_tenant(ground: FaultContext) -> None:
    put(ground.exchange, smtp_auth_disabled=True)
    put(ground.box, smtp_auth_disabled=None)


def no_basic(ground: FaultContext) -> None:
    """Forbid passwords for SMTP in the organization's authentication policy."""
    put(
        ground.exchange,
        authentication_policies=[
            {"Identity": "No basic", "Name": "No basic", "AllowBasicAuthSmtp": False}
        ],
    )
    put(ground.exchange, default_authentication_policy="No basic")


def _no_smtp_at_all(ground: FaultContext) -> None:
    """Forbid passwords for SMTP in a tenant in which this stops every login."""
    no_basic(ground)
    put(ground.user, login_reply=CRITERIA)


FAULTS: Final = (
    Fault(
        "smtp_auth_off_mailbox",
        "microsoft.md 8 row 1, 2.1",
        "somebody turned SMTP AUTH off for the mailbox",
        lambda ground: put(ground.box, smtp_auth_disabled=True),
        ("smtp_auth_off_for_mailbox",),
        "answer",
        "smtp_auth",
    ),
    Fault(
        "smtp_auth_off_tenant",
        "microsoft.md 8 row 1, 2.1; connect.md 4.3 (token ok, send fails)",
        "the mailbox inherits, and SMTP AUTH is off for the organization",
        _off_for_tenant,
        ("smtp_auth_off_for_tenant",),
        "answer",
        "smtp_auth",
    ),
    Fault(
        "smtp_login_criteria",
        "microsoft.md 4.1",
        "Exchange refuses the login by a policy that no reader can see",
        _replies(CRITERIA),
        ("smtp_login_blocked",),
        "answer",
        "reply",
    ),
    Fault(
        "authentication_policy_blocks",
        "microsoft.md 2.1 (authentication policy), 4.1",
        "an authentication policy forbids passwords for SMTP, and Exchange refuses this login, too",
        _no_smtp_at_all,
        ("smtp_login_blocked",),
        "answer",
        "reply",
    ),
    Fault(
        "smtp_token_refused",
        "microsoft.md 4.1",
        "Exchange refuses the token with a bare 5.7.3",
        _replies(sasl.REFUSED),
        ("smtp_token_refused",),
        "answer",
        "reply",
    ),
    Fault(
        "smtp_too_many_connections",
        "microsoft.md 8 row 14, 4.1",
        "more than three connections to the mailbox at a time",
        _replies(CONCURRENT),
        ("smtp_too_many_connections",),
        "answer",
        "reply",
    ),
    Fault(
        "smtp_busy",
        "microsoft.md 4.1 (451, 421)",
        "Exchange puts every login off",
        _replies(TEMPORARY),
        ("smtp_busy",),
        "answer",
        "reply",
    ),
    Fault(
        "smtp_unreachable",
        "microsoft.md 4",
        "the submission server hangs up at once",
        _mood(smtp.HANGS_UP),
        ("smtp_unreachable", "connection_lost"),
        "answer",
        "smtp_server",
    ),
    Fault(
        "smtp_no_starttls",
        "microsoft.md 4",
        "something in between takes STARTTLS out of the server's answer",
        _mood(smtp.NO_STARTTLS),
        ("smtp_no_starttls",),
        "answer",
        "smtp_server",
    ),
    Fault(
        "smtp_bad_certificate",
        "microsoft.md 4",
        "a proxy opens TLS with a certificate of its own",
        _mood(smtp.BAD_CERTIFICATE),
        ("smtp_certificate_invalid",),
        "answer",
        "smtp_server",
    ),
    Fault(
        "smtp_no_oauth",
        "microsoft.md 4",
        "the server does not offer XOAUTH2",
        _mood(smtp.NO_XOAUTH2),
        ("smtp_no_oauth",),
        "answer",
        "smtp_server",
    ),
)
