"""Undo of each step: its exact calls, and values that are back already or that others changed."""

import json

import pytest

from adaptive_cards.texts import render
from jobs.engine.undo import Reversal, reversals
from jobs.microsoft.graph import EXCHANGE_APP_ID
from jobs.microsoft.outbound_spam import CARRIED, policy_name
from jobs.model import Change, Channel, Finding, Scope, State, Text
from jobs.runs.run import RecordedChange
from jobs.steps import all_steps
from jobs.steps.forwarding import POLICY, RULE
from tests.fixtures.copies import replace
from tests.unit.jobs.channel.test_in_use import connected
from tests.unit.jobs.conftest import NO_OBJECT
from tests.unit.jobs.steps.test_looks import as_planned

MAILBOX = "support@contoso.com"
NAME = policy_name(MAILBOX)
OURS = ["https://uk.webexconnect.io/callback", "https://bot.test/microsoft/callback"]
SMTP, MAIL = {"id": "smtp-id", "type": "Scope"}, {"id": "mail-id", "type": "Role"}
SECRET = {"displayName": "Webex Connect R1", "keyId": "k1"}
BOT_SECRET = {"displayName": "Webex email bot, rehearsal and check", "keyId": "k2"}
BOXES = {"enableAccessTokenIssuance": True, "enableIdTokenIssuance": False}
MADE = {
    "id": "obj-1",
    "appId": "client-1",
    "signInAudience": "AzureADMyOrg",
    "web": {"redirectUris": OURS, "implicitGrantSettings": BOXES},
    "requiredResourceAccess": [{"resourceAppId": EXCHANGE_APP_ID, "resourceAccess": [SMTP, MAIL]}],
    "passwordCredentials": [SECRET, BOT_SECRET],
}
FACTS = {
    "object_id": "obj-1",
    "client_id": "client-1",
    "sp_id": "sp-1",
    "exchange_sp_id": "exchange-sp",
    "graph_sp_id": "graph-sp",
    "user_id": "user-1",
    "exchange_smtp_send": "smtp-id",
    "mail_send": "mail-id",
}
APP, PRINCIPAL = "GET /applications/obj-1", "GET /servicePrincipals(appId='client-1')"
GRANTS = "GET /oauth2PermissionGrants"
POLICY_ROW = {"Name": NAME, "AutoForwardingMode": "On"}
RULE_ROW = {"Name": NAME, "From": [MAILBOX], "State": "Enabled", POLICY: NAME}
SCOPES = "offline_access openid profile"
GRANT = {"id": "g1", "resourceId": "exchange-sp", "principalId": "user-1", "scope": "SMTP.Send"}
SIGN_IN = {"id": "g2", "resourceId": "graph-sp", "principalId": "user-1", "scope": SCOPES}


def said(row, *names: str) -> str:
    """Return the named properties of a policy or a rule, in the form that the step records."""
    return json.dumps({name: row.get(name) for name in names})


def policy_said(mode: str) -> str:
    """Return the recorded form of the channel's policy with that mode and without limits."""
    return said({"AutoForwardingMode": mode}, "AutoForwardingMode", *CARRIED)


def app_values(**more: str) -> dict[str, str]:
    """Return the values that the step of row E1 records of the app."""
    values = {"object_id": "obj-1", "uris": json.dumps(OURS), "audience": "AzureADMyOrg"}
    return values | {"declared": "yes"} | more


