"""Cmdlets for Send As, the right to a recipient that the cloud keeps.

Source: platforms/microsoft.md 2.6.
"""

from typing import Any

from practice.microsoft.exchange.call import (
    READERS,
    RECIPIENTS,
    Rows,
    Run,
    cmdlet,
    invalid,
    missing,
)
from practice.microsoft.world import Mailbox, User

Json = dict[str, Any]
SEND_AS = "SendAs"


@cmdlet(
    "Get-RecipientPermission", READERS, "Identity Trustee AccessRights ReadFromDomainController"
)
def get_recipient_permission(run: Run) -> Rows:
    """Return who may send as the mailbox.

    The mailbox's own account is in the list.
    """
    user, box = _recipient(run)
    rows = [_row(user, "NT AUTHORITY\\SELF"), *(_row(user, name) for name in sorted(box.send_as))]
    if not run.has("Trustee"):
        return rows
    wanted = _trustee(run)
    return [_row(user, name) for name in sorted(box.send_as) if wanted.known_as(name)]


def _row(user: User, trustee: str) -> Json:
    return {
        "Identity": user.name,
        "Trustee": trustee,
        "AccessControlType": "Allow",
        "AccessRights": [SEND_AS],
        "IsInherited": False,
        "InheritanceType": "None",
    }


@cmdlet("Add-RecipientPermission", RECIPIENTS, "Identity Trustee AccessRights")
def add_recipient_permission(run: Run) -> Rows:
    """Give a user Send As for a mailbox; an existing right stays."""
    user, box = _recipient(run)
    trustee = _trustee(run)
    _require_send_as(run)
    before = sorted(box.send_as)
    if not any(map(trustee.known_as, box.send_as)):
        box.send_as = box.send_as | {trustee.upn}
    run.note(user.upn, {"SendAs": before}, {"SendAs": sorted(box.send_as)})
    return [_row(user, trustee.upn)]


@cmdlet("Remove-RecipientPermission", RECIPIENTS, "Identity Trustee AccessRights")
def remove_recipient_permission(run: Run) -> Rows:
    """Take Send As for a mailbox from a user."""
    user, box = _recipient(run)
    trustee = _trustee(run)
    _require_send_as(run)
    before = sorted(box.send_as)
    box.send_as = {name for name in box.send_as if not trustee.known_as(name)}
    run.note(user.upn, {"SendAs": before}, {"SendAs": sorted(box.send_as)})
    return []


def _recipient(run: Run) -> tuple[User, Mailbox]:
    user = run.mailbox_user()
    if user.mailbox is None:
        raise missing(user.upn)
    return user, user.mailbox


def _trustee(run: Run) -> User:
    name = run.text("Trustee")
    found = run.tenant.user(name)
    if found is None:
        raise missing(name)
    return found


def _require_send_as(run: Run) -> None:
    if run.list_("AccessRights") != [SEND_AS]:
        raise invalid("Cannot bind parameter 'AccessRights': SendAs is the only right.")
