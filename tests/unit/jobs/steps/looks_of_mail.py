"""Looks of the steps of the mailbox user, at Exchange and at Webex Connect."""

from jobs.channel.mailbox import SIGNED_IN
from jobs.clock import now
from jobs.microsoft.graph import GRAPH_APP_ID
from jobs.microsoft.outbound_spam import policy_name
from jobs.model import State, Turn
from jobs.runs.run import Brief, Event, Kind
from jobs.steps.forwarding import POLICY, RULE
from jobs.steps.mailbox_and_smtp_auth import PROPERTY
from tests.unit.jobs.conftest import MAILBOX, NO_OBJECT
from tests.unit.jobs.steps import looks as table
from tests.unit.jobs.steps.looks import AGENT, CHECK, MADE, REFUSED, TARGET, USER, rows, sign_in

PLAN = {"service": "exchange", "capabilityStatus": "Enabled"}
PERSON = {"id": "user-1", "userPrincipalName": MAILBOX}
PERSON |= {"accountEnabled": True, "assignedPlans": [PLAN]}
NO_LOGIN = PERSON | {"accountEnabled": False, "assignedPlans": []}
BLOCKED, UNLICENSED = (PERSON | {"accountEnabled": False}, PERSON | {"assignedPlans": []})
GROUP = "MailUniversalDistributionGroup"
OWNER = PERSON | {"userPrincipalName": "svc@contoso.com"}


def user(person=PERSON, mailbox=(), **more):
    """Return the answers about the mailbox user and the mailbox."""
    return {USER: person, "Get-Mailbox": list(mailbox) or [{}], **more}


def licensed(service: str, status: str):
    """Return a user with a mailbox, and with this license in this state."""
    return user(PERSON | {"assignedPlans": [{"service": service, "capabilityStatus": status}]})


def box(**properties):
    """Return the answers about a licensed user with this mailbox."""
    return user(mailbox=[{"PrimarySmtpAddress": MAILBOX, **properties}])


def kind_of(kind: str):
    """Return the answers about an address without a user, which Exchange knows as this kind."""
    return {"GET /users": [], "Get-Recipient": [{"RecipientTypeDetails": kind}]}


def domains(*names: str):
    """Return the tenant's verified domains."""
    return {"GET /organization": [{"verifiedDomains": [{"name": name} for name in names]}]}