ASSIGNMENT = "appRoleAssignmentRequired"
NO_APP = {"object_id": "", "uris": "[]", "audience": "", "declared": ""}
RULE_SAID = said(RULE_ROW, "From", "State", POLICY)
SWITCHED_ON = {"Get-CASMailbox": [{"SmtpClientAuthenticationDisabled": False}]}
TO_CONNECT = "smtp:x1@mail.webexconnect.io"
FORWARDS = {"ForwardingSmtpAddress": TO_CONNECT, "DeliverToMailboxAndForward": True}
DETOUR = {"smtp": "old@x.io", "internal": "Sales", "keeps": "false"}
FORWARDED = {"smtp": "x1@mail.webexconnect.io", "internal": "", "keeps": "true"}
RULED = {"policy": policy_said("On"), "rule": RULE_SAID}
RULES = {f"Get-{POLICY}": [POLICY_ROW], f"Get-{RULE}": [RULE_ROW]}
GRANTED = {"exchange": "SMTP.Send", "graph": SCOPES}
IMAP = "IMAP.AccessAsUser.All"
BOTH = f"{IMAP} SMTP.Send"
MERGED = {GRANTS: [GRANT | {"scope": f"SMTP.Send {IMAP}"}, SIGN_IN]}
TABLE = [
    ("smtp_auth", {"disabled": ""}, {"disabled": "false"}, SWITCHED_ON),
    ("smtp_auth", {"disabled": "true"}, {"disabled": "false"}, SWITCHED_ON),
    ("forwarding", DETOUR, FORWARDED, {"Get-Mailbox": [FORWARDS]}),
    ("outbound_policy", {"policy": "", "rule": ""}, RULED, RULES),
    ("outbound_policy", RULED | {"policy": policy_said("Off")}, RULED, RULES),
    ("smtp_grant", {"exchange": "", "graph": ""}, GRANTED, {GRANTS: [GRANT, SIGN_IN]}),
    ("smtp_grant", GRANTED | {"exchange": IMAP}, GRANTED | {"exchange": BOTH}, MERGED),
    ("application", NO_APP, app_values(), {APP: MADE}),
    (
        "application",
        app_values(uris='["https://old/callback"]', audience="AzureADMultipleOrgs", declared=""),
        app_values(),
        {APP: MADE},
    ),
    ("service_principal", {"sp_id": ""}, {"sp_id": "sp-1"}, {APP: MADE, PRINCIPAL: {"id": "sp-1"}}),
    (
        "service_principal",
        {"sp_id": "sp-1", "accountEnabled": "false", ASSIGNMENT: "true"},
        {"sp_id": "sp-1", "accountEnabled": "true", ASSIGNMENT: "true"},
        {APP: MADE, PRINCIPAL: {"id": "sp-1", "accountEnabled": True, ASSIGNMENT: True}},
    ),
    ("implicit_grant", {"access_tokens": "off"}, {"access_tokens": "on"}, {APP: MADE}),
    ("mail_send", {"declared": ""}, {"declared": "yes"}, {APP: MADE}),
    ("client_secret", {"key_id": ""}, {"key_id": "k1"}, {APP: MADE}),
    ("check_secret", {"made": ""}, {"made": "yes"}, {APP: MADE}),
]
"""Step, old state, state after the runs, and the scripted cloud in that state."""
IDS = [f"{row[0]}-{number}" for number, row in enumerate(TABLE)]


def past(name: str, was: dict[str, str], left: dict[str, str]) -> RecordedChange:
    """Return the recorded change of a run."""
    what, none, on = Text(f"step.{name}"), Text("seen.none"), Text("seen.on")
    change = Change(name, "E1", what, none, on, Scope.APP, "x")
    return RecordedChange(name, change, Text("seen.off"), was, left, ("R1",))


def scripted(cloud, script) -> None:
    """Script the cloud's answers."""
    for what, answer in script.items():
        cloud.on(what, answer)


SWITCHED_OFF = {"Get-CASMailbox": [{"SmtpClientAuthenticationDisabled": True}]}
TO_OTHERS = {"ForwardingSmtpAddress": "smtp:other@x.io", "DeliverToMailboxAndForward": True}
MORE_SCOPES = {GRANTS: [GRANT | {"scope": "SMTP.Send POP.AccessAsUser.All"}, SIGN_IN]}
THEIR_URI = {APP: MADE | {"web": {"redirectUris": [*OURS, "https://theirs/callback"]}}}
OTHER_PRINCIPAL = {APP: MADE, PRINCIPAL: {"id": "sp-2"}}
TWO_SENDERS = {"From": [MAILBOX, "b@contoso.com"]}
MORE_ACCESS = [{"resourceAppId": "g", "resourceAccess": [{"id": "more"}]}]
PASSWORDS, CERTIFICATES = "passwordCredentials", "keyCredentials"


def ruled(policy, rule):
    """Return the channel's outbound policy and rule with these properties."""
    return {f"Get-{POLICY}": [POLICY_ROW | policy], f"Get-{RULE}": [RULE_ROW | rule]}


def made(name: str, left: dict[str, str], *scripts):
    """Return a row for each of these clouds, after a run that made what was not there."""
    return [(name, dict.fromkeys(left, ""), left, script) for script in scripts]


