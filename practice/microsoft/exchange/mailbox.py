"""Cmdlets for mailboxes and users: SMTP AUTH and forwarding (microsoft.md 2.1 and 2.2)."""

import re
from typing import Any, Final

from practice.microsoft.exchange.call import (
    READERS,
    RECIPIENTS,
    Rows,
    Run,
    cmdlet,
    invalid,
    missing,
)
from practice.microsoft.world import SHARED_MAILBOX, Mailbox, User

Json = dict[str, Any]
ADDRESS: Final = re.compile(r"[^@\s:]+@[^@\s:]+\.[^@\s:]+")


def _mailboxes(run: Run) -> list[tuple[User, Mailbox]]:
    users = [run.mailbox_user()] if run.has("Identity") else list(run.tenant.users.values())
    return [(user, user.mailbox) for user in users if user.mailbox and user.has_mailbox]


@cmdlet("Get-CASMailbox", READERS, "Identity ResultSize Filter")
def get_cas_mailbox(run: Run) -> Rows:
    """Return the protocols that a mailbox may use; SMTP AUTH has three states."""
    return [
        {
            "Identity": user.name,
            "Name": user.name,
            "PrimarySmtpAddress": user.mail,
            "Guid": user.id,
            "SmtpClientAuthenticationDisabled": box.smtp_auth_disabled,
            "ImapEnabled": True,
            "PopEnabled": True,
            "OWAEnabled": True,
        }
        for user, box in _mailboxes(run)
    ]


@cmdlet(
    "Set-CASMailbox", RECIPIENTS, "Identity SmtpClientAuthenticationDisabled ImapEnabled PopEnabled"
)
def set_cas_mailbox(run: Run) -> Rows:
    """Set SMTP AUTH of one mailbox."""
    user = run.mailbox_user()
    box = user.mailbox or Mailbox()
    if run.has("SmtpClientAuthenticationDisabled"):
        before = box.smtp_auth_disabled
        value = run.value("SmtpClientAuthenticationDisabled")
        box.smtp_auth_disabled = (
            None if value is None else run.flag("SmtpClientAuthenticationDisabled")
        )
        run.note(
            user.upn,
            {"SmtpClientAuthenticationDisabled": before},
            {"SmtpClientAuthenticationDisabled": box.smtp_auth_disabled},
        )
    return []


def _mailbox(user: User, box: Mailbox) -> Json:
    return {
        "Identity": user.name,
        "Id": user.name,
        "Guid": user.id,
        "ExternalDirectoryObjectId": user.id,
        "DisplayName": user.name,
        "UserPrincipalName": user.upn,
        "PrimarySmtpAddress": user.mail,
        "WindowsEmailAddress": user.mail,
        "EmailAddresses": [f"SMTP:{user.mail}", *(f"smtp:{alias}" for alias in user.aliases)],
        "RecipientTypeDetails": box.kind,
        "IsShared": box.kind == SHARED_MAILBOX,
        "ForwardingAddress": box.forwarding_address,
        "ForwardingSmtpAddress": box.forwarding_smtp_address,
        "DeliverToMailboxAndForward": box.deliver_and_forward,
        "RequireSenderAuthenticationEnabled": box.senders_authenticated,
        "ModerationEnabled": box.moderated,
        "MaxReceiveSize": box.most,
        "AcceptMessagesOnlyFromSendersOrMembers": box.accepts,
        "RejectMessagesFromSendersOrMembers": box.rejects,
        "IsDirSynced": box.synced,
    }


@cmdlet(
    "Get-Mailbox", READERS, "Identity ResultSize RecipientTypeDetails Filter SoftDeletedMailbox"
)
def get_mailbox(run: Run) -> Rows:
    """Return mailboxes with their forwarding, or the deleted ones that can be restored."""
    if run.has("SoftDeletedMailbox") and run.flag("SoftDeletedMailbox"):
        name = run.text("Identity")
        gone = [user for user in run.tenant.soft_deleted if user.known_as(name)]
        return [_mailbox(user, user.mailbox) for user in gone if user.mailbox]
    return [_mailbox(user, box) for user, box in _mailboxes(run)]


