"""Checks that may stop a mail: on arrival, as a forward, or as an answer.

A block wins over a permission (platforms/microsoft.md 2.3). Texts that the facts lack are from
Microsoft's page "Email non-delivery reports and SMTP errors in Exchange Online" and its detail
pages.
"""

from typing import Any, Final

from practice.microsoft.world import Mailbox, Tenant, User

Json = dict[str, Any]
DENIED: Final = (
    "550 5.7.520 Access denied, Your organization does not allow external forwarding. "
    "Please contact your administrator for further assistance. AS(7555)"
)
RESTRICTED: Final = (
    "550 5.1.8 Access denied, bad outbound sender. Your account was restricted from sending email."
)
TENANT_BLOCKED: Final = "550 5.7.705 Access denied, tenant has exceeded threshold"
INSIDE_ONLY: Final = (
    "550 5.7.134 RESOLVER.RST.SenderNotAuthenticatedForMailbox; authentication required"
)
FULL: Final = (
    "554 5.2.2 mailbox full; "
    "STOREDRV.Deliver.Exception:QuotaExceededException.MapiExceptionQuotaExceeded"
)
TAKES_AWAY: Final = {
    "DeleteMessage": "Deleted",
    "RedirectMessageTo": "Redirected",
    "Quarantine": "Quarantined",
}
ONMICROSOFT: Final = ".onmicrosoft.com"
ONMICROSOFT_MOST: Final = 100
OVER_THE_LIMIT: Final = "550 5.7.236 Message not sent"
"""Refusal of a mail over the sending limit.

The sources have only its code and not its words (platforms/microsoft.md 2.7).
"""
REMOTE: Final = "550 5.7.1 Automatic forwarding to the remote domain is not allowed."


def arrival(tenant: Tenant, box: Mailbox, sender: str, target: str, subject: str) -> str | None:
    """Return the reason that a mail does not arrive in the mailbox; None if it arrives.

    No source says whether Exchange still forwards a mail if the mailbox is full.
    """
    if box.senders_authenticated and not _inside(tenant, sender):
        return INSIDE_ONLY
    return transport(tenant, sender, target, subject) or (FULL if box.full else None)


def answer(tenant: Tenant, author: str, target: str, subject: str) -> str | None:
    """Return the reason that a mail submitted by a mailbox does not leave; None if it leaves."""
    owner = tenant.user(author)
    return (
        _held(tenant, owner)
        or _over_the_limit(tenant, owner)
        or transport(tenant, author, target, subject)
        or tenant.exchange.refuses_answers
        or None
    )


def _over_the_limit(tenant: Tenant, owner: User | None) -> str | None:
    """Return the refusal of an onmicrosoft.com sender above the limit, or None.

    If the mail passes, its recipient is counted. The primary address decides, because Exchange
    sends with it.
    """
    if owner is None or not (owner.mail or owner.upn).lower().endswith(ONMICROSOFT):
        return None
    if tenant.exchange.onmicrosoft_sent >= ONMICROSOFT_MOST:
        return OVER_THE_LIMIT
    tenant.exchange.onmicrosoft_sent += 1
    return None


def _held(tenant: Tenant, owner: User | None) -> str | None:
    """Return the reason that Microsoft has blocked all sending of this user or tenant, or None."""
    if owner and owner.restricted:
        return RESTRICTED
    return TENANT_BLOCKED if tenant.exchange.sending_blocked else None


def block(tenant: Tenant, owner: User, target: str, subject: str = "") -> str | None:
    """Return the reason that a mailbox's forward to an outside address fails; None if it passes."""
    domain = target.rpartition("@")[2].lower()
    if held := _held(tenant, owner):
        return held
    if policy(tenant, owner)["AutoForwardingMode"] != "On":
        return DENIED
    if not remote_domain(tenant, domain).get("AutoForwardEnabled", True):
        return REMOTE
    refused = transport(tenant, owner.mail or owner.upn, target, subject)
    return refused or tenant.exchange.refuses_copies or None


def relayed(tenant: Tenant, target: str) -> bool:
    """Return whether an outbound connector takes a mail to a server of others, which drops it."""
    domains = {"*", target.rpartition("@")[2].lower()}
    return any(domains & {*row["RecipientDomains"]} for row in tenant.exchange.connectors)


def policy(tenant: Tenant, owner: User) -> Json:
    """Return the outbound policy for a sender.

    It is the policy of the first enabled rule that matches the sender, or else the default policy.
    """
    policies = {row["Name"]: row for row in reversed(tenant.exchange.outbound_policies)}
    for rule in sorted(tenant.exchange.outbound_rules, key=lambda row: int(row["Priority"])):
        found: Json | None = policies.get(rule["HostedOutboundSpamFilterPolicy"])
        if found and rule["State"] == "Enabled" and _matches(tenant, owner, rule):
            return found
    return next(row for row in tenant.exchange.outbound_policies if row["IsDefault"])


