"""Faults of the mailbox itself (facts/microsoft.md 2.1)."""

from __future__ import annotations

from typing import Final

from practice.faults.fault_context import Ground, put
from practice.faults.model import NDR, TRACED, Fault


def _renamed(ground: Ground) -> None:
    put(
        ground.user,
        upn="care@contoso.com",
        mail="care@contoso.com",
        aliases=[],
        name="Contoso Care",
    )


def _delete(ground: Ground) -> None:
    del ground.tenant.users[ground.user.id]


FAULTS: Final = (
    Fault(
        "licence_removed",
        "microsoft.md 2.1 (account)",
        "the user has lost the Exchange license",
        lambda ground: put(ground.user, licensed=False),
        ("licence_missing",),
        "mailbox",
        "user",
    ),
    Fault(
        "mailbox_deleted",
        "microsoft.md 2.1 (account)",
        "the user was deleted",
        _delete,
        ("mailbox_not_found",),
        "mailbox",
        "user",
    ),
    Fault(
        "mailbox_renamed",
        "microsoft.md 2.1 (account)",
        "the mailbox was renamed and has lost its old address",
        _renamed,
        ("mailbox_not_found",),
        "mailbox",
        "user",
    ),
    Fault(
        "mailbox_full",
        f"{NDR}, 5.2.2",
        "the mailbox is full",
        lambda ground: put(ground.box, full=True),
        ("mailbox_full",),
        "mailbox",
        TRACED,
    ),
    Fault(
        "mailbox_internal_only",
        f"{NDR}, 5.7.134",
        "the mailbox takes mail from inside the organization only",
        lambda ground: put(ground.box, senders_authenticated=True),
        ("mailbox_internal_only",),
        "mailbox",
        TRACED,
    ),
)
