"""Faults of the mailbox itself (platforms/microsoft.md 2.1)."""

from __future__ import annotations

from typing import Final

from practice.faults.fault_context import FaultContext, put
from practice.faults.model import NDR, TRACED, Fault, Level
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


FAULTS: Final = (
    Fault(
        "dkim_off",
        "learn.microsoft.com/powershell/module/exchange/get-dkimsigningconfig",
        "DKIM is off for the mailbox's domain; answers arrive so far",
        _unsigned,
        ("sender_domain_incomplete",),
        "",
        "domain",
        Level.NOTED,
    ),
    Fault(
        "domain_not_authenticated",
        f"{NDR}, 5.7.515",
        "the same, and customers' servers refuse the answers",
        _refused_as_unsigned,
        ("domain_not_authenticated",),
        "answer",
        TRACED,
    ),
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
        "onmicrosoft_address",
        "microsoft.md 2.7",
        "the primary address of the mailbox is one of onmicrosoft.com; mail flows within the limit",
        _onmicrosoft,
        ("sends_as_onmicrosoft",),
        "",
        "address",
        Level.NOTED,
    ),
    Fault(
        "onmicrosoft_limit",
        "microsoft.md 2.7 (5.7.236)",
        "the same, and the organization has reached 100 recipients outside in 24 hours",
        _over_the_limit,
        ("sends_as_onmicrosoft",),
        "answer",
        TRACED,
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
    Fault(
        "mailbox_soft_deleted",
        "learn.microsoft.com/exchange/recipients-in-exchange-online/delete-or-restore-mailboxes",
        "the user was deleted, and the mailbox can still be restored",
        _soft_delete,
        ("mailbox_soft_deleted",),
        "mailbox",
        "user",
    ),
    Fault(
        "mailbox_size_limited",
        "learn.microsoft.com/powershell/module/exchange/set-mailbox (MaxReceiveSize)",
        "the mailbox takes emails up to 5 MB only; small ones flow",
        lambda ground: put(ground.box, most="5 MB (5,242,880 bytes)"),
        ("mailbox_size_limited",),
        "",
        "box",
        Level.NOTED,
    ),
    Fault(
        "mailbox_rejects_senders",
        "learn.microsoft.com/powershell/module/exchange/set-mailbox (RejectMessagesFrom)",
        "the mailbox refuses the mail of some senders; that of others flows",
        lambda ground: put(ground.box, rejects=["Newsletter"]),
        ("mailbox_rejects_senders",),
        "",
        "box",
        Level.NOTED,
    ),
    Fault(
        "mailbox_senders_listed",
        "learn.microsoft.com/powershell/module/exchange/set-mailbox (AcceptMessagesOnlyFrom)",
        "the mailbox takes the mail of listed senders only, those of the last mails among them",
        lambda ground: put(ground.box, accepts=["Customers"]),
        ("mailbox_senders_listed",),
        "",
        "box",
        Level.NOTED,
    ),
    Fault(
        "mailbox_moderated",
        "learn.microsoft.com/powershell/module/exchange/set-mailbox (ModerationEnabled)",
        "the mailbox is moderated, and the moderators approve every email so far",
        lambda ground: put(ground.box, moderated=True),
        ("mailbox_moderated",),
        "",
        "box",
        Level.NOTED,
    ),
)