SHARED, ROOM = ({"RecipientTypeDetails": f"{kind}Mailbox"} for kind in ("Shared", "Room"))
USUAL = {"MaxReceiveSize": "Unlimited", "ModerationEnabled": "False", "IsDirSynced": True}
USUAL |= {"RejectMessagesFrom": []}
SAID = {"question": SIGNED_IN, "value": "yes"}
REHEARSED = Event(Kind.ANSWERED, now(), by=AGENT, data=SAID)
looks = {
    "ok: the domain is verified, in any case": domains("x.onmicrosoft.com", "Contoso.COM"),
    "wrong wrong_tenant: the domain is another's": domains("fabrikam.com", "x.contoso.com"),
    "ok: domains that may not be read decide nothing": {"GET /organization": REFUSED},
    "ok: a tenant that is not told decides nothing": {"GET /organization": []},
}
OF_MAIL = rows("tenant", looks)
looks = {
    "ok: a user with a license and a mailbox": user(),
    "ok: a license in its grace period": licensed("Exchange", "Warning"),
    "ok: a directory that shows neither account nor license": user({"id": "user-1"}),
    "ok: a shared mailbox needs no license": user(UNLICENSED, [SHARED]),
    "ok: a shared mailbox with a license may log in as well": user(PERSON, [SHARED]),
    "possible account_disabled: a shared mailbox's account is blocked as a rule": user(
        NO_LOGIN, [SHARED]
    ),
    "possible account_disabled: so is that of a room": user(NO_LOGIN, [ROOM]),
    "wrong account_disabled: the account is blocked": user(BLOCKED),
    "wrong licence_missing: no license": user(UNLICENSED),
    "wrong licence_missing: a suspended license": licensed("exchange", "Suspended"),
    "wrong mailbox_not_found: a plan shows nothing of a missing mailbox": {USER: PERSON},
    "wrong mailbox_not_found: a check knows the user all the same": {USER: PERSON} | CHECK,
    "wrong account_disabled: no mailbox, and a blocked account": {USER: NO_LOGIN},
    "ok: Exchange names the owner": {
        "Get-Mailbox": [{"UserPrincipalName": "svc@contoso.com"}],
        "GET /users": [],
        "GET /users/svc@contoso.com": OWNER,
    },
    "ok: the address is an alias": {"GET /users": [OWNER], "Get-Mailbox": [{}]},
    "wrong mailbox_not_found: a group has the address": kind_of(GROUP),
    "wrong mailbox_not_found: a contact is nobody": kind_of("MailContact"),
    "wrong mailbox_not_found: what cannot be looked up is nobody": kind_of("")
    | {"Get-Recipient": REFUSED},
    "wrong mailbox_on_premises: the mailbox is elsewhere": kind_of("MailUser")
    | {USER: PERSON, **CHECK},
    "warning sends_as_onmicrosoft: answers leave with an onmicrosoft address": box(
        PrimarySmtpAddress="Support@contoso.onmicrosoft.com"
    ),
    "ok: a domain that only contains it": box(PrimarySmtpAddress="s@onmicrosoft.com.example"),
    "warning mailbox_moderated: the worst is named": box(
        ModerationEnabled="True", MaxReceiveSize="1 KB (1,024 bytes)"
    )
    | CHECK,
    "warning mailbox_internal_only: internal": box(RequireSenderAuthenticationEnabled=True),
    "warning mailbox_senders_listed: listed senders": box(
        AcceptMessagesOnlyFromSendersOrMembers=["a"]
    ),
    "warning mailbox_rejects_senders: refused senders": box(RejectMessagesFrom=["a"]),
    "warning mailbox_size_limited: small mails only": box(MaxReceiveSize="5 MB (5,242,880 bytes)"),
    "warning mailbox_synced: a synchronized detour": box(
        IsDirSynced=True, ForwardingAddress="Archive"
    ),
    "ok: usual settings": box(**USUAL),
    "ok: a usual size": box(MaxReceiveSize="36 MB (37,748,736 bytes)"),
}
OF_MAIL += rows("mailbox_user", looks)
BY_NAME, SECOND = f"GET /users/{AGENT}", PERSON | {"id": "user-2"}
looks = {
    "ok: any other mailbox needs none": {"facts": {}},
    "ok: named on the first card": {BY_NAME: SECOND},
    "ok: who rehearsed is the delegate": {BY_NAME: SECOND | {"userPrincipalName": AGENT}}
    | {"channel": {"delegate": "somebody@contoso.com"}, "events": (REHEARSED,)},
    "ok: named by an earlier run": {BY_NAME: SECOND}
    | {"channel": {}, "brief": Brief(shared=True, delegate=AGENT)},
    "ok: an answer overrides what was known": {BY_NAME: PERSON}
    | {"channel": {"delegate": "other@contoso.com"}, "answers": {"delegate": AGENT}},
    "wrong account_disabled: the delegate is blocked": {BY_NAME: BLOCKED},
    "wrong licence_missing: the delegate has no license": {BY_NAME: UNLICENSED},
    "wrong delegate_unknown: a plan without a delegate": {"channel": {}, "looking": True},
    "waiting delegate_unknown: a run asks the requester": {"channel": {}},
    "wrong delegate_not_found: a plan with a delegate whom nobody knows": {
        "GET /users": [],
        "looking": True,
    },
    "waiting delegate_not_found: a run asks once more": {"GET /users": []},
    "skipped: a check asks nobody": {"channel": {}, **CHECK},
}
OF_MAIL += rows("delegate", looks, facts={"shared": "blocked"}, channel={"delegate": AGENT})
NOWHERE = {"ForwardingSmtpAddress": None, "DeliverToMailboxAndForward": True}
ON = NOWHERE | {"ForwardingSmtpAddress": f"smtp:{TARGET}", "ForwardingAddress": None}
ELSEWHERE = {"ForwardingSmtpAddress": "smtp:x@y.example"}
HAND = CHECK | {"brief": Brief("client-1", by_hand=True)}
UNKNOWN = HAND | {"channel": {"forwarding_address": ""}}


