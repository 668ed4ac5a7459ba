"""Faults of the mailbox itself (platforms/microsoft.md 2.1)."""

from typing import Final

from practice.faults.fault_context import FaultContext, put
from practice.faults.model import described
from practice.mail.gates import ONMICROSOFT_MOST

UNAUTHENTICATED: Final = (
    "550 5.7.515 Access denied, sending domain CONTOSO.COM doesn't meet the required "
    "authentication level."
)


def _renamed(ground: FaultContext) -> None:
    put(
        ground.user,
        upn="care@contoso.com",
        mail="care@contoso.com",
        aliases=[],
        name="Contoso Care",
    )


def _delete(ground: FaultContext) -> None:
    del ground.tenant.users[ground.user.id]


def _soft_delete(ground: FaultContext) -> None:
    ground.tenant.soft_deleted.append(ground.user)
    _delete(ground)


def _onmicrosoft(ground: FaultContext) -> None:
    """Make the onmicrosoft.com address the mailbox's primary one.

    The old address stays as an alias.
    """
    alias = ground.mailbox
    name = alias.partition("@")[0]
    initial = next(each for each in ground.tenant.domains if each.endswith(".onmicrosoft.com"))
    put(ground.user, mail=f"{name}@{initial}", aliases=[alias])


def _over_the_limit(ground: FaultContext) -> None:
    _onmicrosoft(ground)
    put(ground.exchange, onmicrosoft_sent=ONMICROSOFT_MOST)


def _unsigned(ground: FaultContext) -> None:
    """Turn DKIM off for the mailbox's domain."""
    domain = ground.mailbox.rpartition("@")[2]
    row = {"Domain": domain, "Enabled": False, "Status": "CnameMissing"}
    ground.exchange.dkim.append(row)


def _refused_as_unsigned(ground: FaultContext) -> None:
    _unsigned(ground)
    put(ground.exchange, refuses_answers=UNAUTHENTICATED)


FAULTS: Final = described(
    {
        "dkim_off": _unsigned,
        "domain_not_authenticated": _refused_as_unsigned,
        "licence_removed": lambda ground: put(ground.user, licensed=False),
        "mailbox_deleted": _delete,
        "mailbox_renamed": _renamed,
        "onmicrosoft_address": _onmicrosoft,
        "onmicrosoft_limit": _over_the_limit,
        "mailbox_full": lambda ground: put(ground.box, full=True),
        "mailbox_internal_only": lambda ground: put(ground.box, senders_authenticated=True),
        "mailbox_soft_deleted": _soft_delete,
        "mailbox_size_limited": lambda ground: put(ground.box, most="5 MB (5,242,880 bytes)"),
        "mailbox_rejects_senders": lambda ground: put(ground.box, rejects=["Newsletter"]),
        "mailbox_senders_listed": lambda ground: put(ground.box, accepts=["Customers"]),
        "mailbox_moderated": lambda ground: put(ground.box, moderated=True),
    }
)