@cmdlet(
    "Set-Mailbox",
    RECIPIENTS,
    "Identity ForwardingAddress ForwardingSmtpAddress DeliverToMailboxAndForward Type",
)
def set_mailbox(run: Run) -> Rows:
    """Set the forwarding of one mailbox."""
    user = run.mailbox_user()
    box = user.mailbox or Mailbox()
    before = _forwarding(box)
    if run.has("ForwardingSmtpAddress"):
        box.forwarding_smtp_address = _smtp(run.value("ForwardingSmtpAddress"))
    if run.has("ForwardingAddress"):
        box.forwarding_address = _recipient(run, run.value("ForwardingAddress"))
    if run.has("DeliverToMailboxAndForward"):
        box.deliver_and_forward = run.flag("DeliverToMailboxAndForward")
    run.note(user.upn, before, _forwarding(box))
    return []


def _forwarding(box: Mailbox) -> Json:
    return {
        "ForwardingAddress": box.forwarding_address,
        "ForwardingSmtpAddress": box.forwarding_smtp_address,
        "DeliverToMailboxAndForward": box.deliver_and_forward,
    }


def _smtp(value: Any) -> str | None:
    """Return an address with the prefix ``smtp:``, whether or not it was given with the prefix."""
    if value in {None, ""}:
        return None
    address = re.sub(r"^smtp:", "", str(value), flags=re.IGNORECASE)
    if not ADDRESS.fullmatch(address):
        raise invalid(
            "Cannot process argument transformation on parameter "
            f"'ForwardingSmtpAddress'. Cannot convert value \"{value}\" to a "
            "ProxyAddress."
        )
    return f"smtp:{address}"


def _recipient(run: Run, value: Any) -> str | None:
    if value in {None, ""}:
        return None
    found = run.tenant.user(str(value))
    if found is None:
        raise missing(str(value))
    return found.mail


@cmdlet("Get-User", READERS, "Identity ResultSize Filter")
def get_user(run: Run) -> Rows:
    """Return users with their authentication policy."""
    users = list(run.tenant.users.values())
    if run.has("Identity"):
        found = run.tenant.user(run.text("Identity"))
        if found is None:
            raise missing(run.text("Identity"))
        users = [found]
    return [
        {
            "Identity": user.name,
            "Guid": user.id,
            "ExternalDirectoryObjectId": user.id,
            "UserPrincipalName": user.upn,
            "DisplayName": user.name,
            "WindowsEmailAddress": user.mail,
            "RecipientTypeDetails": user.mailbox.kind
            if user.mailbox and user.has_mailbox
            else "User",
            "AccountDisabled": not user.enabled,
            "AuthenticationPolicy": user.authentication_policy,
        }
        for user in users
    ]


@cmdlet("Get-Recipient", READERS, "Identity ResultSize Filter RecipientTypeDetails")
def get_recipient(run: Run) -> Rows:
    """Return recipients: mailboxes and groups."""
    rows = [
        {"Name": user.name, "PrimarySmtpAddress": user.mail, "RecipientTypeDetails": box.kind}
        for user, box in _all(run)
    ]
    rows += [
        {
            "Name": group["displayName"],
            "PrimarySmtpAddress": group["mail"],
            "RecipientTypeDetails": "MailUniversalDistributionGroup",
        }
        for group in run.tenant.groups
    ]
    if not run.has("Identity"):
        return rows
    name = run.text("Identity").lower()
    user = run.tenant.user(name)
    wanted = {name, (user.mail or "").lower() if user else name}
    found = [row for row in rows if str(row["PrimarySmtpAddress"]).lower() in wanted]
    if not found:
        raise missing(name)
    return found


def _all(run: Run) -> list[tuple[User, Mailbox]]:
    return [
        (user, user.mailbox)
        for user in run.tenant.users.values()
        if user.mailbox and user.has_mailbox
    ]


@cmdlet("Get-InboxRule", READERS, "Mailbox Identity IncludeHidden")
def get_inbox_rule(run: Run) -> Rows:
    """Return the inbox rules of a mailbox."""
    name = run.text("Mailbox")
    user = run.tenant.user(name)
    if user is None or user.mailbox is None:
        raise missing(name)
    return [dict(rule) for rule in user.mailbox.inbox_rules]