def forwards(**properties):
    """Return a mailbox that forwards, with these properties."""
    return {"Get-Mailbox": [ON | properties]}


def nowhere(**properties):
    """Return a mailbox that does not forward as a setup would, with these properties."""
    return {"Get-Mailbox": [NOWHERE | properties]}


def switches(own, everybody):
    """Return the switches of SMTP AUTH of the mailbox and of the organization."""
    of_all = everybody if everybody is REFUSED else [{PROPERTY: everybody}]
    return {"Get-CASMailbox": [{PROPERTY: own}], "Get-TransportConfig": of_all}


RIGHTS = "Get-RecipientPermission"
RULED = policy_name(MAILBOX)
DEFAULT = {"Name": "Default", "IsDefault": True, "AutoForwardingMode": "Automatic"}
DEFAULT |= {"RecipientLimitPerDay": 500, "NotifyOutboundSpam": False}
OURS = {"Name": RULED, "AutoForwardingMode": "On"}
RULE_OF_OURS = {"Name": RULED, POLICY: RULED, "From": [MAILBOX]}
RULE_OF_OURS |= {"Priority": 0, "State": "Enabled"}
ABOVE_OURS = RULE_OF_OURS | {"Name": "Baseline", POLICY: "Default"}
OTHERS = [
    {"From": [MAILBOX, "sales@contoso.com"]},
    {"From": ["sales@contoso.com"]},
    {"From": [MAILBOX, "sales@contoso.com"], "ExceptIfFrom": ["b@x.io", "SVC@CONTOSO.COM"]},
    {"From": [], "SenderDomainIs": "contoso.com", "ExceptIfSenderDomainIs": ["contoso.com"]},
    {"From": MAILBOX, "FromMemberOf": ["Sales"], "ExceptIfFromMemberOf": ["Desk", "Field"]},
]
"Conditions that somebody else put into the channel's rule."
BENT = {"State": "Disabled", "ExceptIfFrom": [MAILBOX], "SenderDomainIs": "fabrikam.com"}
BENT |= {"ExceptIfFromMemberOf": [], POLICY: "Other"}
ALLOWED = {"Trustee": AGENT, "AccessControlType": "Allow", "AccessRights": ["SendAs"]}
TRUSTED = {"shared": "blocked", "user_id": "user-1"}
TRUSTED |= {"delegate": "Agent@contoso.com", "delegate_id": "user-2"}
MODE = "AutoForwardingMode"


def policies(*rules, default="Automatic", ours=None):
    """Return the outbound policies and their rules; ``ours`` is the mode of the channel's."""
    there = [DEFAULT | {MODE: default}, *([OURS | {MODE: ours}] if ours else [])]
    return {f"Get-{POLICY}": there, f"Get-{RULE}": list(rules)}


