"""Mail-flow rules that may stop the copy on its way to Webex Connect."""

from __future__ import annotations

from jobs.microsoft.exchange import Row
from jobs.model import Finding, Station, Words
from jobs.probe import Probe
from jobs.step import Context

STOPS = (
    "DeleteMessage",
    "RejectMessageReasonText",
    "RejectMessageEnhancedStatusCode",
    "RedirectMessageTo",
    "Quarantine",
    "RouteMessageOutboundConnector",
    "ModerateMessageByUser",
    "ModerateMessageByManager",
)
RECIPIENT = ("RecipientDomainIs", "SentTo", "RecipientAddressContainsWords", "AnyOfToHeader")
PATTERNS = ("RecipientAddressMatchesPatterns", "AnyOfRecipientAddressMatchesPatterns", "SentToMemberOf")
"""Conditions on the recipient that cannot be judged here."""
OTHER = (
    "From",
    "FromAddressContainsWords",
    "FromAddressMatchesPatterns",
    "FromMemberOf",
    "FromScope",
    "SenderDomainIs",
    "SenderIpRanges",
    "SenderADAttributeContainsWords",
    "RecipientADAttributeContainsWords",
    "AnyOfCcHeader",
    "AnyOfToCcHeader",
    "SubjectContainsWords",
    "SubjectMatchesPatterns",
    "SubjectOrBodyContainsWords",
    "SubjectOrBodyMatchesPatterns",
    "HeaderContainsMessageHeader",
    "HeaderMatchesMessageHeader",
    "AttachmentContainsWords",
    "AttachmentExtensionMatchesWords",
    "AttachmentHasExecutableContent",
    "AttachmentIsPasswordProtected",
    "AttachmentIsUnsupported",
    "AttachmentNameMatchesPatterns",
    "AttachmentSizeOver",
    "MessageContainsDataClassifications",
    "MessageSizeOver",
    "MessageTypeMatches",
    "HasClassification",
    "SCLOver",
    "WithImportance",
)
"""Conditions on anything but the recipient."""


class TransportRules(Probe):
    """No enabled rule that rejects, deletes or redirects and could match (facts/microsoft.md 2.3).

    The condition MessageTypeMatches AutoForward does not match mailbox forwarding, so such a rule is harmless here.
    """

    name = "transport_rules"
    row = "M3"
    station = Station.FORWARD
    reads = ("View-Only Configuration",)

    async def inspect(self, ctx: Context) -> Finding:
        """A rule that names the forwarding domain, or the mailbox, and nothing else certainly matches; any other one only may."""
        arriving = [rule for rule in await ctx.exchange.run("Get-TransportRule", {}) if stops(rule)]
        rules = [rule for rule in arriving if not _inside(rule)]
        domain = ctx.channel.forwarding_address.rpartition("@")[2]
        certain = [rule for rule in rules if names(rule, domain, ctx.channel.forwarding_address) and only_recipient(rule)]
        if certain:
            return self.wrong(Words("seen.rules", {"names": _names(certain)}), cause="transport_rule_blocks")
        before = [rule for rule in arriving if names(rule, ctx.channel.domain, ctx.channel.mailbox)]
        if any(map(only_recipient, before)):
            seen = Words("seen.rules", {"names": _names(list(filter(only_recipient, before)))})
            return self.wrong(seen, cause="transport_rule_blocks", station=str(Station.MAILBOX))
        maybe = [rule for rule in rules if may_match(rule, domain, ctx.channel.forwarding_address)]
        maybe += [rule for rule in before if rule not in maybe]
        return (
            self.possible(Words("seen.rules", {"names": _names(maybe)}), "transport_rule_may_block")
            if maybe
            else self.ok(Words("seen.no_rule"))
        )


def stops(rule: Row) -> bool:
    """Whether the rule is on, enforced, and takes mail away."""
    on = str(rule.get("State", "Enabled")).lower() == "enabled" and str(rule.get("Mode") or "Enforce").lower() == "enforce"
    autoforward = str(rule.get("MessageTypeMatches") or "").lower() == "autoforward"
    return on and not autoforward and any(_set(rule, name) for name in STOPS)


def _inside(rule: Row) -> bool:
    """Whether the rule is for mail to the organization itself; the copy goes outside."""
    return str(rule.get("SentToScope") or "").lower() == "inorganization"


def names(rule: Row, domain: str, address: str) -> bool:
    """Whether the rule names the forwarding domain or address."""
    values = [str(value).lower() for name in RECIPIENT for value in _list(rule.get(name))]
    return any(value in {domain.lower(), address.lower()} or (value and value in address.lower()) for value in values)


def only_recipient(rule: Row) -> bool:
    """Whether nothing but the recipient is asked for."""
    excepted = any(str(key).startswith("ExceptIf") and _set(rule, str(key)) for key in rule)
    return not excepted and not any(_set(rule, name) for name in (*OTHER, *PATTERNS))


def may_match(rule: Row, domain: str, address: str) -> bool:
    """Whether the rule could concern the copy: it names where the copy goes, or names no recipient at all."""
    recipients = any(_set(rule, name) for name in RECIPIENT) and not any(_set(rule, name) for name in PATTERNS)
    return names(rule, domain, address) if recipients else True


def _names(rules: list[Row]) -> str:
    return ", ".join(str(rule.get("Name") or rule.get("Identity") or "") for rule in rules)


def _set(rule: Row, name: str) -> bool:
    return rule.get(name) not in (None, "", [], False, "False", "false")


def _list(value: object) -> list[object]:
    return list(value) if isinstance(value, list | tuple) else [] if value in (None, "") else [value]