TOUCHED = [
    *made("smtp_auth", {"disabled": "false"}, SWITCHED_OFF),
    *made(
        "forwarding",
        FORWARDED,
        {"Get-Mailbox": [TO_OTHERS]},
        {"Get-Mailbox": [FORWARDS | {"DeliverToMailboxAndForward": False}]},
    ),
    *made("outbound_policy", RULED, ruled({"RecipientLimitPerDay": 9}, {}), ruled({}, TWO_SENDERS)),
    *made("smtp_grant", GRANTED, MORE_SCOPES),
    *made(
        "application",
        app_values(),
        THEIR_URI,
        {APP: MADE | {PASSWORDS: [SECRET, {"displayName": "theirs", "keyId": "k9"}]}},
        {APP: MADE | {PASSWORDS: [{"displayName": None, "keyId": "k9"}]}},
        {APP: MADE | {CERTIFICATES: [{"keyId": "c1"}]}},
        {APP: MADE | {"requiredResourceAccess": MORE_ACCESS}},
    ),
    *made(
        "service_principal",
        {"sp_id": "sp-1"},
        OTHER_PRINCIPAL,
        {APP: MADE | {CERTIFICATES: [{"keyId": "c1"}]}, PRINCIPAL: {"id": "sp-1"}},
    ),
    ("smtp_auth", {"disabled": ""}, {}, SWITCHED_OFF),
    ("forwarding", DETOUR, {}, {"Get-Mailbox": [TO_OTHERS]}),
    ("outbound_policy", TABLE[3][1], {}, ruled({"AutoForwardingMode": "Off"}, {})),
    ("outbound_policy", TABLE[3][1], {}, ruled({}, TWO_SENDERS)),
    ("outbound_policy", TABLE[3][1], {}, ruled({}, {"ExceptIfFrom": "b@contoso.com"})),
    ("outbound_policy", TABLE[4][1], {}, ruled({"RecipientLimitPerDay": 9}, {})),
    ("outbound_policy", TABLE[4][1], {}, {f"Get-{POLICY}": [], f"Get-{RULE}": []}),
    ("smtp_grant", TABLE[5][1], {}, MORE_SCOPES),
    ("application", TABLE[8][1], {}, THEIR_URI),
    ("service_principal", TABLE[10][1], {}, OTHER_PRINCIPAL),
]
"""As above, with a cloud that somebody else has changed; a run read back nothing if it is empty."""


@pytest.mark.parametrize("read_back", [True, False])
@pytest.mark.parametrize(("name", "was", "left", "script"), TABLE, ids=IDS)
async def test_what_the_runs_left_is_put_back(
    given, cloud, snapshot, name, was, left, script, read_back
):
    """An undo plans and makes exactly these calls, even if a run never read back what it left."""
    if not read_back and APP in script:
        uris = [*json.loads(was.get("uris") or "[]"), *OURS]
        script = script | {APP: MADE | {"web": MADE["web"] | {"redirectUris": uris}}}
    scripted(cloud, script)
    ctx = given(kind="undo", facts=FACTS)
    reversal = Reversal(all_steps()[name], past(name, was, left if read_back else {}), ())
    found = await reversal.inspect(ctx)
    assert found.state is State.WRONG
    (line,) = reversal.plan(ctx, found)
    await reversal.apply(ctx, found)
    assert (as_planned(line), cloud.writes) == snapshot


@pytest.mark.parametrize(
    ("name", "was", "left"),
    [row[:3] for row in TABLE if not any(row[1].values())],
    ids=lambda value: str(value)[:16],
)
async def test_what_is_gone_is_undone(given, cloud, name, was, left):
    """An object that a run created counts as undone if it is gone, and nothing is removed."""
    cloud.on("Get-CASMailbox", [{"SmtpClientAuthenticationDisabled": None}]).on(GRANTS, [])
    ctx, what = given(kind="undo", facts=FACTS), past(name, was, left)
    assert (await all_steps()[name].inspect_undo(ctx, what)).state is State.OK
    if name not in {"smtp_auth", "service_principal"}:
        await all_steps()[name].undo(ctx, what)
        assert cloud.writes == []


@pytest.mark.parametrize(("name", "was", "left", "script"), TOUCHED)
async def test_what_somebody_else_has_changed_stays(
    given, cloud, snapshot, name, was, left, script
):
    """A later change by somebody else stays and is a warning, so that the undo can continue."""
    scripted(cloud, script)
    reversal = Reversal(all_steps()[name], past(name, was, left), ())
    found = await reversal.inspect(given(kind="undo", facts=FACTS))
    assert (found.state, cloud.writes) == (State.WARNING, [])
    assert render(found.seen or Text("seen.none")) == snapshot


@pytest.mark.parametrize("name", ["customization", "permissions", "trace_access"])
async def test_what_cannot_be_put_back_is_named(given, cloud, name):
    """An undo skips M5 (final) and Microsoft's services (may be in use) without asking a cloud."""
    ctx = given(kind="undo")
    run = replace(ctx.run, past={name: past(name, {"x": "no"}, {})})
    told = await reversals(run, all_steps())[name].inspect(ctx), cloud.asked
    assert told == (Finding(name, State.SKIPPED, seen=Text(f"skipped.undo_{name}")), [])