OF_ALIAS = RULE_OF_OURS | {"Name": "By hand", "From": ["smtp:SVC@contoso.com"]}
ALIASES = {"Get-Mailbox": [{"EmailAddresses": [f"SMTP:{MAILBOX}", "smtp:svc@contoso.com"]}]}
SALES = {"Name": "Sales", MODE: "On"}
OF_SALES = {"Name": "Sales only", POLICY: "Sales", "Priority": 0, "State": "Enabled"}
MAYBE = {f"Get-{RULE}": [OF_SALES | {"FromMemberOf": ["Sales"]}]}
ALLOWS = {f"Get-{POLICY}": [DEFAULT, SALES]}
BLOCKS = {f"Get-{POLICY}": [DEFAULT | {MODE: "On"}, SALES | {MODE: "Off"}]}
ABOVE = [
    {"Name": f"Rule {number}", POLICY: "Sales", "From": ["a@contoso.com"], "Priority": number}
    for number in range(3)
]
DEHYDRATED = "Get-OrganizationConfig"
DEMANDED = {"events": (Event(Kind.DEMANDED, now(), step="customization", data={"plan": "p"}),)}


def customized(flag, default: str = "Automatic"):
    """Return the organization's flag, and the mode of the default policy."""
    organization = flag if flag is REFUSED else [{"IsDehydrated": flag}]
    return {DEHYDRATED: organization, **policies(default=default)}