def _matches(tenant: Tenant, owner: User, rule: Json) -> bool:
    excepted = _conditions(tenant, owner, rule, "ExceptIf")
    wanted = _conditions(tenant, owner, rule)
    return bool(wanted) and all(wanted) and not any(excepted)


def _conditions(tenant: Tenant, owner: User, rule: Json, prefix: str = "") -> list[bool]:
    """Return whether each condition of the rule holds for the sender, in a list."""
    tests = {"From": _is, "FromMemberOf": _member, "SenderDomainIs": _domain}
    given = ((test, rule.get(f"{prefix}{name}")) for name, test in tests.items())
    return [any(test(tenant, owner, value) for value in values) for test, values in given if values]


def _is(_tenant: Tenant, owner: User, value: str) -> bool:
    return owner.known_as(value)


def _member(tenant: Tenant, owner: User, value: str) -> bool:
    groups = [
        group
        for group in tenant.groups
        if value.lower() in {group["mail"].lower(), group["displayName"].lower(), group["id"]}
    ]
    return any(owner.known_as(member) for group in groups for member in group["members"])


def _domain(_tenant: Tenant, owner: User, value: str) -> bool:
    return (owner.mail or owner.upn).lower().endswith("@" + value.lower())


def remote_domain(tenant: Tenant, domain: str) -> Json:
    """Return the entry of the remote domains that applies to a domain.

    It is the domain's own entry, one with a wildcard, or the entry ``*``.
    """
    rows = {str(row["DomainName"]).lower(): row for row in tenant.exchange.remote_domains}
    parts = domain.split(".")
    names = [domain, *("*." + ".".join(parts[at:]) for at in range(len(parts) - 1)), "*"]
    return next((rows[name] for name in names if name in rows), {})


def transport(tenant: Tenant, sender: str, target: str, subject: str = "") -> str | None:
    """Return the refusal of the first mail-flow rule that rejects or removes the mail, or None.

    The sender of a forwarded mail is the mailbox here. A condition on the message type AutoForward
    never matches the forwarding of a mailbox, only that of inbox rules.
    """
    for rule in tenant.exchange.transport_rules:
        if (
            _on(rule)
            and not rule.get("MessageTypeMatches")
            and _applies(tenant, rule, sender, target)
            and _says(rule, subject)
            and (refusal := _refusal(rule))
        ):
            return refusal
    return None


def _refusal(rule: Json) -> str | None:
    """Return the text with which the rule stops a mail, or None if it lets the mail pass."""
    for action, words in TAKES_AWAY.items():
        if rule.get(action):
            return f"{words} by the transport rule '{rule['Name']}'."
    text, code = rule.get("RejectMessageReasonText"), rule.get("RejectMessageEnhancedStatusCode")
    if not text and not code:
        return None
    return f"550 {code or '5.7.1'} {text or 'Delivery not authorized, message refused.'}"


def _says(rule: Json, subject: str) -> bool:
    words = [str(word).lower() for word in rule.get("SubjectContainsWords") or []]
    return not words or any(word in subject.lower() for word in words)


def _on(rule: Json) -> bool:
    return bool(
        rule.get("State", "Enabled") == "Enabled" and rule.get("Mode", "Enforce") == "Enforce"
    )


def _inside(tenant: Tenant, address: str) -> bool:
    return address.rpartition("@")[2].lower() in tenant.domains


def _in_scope(tenant: Tenant, scope: Any, address: str) -> bool:
    return not scope or (scope == "InOrganization") is _inside(tenant, address)


def _is_from(tenant: Tenant, sender: str, names: list[Any]) -> bool:
    found = tenant.user(sender)
    return any(
        found.known_as(str(name)) if found else str(name).lower() == sender.lower()
        for name in names
    )


def _applies(tenant: Tenant, rule: Json, sender: str, target: str) -> bool:
    """Return whether every supported condition of the rule holds."""
    domain = target.rpartition("@")[2].lower()
    return (
        domain in (_lowered(rule, "RecipientDomainIs") or {domain})
        and domain not in _lowered(rule, "ExceptIfRecipientDomainIs")
        and target.lower() in (_lowered(rule, "SentTo") or {target.lower()})
        and _is_from(tenant, sender, rule.get("From") or [sender])
        and _in_scope(tenant, rule.get("SentToScope"), target)
        and _in_scope(tenant, rule.get("FromScope"), sender)
    )


def _lowered(rule: Json, name: str) -> set[str]:
    return {str(value).lower() for value in rule.get(name) or []}