async def test_half_a_change_that_was_never_read_back(given, cloud):
    """A policy whose rule was refused is removed, and the plan shows the real state."""
    cloud.on(f"Get-{POLICY}", [POLICY_ROW]).on(f"Get-{RULE}", [])
    ctx, what = given(kind="undo"), past("outbound_policy", TABLE[3][1], {})
    reversal = Reversal(all_steps()["outbound_policy"], what, ())
    found = await reversal.inspect(ctx)
    told = found.state, render(reversal.plan(ctx, found)[0].before)
    assert told == (State.WRONG, "Default: Automatic")
    await reversal.apply(ctx, found)
    assert cloud.writes == [(f"Remove-{POLICY}", {"Identity": NAME, "Confirm": False})]


async def test_a_principal_whose_id_nobody_wrote_down(given, cloud):
    """If the run ended before it read the ID, the app's present service principal is undone."""
    cloud.on(APP, MADE).on(PRINCIPAL, {"id": "sp-7"})
    step, what = all_steps()["service_principal"], past("service_principal", {"sp_id": ""}, {})
    ctx = given(kind="undo", facts=FACTS | {"sp_id": ""})
    assert (await step.inspect_undo(ctx, what)).facts == {"sp_id": "sp-7"}


@pytest.mark.parametrize(("name", "was", "left", "script"), TABLE[7:11])
async def test_an_app_that_others_use_stays(given, cloud, store, name, was, left, script):
    """The app and its service principal stay as they are, with which that channel answers."""
    scripted(cloud, script)
    connected(given, store, Channel("sales@contoso.com"), FACTS["client_id"].upper())
    what, ctx = past(name, was, left), given(kind="undo", facts=FACTS)
    found = await all_steps()[name].inspect_undo(ctx, what)
    assert (found.state, found.seen) == (State.WARNING, Text("seen.undo_app_shared"))


async def test_another_app_of_that_name_is_not_touched(given, cloud):
    """An undo finds the app by its object ID and leaves another app with the same name alone."""
    cloud.on("GET /applications(uniqueName='anything')", MADE | {"id": "obj-2"})
    step = all_steps()["application"]
    ctx, what = given(kind="undo", facts=FACTS), past("application", NO_APP, app_values())
    assert await step.inspect_undo(ctx, what) == step.ok(Text("seen.undo_removed"))
    await step.undo(ctx, what)
    assert cloud.writes == []


async def test_the_case_of_an_id_makes_nothing_somebody_elses(given, cloud):
    """An ID that Graph returns in another letter case is no change by another person."""
    rows = [SMTP | {"id": "SMTP-ID"}, MAIL | {"id": "Mail-Id"}]
    access = [{"resourceAppId": EXCHANGE_APP_ID, "resourceAccess": rows}]
    cloud.on(APP, MADE | {"requiredResourceAccess": access})
    ctx, what = given(kind="undo", facts=FACTS), past("application", NO_APP, app_values())
    assert (await all_steps()["application"].inspect_undo(ctx, what)).state is State.WRONG


async def test_what_is_sealed_here_goes_too(given, cloud, vault):
    """An undo deletes the bot's secret and sign-in for /check, and any secret not yet shown."""
    names = (f"check-secret:{MAILBOX}", f"check-session:{MAILBOX}", "secret:R1")
    for name in names:
        vault.put(name, "value", 60)
    ctx = given(kind="undo", facts=FACTS)
    what = past("check_secret", {"made": ""}, {})
    assert (await all_steps()["check_secret"].inspect_undo(ctx, what)).state is State.WRONG
    for name in ("check_secret", "client_secret"):
        await all_steps()[name].undo(ctx, past(name, {}, {}))
    assert [vault.holds(name) for name in names] == [False, False, False]


@pytest.mark.parametrize(("scope", "told"), [(Scope.APP, "gone"), (Scope.MAILBOX, "not_found")])
async def test_an_object_that_is_gone_stops_nothing(given, cloud, scope, told):
    """A deleted mailbox is only a warning in an undo, so that the other steps are undone.

    It is looked for by its address, so it may also be renamed and still forward.
    """
    cloud.on("Get-Mailbox", NO_OBJECT)
    (reversal,) = made("forwarding", FORWARDED, {})
    was = past(*reversal[:3])
    was = replace(was, change=replace(was.change, scope=scope))
    found = await Reversal(all_steps()["forwarding"], was, ()).inspect(given(kind="undo"))
    assert found == Finding("forwarding", State.WARNING, seen=Text(f"seen.undo_{told}"))


def test_a_line_says_what_is_final(given):
    """Only a removed secret is final, as a new one differs; the rest can be set up as it was."""
    ctx, seen = given(kind="undo", facts=FACTS), Finding("x", State.WRONG)
    lines = [
        Reversal(all_steps()[name], past(name, was, left), ()).plan(ctx, seen)[0]
        for name, was, left, _ in TABLE
    ]
    assert {line.step for line in lines if not line.reversible} == {"client_secret", "check_secret"}
    told = {line.step for line in lines if line.note}
    assert told == {"application", "mail_send", "client_secret", "check_secret"}