looks = {
    "ok: with a copy": forwards(),
    "ok: in capitals": forwards(
        ForwardingSmtpAddress=TARGET.upper(), DeliverToMailboxAndForward="True"
    ),
    "wrong forwarding_address_wins: an internal address wins": forwards(ForwardingAddress="Sales"),
    "wrong forwarding_address_wins: both are named": forwards(
        ForwardingAddress="Jane Doe", ForwardingSmtpAddress="smtp:Old@x.io"
    ),
    "wrong not_forwarded: elsewhere": forwards(ForwardingSmtpAddress="smtp:o@x.io"),
    "wrong not_forwarded: nowhere": forwards(ForwardingSmtpAddress=None),
    "wrong copy_differs: without the copy": forwards(DeliverToMailboxAndForward=False),
    "wrong not_forwarded: all values are set at once": {"Get-Mailbox": [{}]}
    | {"channel": {"keep_copy": False}},
    "ok: by hand: the right address": forwards() | HAND,
    "wrong not_forwarded: by hand: nowhere": nowhere() | HAND,
    "wrong not_forwarded: by hand: elsewhere": nowhere(**ELSEWHERE) | HAND,
    "possible not_forwarded: by hand: the right address is unknown": nowhere(**ELSEWHERE) | UNKNOWN,
    "wrong forwarding_address_wins: by hand: an internal address": nowhere(ForwardingAddress="Kim")
    | HAND,
    "ok: by hand: through a contact": nowhere(ForwardingAddress="Webex")
    | {"Get-Recipient": [{"ExternalEmailAddress": f"SMTP:{TARGET}"}], **HAND},
    "ok: by hand: through an inbox rule": nowhere()
    | {"Get-InboxRule": [{"Enabled": True, "ForwardTo": [f"[SMTP:{TARGET}]"]}], **HAND},
    "possible not_forwarded: by hand: rules that cannot be read": nowhere()
    | {"Get-InboxRule": REFUSED, **HAND},
}
OF_MAIL += rows("forwarding", looks)
ALL_OFF, UNSET = switches(own=True, everybody=True), switches(None, None)
looks = {
    "ok: on for the mailbox": switches(own=False, everybody=True),
    "ok: inherited": switches(None, everybody=False),
    "wrong smtp_auth_off_for_mailbox: off for the mailbox": switches(own=True, everybody=False),
    "wrong smtp_auth_off_for_tenant: off for everybody": switches(None, everybody=True),
    "ok: the mailbox says enough": switches(own=False, everybody=REFUSED),
    "wrong smtp_auth_off_for_mailbox: that it is off, too": switches(own=True, everybody=REFUSED),
    "wrong smtp_auth_off_for_mailbox: the delegate's counts for a shared mailbox": ALL_OFF
    | {"facts": TRUSTED},
    "wrong smtp_auth_off_for_tenant: nothing is planned for an unknown delegate": UNSET
    | {"facts": {"shared": "yes"}},
}
OF_MAIL += rows("smtp_auth", looks)
DEFAULTS = "GET /policies/identitySecurityDefaultsEnforcementPolicy"
looks = {
    "possible blocked_by_security_defaults: before the approval they are only possible": {
        DEFAULTS: {"isEnabled": True}
    },
    "skipped: without the permission": {DEFAULTS: REFUSED},
}
OF_MAIL += rows("security_defaults", looks)
looks = {
    "ok: allowed": {RIGHTS: [ALLOWED]},
    "ok: as one text": {RIGHTS: [ALLOWED | {"AccessRights": "SendAs"}]},
    "wrong send_as_missing: denied": {RIGHTS: [ALLOWED | {"AccessControlType": "Deny"}]},
    "wrong send_as_missing: another right": {RIGHTS: [ALLOWED | {"AccessRights": []}]},
    "wrong send_as_missing: one right is planned and made": {RIGHTS: []},
    "ok: a user's own mailbox": {"facts": {}},
    "ok: the mailbox's own account signs in": {"facts": TRUSTED | {"delegate_id": "USER-1"}},
    "skipped: the delegate is not known": {"facts": {"shared": "yes", "user_id": "user-1"}},
}
OF_MAIL += rows("send_as", looks, facts=TRUSTED)
looks = {
    "wrong forwarding_blocked: the default policy says Automatic": policies(),
    "ok: a policy that is on": policies(RULE_OF_OURS, ours="On"),
    "wrong forwarding_blocked: a second try completes the first": policies(ours="Off"),
    "wrong forwarding_blocked: the rule is put on top": policies(
        ABOVE_OURS, RULE_OF_OURS | {"Priority": 3}, ours="On"
    ),
    "wrong forwarding_blocked: a group's rule may block": MAYBE | BLOCKS,
    "possible forwarding_blocked: which leaves a doubt in a check": MAYBE | BLOCKS | CHECK,
    "possible forwarding_blocked: a group's rule may allow": MAYBE | ALLOWS | CHECK,
    "possible forwarding_blocked: a group is excepted": ALLOWS
    | {f"Get-{RULE}": [OF_SALES | {"From": [MAILBOX], "ExceptIfFromMemberOf": ["Sales"]}], **CHECK},
    "wrong forwarding_blocked: three rules move down": policies(*ABOVE, ours="On"),
    "wrong forwarding_blocked: those above the bot's own move": policies(
        ABOVE[0], RULE_OF_OURS | {"Priority": "1", "State": "Disabled"}, ABOVE[2], ours="On"
    ),
    **{
        f"wrong forwarding_blocked: others stay: {', '.join(who)}": policies(
            ABOVE_OURS, RULE_OF_OURS | who | {"Priority": 1}, ours="On"
        )
        | ALIASES
        | {"kind": "fix"}
        for who in OTHERS
    },
    "wrong forwarding_blocked: a bent rule is put right": policies(RULE_OF_OURS | BENT, ours="On"),
    "ok: a rule names an alias": policies(OF_ALIAS, ours="On") | ALIASES,
    "wrong forwarding_blocked: aliases that nobody knows": policies(OF_ALIAS, ours="On")
    | {"Get-Mailbox": NO_OBJECT},
    "ok: a rule names the UPN": policies(RULE_OF_OURS | {"From": ["upn@contoso.com"]}, ours="On")
    | {"facts": {"upn": "upn@contoso.com"}},
}
OF_MAIL += rows("outbound_policy", looks)
looks = {
    "ok: customized": customized(flag=False),
    "ok: by this run, whatever the tenant says": {"changed": {"customization": now()}},
    "skipped: a tenant that does not tell": customized(None),
    "skipped: who may not ask is told nothing": customized(REFUSED),
    "ok: not needed if forwarding is allowed": customized(flag=True, default="On"),
    "warning: a check warns of it": customized(flag=True, default="On") | CHECK,
    "wrong customization_needed: tenant-wide, and for ever": customized(flag=True),
    "wrong customization_needed: Exchange asks for it": customized(flag=False) | DEMANDED,
}
OF_MAIL += rows("customization", looks)
TRACE, CMDLET = ("GET /admin/exchange/tracing/messageTraces", "Get-MessageTraceV2")
LOG = "GET /auditLogs/signIns"
OF_TOKEN = {"client_id": "app-1", "key_id": "key-1", "user_id": "user-1"}
OF_KIM = OF_TOKEN | {"shared": "yes", "delegate_id": "kim"}
looks = {
    "ok: a Call Back URL shows the app": {},
    "waiting: the requester is asked": {"channel": {"callback_url": ""}},
}
OF_MAIL += rows("email_app", looks)
looks = {
    "ok: both are shown": {},
    "waiting: no Call Back URL": {"channel": {"callback_url": ""}},
    "waiting: no Forwarding Address": {"channel": {"forwarding_address": ""}},
    "skipped: by hand: a check goes on without": UNKNOWN,
}
OF_MAIL += rows("addresses", looks)
OF_MAIL += rows("ids", {"ok: of the app and of the account": {}}, facts={"client_id": "client-1"})
looks = {
    "waiting: the requester is asked": {},
    "ok: a saved token says it all": table.answered("token_saved"),
}
for part in ("mailbox_fields", "app_fields", "address_fields", "token"):
    OF_MAIL += rows(part, looks)
