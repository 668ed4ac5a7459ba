"""Properties of a mail-flow rule: Get-TransportRule returns 200 of them for every rule.

Source: a whole rule of the ExchangeOnlineManagement module, as a public sample report keeps it.
"""

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Final

Json = dict[str, Any]
TASKS: Final = "Microsoft.Exchange.MessagingPolicies.Rules.Tasks"
_CONDITION_WORDS: Final = """From FromMemberOf FromScope SentTo SentToMemberOf SentToScope BetweenMemberOf1 BetweenMemberOf2
ManagerAddresses ManagerForEvaluatedUser SenderManagementRelationship ADComparisonAttribute
ADComparisonOperator SenderADAttributeContainsWords SenderADAttributeMatchesPatterns
RecipientADAttributeContainsWords RecipientADAttributeMatchesPatterns AnyOfToHeader
AnyOfToHeaderMemberOf AnyOfCcHeader AnyOfCcHeaderMemberOf AnyOfToCcHeader
AnyOfToCcHeaderMemberOf HasClassification HasNoClassification SubjectContainsWords
SubjectOrBodyContainsWords HeaderContainsMessageHeader HeaderContainsWords
FromAddressContainsWords SenderDomainIs RecipientDomainIs SubjectMatchesPatterns
SubjectOrBodyMatchesPatterns HeaderMatchesMessageHeader HeaderMatchesPatterns
FromAddressMatchesPatterns AttachmentNameMatchesPatterns AttachmentExtensionMatchesWords
AttachmentPropertyContainsWords ContentCharacterSetContainsWords HasSenderOverride
MessageContainsDataClassifications MessageContainsAllDataClassifications SenderIpRanges SCLOver
AttachmentSizeOver MessageSizeOver WithImportance MessageTypeMatches ContentMatchesPrompt
ContentMatchesPromptVerdict RecipientAddressContainsWords RecipientAddressMatchesPatterns
SenderInRecipientList RecipientInSenderList AttachmentContainsWords AttachmentMatchesPatterns
AttachmentIsUnsupported AttachmentProcessingLimitExceeded AttachmentHasExecutableContent
AttachmentIsPasswordProtected AnyOfRecipientAddressContainsWords
AnyOfRecipientAddressMatchesPatterns"""
_ACTION_WORDS: Final = """PrependSubject SetAuditSeverity ApplyClassification ApplyHtmlDisclaimerLocation
ApplyHtmlDisclaimerText ApplyHtmlDisclaimerFallbackAction ApplyRightsProtectionTemplate
ApplyRightsProtectionCustomizationTemplate SetSCL SetHeaderName SetHeaderValue RemoveHeader
AddToRecipients CopyTo BlindCopyTo AddManagerAsRecipientType ModerateMessageByUser
ModerateMessageByManager RedirectMessageTo RejectMessageEnhancedStatusCode
RejectMessageReasonText DeleteMessage Disconnect Quarantine SmtpRejectMessageRejectText
SmtpRejectMessageRejectStatusCode LogEventText StopRuleProcessing SenderNotificationType
GenerateIncidentReport IncidentReportContent RouteMessageOutboundConnector
RouteMessageOutboundRequireTls ApplyOME RemoveOME RemoveOMEv2 RemoveRMSAttachmentEncryption
GenerateNotification"""
CONDITIONS: Final = tuple(_CONDITION_WORDS.split())
EXCEPTIONS: Final = tuple(f"ExceptIf{name}" for name in CONDITIONS)
ACTIONS: Final = tuple(_ACTION_WORDS.split())
_FALSE_WORDS: Final = """HasNoClassification HasSenderOverride AttachmentIsUnsupported
AttachmentProcessingLimitExceeded AttachmentHasExecutableContent AttachmentIsPasswordProtected
ExceptIfHasNoClassification ExceptIfAttachmentIsUnsupported
ExceptIfAttachmentProcessingLimitExceeded ExceptIfAttachmentHasExecutableContent
ExceptIfAttachmentIsPasswordProtected ExceptIfHasSenderOverride ModerateMessageByManager
DeleteMessage Disconnect Quarantine StopRuleProcessing RouteMessageOutboundRequireTls ApplyOME
RemoveOME RemoveOMEv2 RemoveRMSAttachmentEncryption"""
FALSE: Final = frozenset(_FALSE_WORDS.split())
"""Conditions, exceptions and actions that are False if they are not set.

All others are null then.
"""
_ABOUT: Final[Json] = json.loads(Path(__file__).with_suffix(".json").read_text(encoding="utf-8"))
"""Properties of a rule that are neither conditions, exceptions nor actions."""
_OF_ACTION: Final = {
    "RejectMessageReasonText": "RejectMessage",
    "RejectMessageEnhancedStatusCode": "RejectMessage",
    "RouteMessageOutboundConnector": "RouteMessageOutboundConnector",
}
"""Names of the actions whose name differs from the name of their property."""


def whole(rule: Json, organization: str) -> Json:
    """Return a mail-flow rule with every property.

    The rule also has the types of the conditions, exceptions and actions that are set in it.
    """
    name = str(rule.get("Name"))
    identity = {"Identity": name, "Name": name, "Guid": name, "ImmutableId": name}
    named = identity | {"DistinguishedName": f"CN={name}", "OrganizationId": organization}
    unset = {
        each: False if each in FALSE else None for each in (*CONDITIONS, *EXCEPTIONS, *ACTIONS)
    }
    given = {name: value for name, value in rule.items() if name not in {"Id", "ObjectClass"}}
    return {**_ABOUT, **unset, **named, **given, **_types(rule)}


def _types(rule: Json) -> Json:
    """Return the lists with the type of each condition, exception and action of a rule.

    A list without an entry is null.
    """
    conditions = [f"{TASKS}.{name}Predicate" for name in _set(rule, CONDITIONS)]
    exceptions = [
        f"{TASKS}.{name.removeprefix('ExceptIf')}Predicate" for name in _set(rule, EXCEPTIONS)
    ]
    actions = dict.fromkeys(_OF_ACTION.get(name, name) for name in _set(rule, ACTIONS))
    return {
        "Conditions": conditions or None,
        "Exceptions": exceptions or None,
        "Actions": [f"{TASKS}.{name}Action" for name in actions] or None,
    }


def _set(rule: Json, names: Iterable[str]) -> list[str]:
    return [name for name in names if rule.get(name) not in (None, False, [], "")]
