"""Faults of the mailbox's forwarding (platforms/microsoft.md 2.2 and 8 row 12)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from practice.faults.fault_context import FaultContext, put
from practice.faults.model import Fault, Level


def _box(**values: Any) -> Callable[[FaultContext], None]:
    return lambda ground: put(ground.box, **values)


def _old_address(ground: FaultContext) -> None:
    put(ground.box, forwarding_smtp_address=f"smtp:{'0' * 32}@{ground.forward_domain}")


FAULTS: Final = (
    Fault(
        "forwarding_cleared",
        "microsoft.md 2.2; connect.md 4.3 (nothing inbound)",
        "the forwarding of the mailbox is gone",
        _box(forwarding_smtp_address=None),
        ("not_forwarded",),
        "forward",
        "forwarding",
    ),
    Fault(
        "forwarding_elsewhere",
        "microsoft.md 2.2",
        "the mailbox forwards to another address outside",
        _box(forwarding_smtp_address="smtp:helpdesk@partner.example"),
        ("not_forwarded",),
        "forward",
        "forwarding",
    ),
    Fault(
        "forwarding_old_address",
        "microsoft.md 2.2; connect.md 1.3",
        "the mailbox forwards to an address of Webex Connect that no app has",
        _old_address,
        ("not_forwarded",),
        "forward",
        "forwarding",
    ),
    Fault(
        "forwarding_address_wins",
        "microsoft.md 8 row 12, 2.2",
        "ForwardingAddress is set too, and Exchange ignores ForwardingSmtpAddress",
        _box(forwarding_address="agent@contoso.com"),
        ("forwarding_address_wins",),
        "forward",
        "forwarding",
    ),
    Fault(
        "forwarding_copy_off",
        "microsoft.md 8 row 12",
        "no copy stays in the mailbox, although one was asked for; mail still flows",
        _box(deliver_and_forward=False),
        ("copy_differs",),
        "",
        "copy",
        Level.NOTED,
    ),
)