looks = {
    "ok: the log shows it": {LOG: [sign_in(3)]},
    "waiting: a sign-in from before": {LOG: [sign_in(-1)]},
    "waiting: a renewal": {LOG: [sign_in(3, isInteractive=False)]},
    "waiting: an abandoned sign-in": {LOG: [sign_in(3, 50058)]},
    "waiting: a sign-in to Graph": {LOG: [sign_in(3, resourceId=GRAPH_APP_ID)]},
    "waiting: a sign-in to another app": {LOG: [sign_in(3, appId="another")]},
    "waiting: no Entra P1, or no role": {LOG: REFUSED},
    "waiting: a sign-in that has ended": {LOG: (401, {})},
    "ok: a delegate's": {LOG: [sign_in(3, user="kim")], "facts": OF_KIM},
    "waiting wrong_mailbox_user: a shared mailbox's own": {LOG: [sign_in(3)], "facts": OF_KIM},
}
SHOWN = {"answers": {"secret_shown": "key-1"}, "changed": {"client_secret": MADE}}
OF_MAIL += rows("token", looks, facts=OF_TOKEN, **SHOWN)
looks = {
    "skipped: with the person's reason": {"answers": {"rehearse": "skip:on leave"}},
    "waiting: for the mailbox user": {"answers": {"rehearse": "yes"}},
}
OF_MAIL += rows("rehearsal", looks)
OF_MAIL += rows("own_login", {"skipped: nobody has rehearsed": {}})
looks = {
    "waiting: the requester is asked": {},
    "ok: the requester's word": table.answered("registered"),
}
OF_MAIL += rows("registered", looks)
looks = {
    "ok: Graph traces": {TRACE: []},
    "ok: the cmdlet traces instead": {TRACE: REFUSED},
    "wrong: the service is missing": {TRACE: REFUSED, CMDLET: REFUSED},
    "wrong: Graph says that by a 401": {TRACE: (401, {}), CMDLET: REFUSED},
}
OF_MAIL += rows("trace_access", looks)
looks = {
    "waiting: an agent is asked": {},
    "waiting: an answer could not leave now": table.found(
        "agent_answer", State.WAITING, waiting_for=Turn.NOBODY
    ),
    "ok: an agent's word": table.answered("agent_has_it"),
    "ok: an answer shows it": table.found("agent_answer", State.OK),
    "ok: so does one that was stopped": table.found(
        "agent_answer", State.WAITING, facts={"answer_failed_at": "t"}
    ),
}
OF_MAIL += rows("agent_has_it", looks)
