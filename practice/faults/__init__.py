"""Faults: every cause of docs/platforms under a name, to be switched on in the practice cloud."""

from typing import Final

from practice.faults import (
    access,
    agents,
    application,
    connect,
    consent,
    forwarding,
    hand_made,
    mailbox,
    outside,
    policy,
    secret,
    service,
    shared_mailbox,
    smtp_auth,
    token,
)
from practice.faults.fault_context import FaultContext
from practice.faults.healthy import HEALTHY as OF_A_SETUP
from practice.faults.model import Fault, Level

FAMILIES: Final[dict[str, tuple[Fault, ...]]] = {
    module.__name__.rpartition(".")[2]: module.FAULTS
    for module in (
        smtp_auth,
        forwarding,
        policy,
        secret,
        token,
        consent,
        application,
        access,
        mailbox,
        connect,
        shared_mailbox,
        service,
        outside,
        agents,
        hand_made,
    )
}
HEALTHY: Final = (*OF_A_SETUP, *agents.HEALTHY, *hand_made.HEALTHY)
FAULTS: Final = tuple(fault for family in FAMILIES.values() for fault in family)
NOT_APPLICABLE: Final = {
    "microsoft.md 8 row 11": (
        "Exchange service principal with the wrong object id: concerns app-only SMTP, "
        "which Webex Connect's form cannot do."
    ),
    "microsoft.md 5 (device code, PKCE, code redeemed twice)": (
        "belongs to a sign-in under way, not to the state of a channel."
    ),
    "MX, SPF and DMARC of the domain": "this cloud has no DNS; the check skips it here and says so.",
    "connect.md 1.7 (plain text only, no sender's name, rfc822 attachment)": (
        "the cure is a newer flow template; nothing of it shows outside Webex Connect."
    ),
}


def find(name: str) -> Fault:
    """Return the fault or healthy variation with this name.

    Raises:
        KeyError: when no fault has this name.
    """
    for fault in (*FAULTS, *HEALTHY):
        if fault.name == name:
            return fault
    raise KeyError(name)


__all__ = [
    "FAMILIES",
    "FAULTS",
    "HEALTHY",
    "NOT_APPLICABLE",
    "Fault",
    "FaultContext",
    "Level",
    "find",
]
