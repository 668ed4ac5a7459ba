"""Faults of SMTP AUTH and the submission server (platforms/microsoft.md 2.1, 4 and 4.1)."""

from collections.abc import Callable
from typing import Final

from practice.faults.fault_context import FaultContext, put
from practice.faults.model import described
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


FAULTS: Final = described(
    {
        "smtp_auth_off_mailbox": lambda ground: put(ground.box, smtp_auth_disabled=True),
        "smtp_auth_off_tenant": _off_for_tenant,
        "smtp_auth_tenant_wins": lambda ground: put(
            ground.exchange, smtp_auth_wins=True, smtp_auth_disabled=True
        ),
        "smtp_login_criteria": _replies(CRITERIA),
        "authentication_policy_blocks": _no_smtp_at_all,
        "smtp_token_refused": _replies(sasl.REFUSED),
        "smtp_too_many_connections": _replies(CONCURRENT),
        "smtp_busy": _replies(TEMPORARY),
        "smtp_unreachable": _mood(smtp.HANGS_UP),
        "smtp_no_starttls": _mood(smtp.NO_STARTTLS),
        "smtp_bad_certificate": _mood(smtp.BAD_CERTIFICATE),
        "smtp_no_oauth": _mood(smtp.NO_XOAUTH2),
    }
)
