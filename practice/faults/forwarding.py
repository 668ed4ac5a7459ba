"""Faults of the mailbox's forwarding (platforms/microsoft.md 2.2 and 8 row 12)."""

from collections.abc import Callable
from typing import Any, Final

from practice.faults.fault_context import FaultContext, put
from practice.faults.model import described


def _box(**values: Any) -> Callable[[FaultContext], None]:
    return lambda ground: put(ground.box, **values)


def _old_address(ground: FaultContext) -> None:
    put(ground.box, forwarding_smtp_address=f"smtp:{'0' * 32}@{ground.forward_domain}")


FAULTS: Final = described(
    {
        "forwarding_cleared": _box(forwarding_smtp_address=None),
        "forwarding_elsewhere": _box(forwarding_smtp_address="smtp:helpdesk@partner.example"),
        "forwarding_old_address": _old_address,
        "forwarding_address_wins": _box(forwarding_address="agent@contoso.com"),
        "forwarding_copy_off": _box(deliver_and_forward=False),
    }
)
