"""Tests of Entra's policies, revoked sessions and superfluous permissions: which of them matter."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from jobs.checks.verdict import judge
from jobs.clock import now
from jobs.microsoft.exchange import ExchangeRow
from jobs.microsoft.graph import EXCHANGE_APP_ID
from jobs.model import Evidence, Finding, Profile, Signals, State, Text
from jobs.probes import all_probes
from jobs.probes.entra import Sessions, Surplus, touches
from jobs.runs.run import Brief
from jobs.steps import all_steps
from tests.unit.jobs.probes.trace_rows import OK, POSSIBLE, SKIPPED, WRONG, look

USER = "aaaaaaaa-0000-4000-8000-00000000000a"
CONDITIONS = {
    "users": {"includeUsers": ["All"]},
    "applications": {"includeApplications": [EXCHANGE_APP_ID]},
}
BLOCK = {"builtInControls": ["block"]}
BLOCKS = {"state": "enabled", "conditions": CONDITIONS, "grantControls": BLOCK}
FILTER = {"mode": "include", "rule": 'CustomSecurityAttribute.Apps_Kind -eq "mail"'}
OFTEN = {"signInFrequency": {"isEnabled": True, "type": "hours", "value": 1}}


def conditions(**more: Any) -> dict[str, Any]:
    """Return the blocking policy with other conditions."""
    return BLOCKS | {"conditions": CONDITIONS | more}


def apps(*included: str, but: str = "", by: Any = None) -> dict[str, Any]:
    """Return the blocking policy for these apps, without an excluded one, and by a filter."""
    without = {"excludeApplications": [but]} if but else {}
    named = {"includeApplications": list(included), "applicationFilter": by}
    return conditions(applications=named | without)


def flows(methods: str | None) -> dict[str, Any]:
    """Return the blocking policy for these flows of authentication."""
    return conditions(authenticationFlows={"transferMethods": methods})


DEMANDS_NONE = BLOCKS | {"grantControls": None}
SELDOM = {"signInFrequency": {"isEnabled": False}}


@pytest.mark.parametrize(
    ("policy", "touched"),
    [
        (BLOCKS, True),
        (BLOCKS | {"state": "enabledForReportingButNotEnforced"}, False),
        (DEMANDS_NONE, False),
        (DEMANDS_NONE | {"sessionControls": OFTEN}, True),
        (DEMANDS_NONE | {"sessionControls": SELDOM}, False),
        (conditions(clientAppTypes=["browser", "mobileAppsAndDesktopClients"]), True),
        (conditions(clientAppTypes=["exchangeActiveSync", "other"]), False),
        (conditions(clientAppTypes=None), True),
        (conditions(users={"includeUsers": ["All"], "excludeUsers": [USER.upper()]}), False),
        (conditions(users={"includeUsers": [USER.upper()]}), True),
        (flows("deviceCodeFlow"), False),
        (flows("deviceCodeFlow, authenticationTransfer"), False),
        (flows("none"), True),
        (conditions(authenticationFlows=None), True),
        (apps("Office365"), True),
        (apps("another-app"), False),
        (apps(by=FILTER), True),
        (apps(by=FILTER, but="Office365"), False),
        (apps("All", but="Office365"), False),
        (apps("All", but=EXCHANGE_APP_ID.upper()), False),
        (apps("All", but="another-app"), True),
        ({}, False),
    ],
)
def test_which_policies_touch_the_login(policy: dict[str, Any], touched: bool):
    """A policy affects the login only if its conditions match an OAuth login of this user.

    OAuth is not a legacy client, and the case of ids does not matter. A demand to sign in again
    after some time counts as well.
    """
    assert touches(policy, USER.upper()) is touches(policy, USER) is touched


@pytest.mark.parametrize(
    ("valid_from", "state"),
    [
        ("2026-11-20T10:00:00", OK),
        ("2026-11-24T10:00:00.0000000Z", WRONG),
        ("0001-01-01T00:00:00+01:00", SKIPPED),
        (None, SKIPPED),
    ],
)
async def test_a_moment_with_or_without_its_zone(cloud, given, valid_from, state):
    """A time without a time zone is in UTC. A time outside of the calendar counts as missing."""
    user = {"id": USER, "signInSessionsValidFromDateTime": valid_from}
    cloud.on("GET /users/support@contoso.com", user)
    ctx = given(brief=Brief(token_at=datetime(2026, 11, 22, 10, tzinfo=UTC)))
    assert (await Sessions().inspect(ctx)).state is state


@pytest.mark.parametrize("shared", ["yes", "unknown"])
async def test_the_sessions_of_a_shared_mailbox_s_own_account_say_nothing(given, cloud, shared):
    """For a shared mailbox the sessions of its own account are not read.

    Another user got the token.
    """
    found = await Sessions().inspect(given(facts={"user_id": USER, "shared": shared}))
    assert (found.state, found.seen) == (SKIPPED, Text("skipped.delegate_unknown"))
    assert cloud.asked == []


@pytest.mark.parametrize(("known", "asked"), [(USER, 1), ("another", 2)])
async def test_of_many_channels_the_user_of_the_mailbox_is_not_read_twice(
    given, cloud, known, asked
):
    """A user who was already read by the mailbox's address is not read again by id.

    If the address belongs to another user, the id is read.
    """
    cloud.on("GET /users/support@contoso.com", {"id": USER}).on("GET /users/another", {"id": known})
    ctx = given(facts={"user_id": known})
    ctx.many = True
    await Sessions().inspect(ctx)
    assert len(cloud.asked) == asked
    assert cloud.asked[-1][0].endswith("support@contoso.com" if known == USER else "another")


CREATED = {"createdDateTime": "2026-01-01T00:00:00Z", "displayName": "P"}
CHANGED = BLOCKS | CREATED | {"modifiedDateTime": "2026-11-25T08:00:00Z"}
PLACES = CHANGED | conditions(locations={"includeLocations": ["All"]})
LOGGED_IN = Finding("smtp_login", OK)


def answered(at: datetime, **more: Any) -> Finding:
    """Return the finding of an answer that was sent at that time."""
    return Finding("answers", OK, signals=Signals(at=at, **more))


def at(hour: int) -> Finding:
    """Return the finding of an answer that was sent at that hour of the policy's change."""
    return answered(datetime(2026, 11, 25, hour, tzinfo=UTC))


def left(minutes: float, **more: Any) -> Finding:
    """Return the finding of an answer that was sent so many minutes ago."""
    return answered(now() - timedelta(minutes=minutes), **more)


def signed(cause: str) -> Finding:
    """Return the finding of a sign-in that failed for this cause."""
    return Finding("sign_ins", WRONG, cause=cause)


def refused(cause: str) -> Finding:
    """Return the finding of a login to the mailbox that was refused for this cause."""
    return Finding("smtp_login", WRONG, cause=cause)


RULES, DEFAULTS, POLICY = "conditional_access", "security_defaults", "authentication_policy"
OFF = "smtp_auth_off_for_mailbox"


@pytest.mark.parametrize(
    ("name", "policy", "other", "possible", "causes"),
    [
        (RULES, CHANGED, lambda: LOGGED_IN, False, ()),
        (RULES, CHANGED, lambda: at(10), False, ()),
        (RULES, CHANGED, lambda: at(9), True, ()),
        (RULES, BLOCKS, lambda: at(10), True, ()),
        (RULES, PLACES, lambda: LOGGED_IN, True, ()),
        (RULES, PLACES, lambda: at(10), False, ()),
        (RULES, CHANGED, lambda: signed("blocked_by_conditional_access"), False, (RULES,)),
        (RULES, CHANGED, lambda: signed("client_secret_expired"), True, ("sign_ins",)),
        (DEFAULTS, None, lambda: LOGGED_IN, False, ()),
        (DEFAULTS, None, lambda: refused("blocked_by_security_defaults"), False, (DEFAULTS,)),
        (DEFAULTS, None, lambda: signed("blocked_by_security_defaults"), False, (DEFAULTS,)),
        (DEFAULTS, None, lambda: refused(OFF), True, ("smtp_login",)),
        (POLICY, None, lambda: LOGGED_IN, False, ()),
        (POLICY, None, lambda: left(20), False, ()),
        (POLICY, None, lambda: left(20, unanswered=now()), True, ()),
        (POLICY, None, lambda: left(90), True, ()),
        (POLICY, None, lambda: Finding("smtp_login", SKIPPED), True, ()),
        (POLICY, None, lambda: refused("smtp_login_blocked"), False, (POLICY,)),
        (POLICY, None, lambda: refused(OFF), True, ("smtp_login",)),
    ],
)
async def test_what_tries_a_policy(cloud, given, name, policy, other, possible, causes):
    """A successful login, or an answer after the last change of a policy, clears the policy.

    A sign-in or a login that the policy blocked makes it the cause. Microsoft's documents do not
    say whether security defaults or an authentication policy stop this login, so it decides.
    """
    cloud.on("GET /identity/conditionalAccess/policies", [policy])
    cloud.on("GET /policies/identitySecurityDefaultsEnforcementPolicy", {"isEnabled": True})
    cloud.on("Get-User", [{"AuthenticationPolicy": "Strict"}]).on("Get-OrganizationConfig", [{}])
    cloud.on("Get-AuthenticationPolicy", [{"Name": "Strict", "AllowBasicAuthSmtp": False}])
    steps = {**all_probes(), **all_steps()}
    found = await steps[name].inspect(given(facts={"user_id": USER}))
    verdict = judge(steps, {name: found, other().step: other()})
    assert (verdict.possible, verdict.causes) == ((name,) if possible else (), causes)


@pytest.mark.parametrize(("policies", "asked"), [([], 1), ([{"Name": "Strict"}], 4)])
async def test_of_many_channels_no_user_is_read_without_any_policy(cloud, given, policies, asked):
    """If an organization has no authentication policy, its users are not read.

    With a policy, everything is read.
    """
    cloud.on("Get-AuthenticationPolicy", policies)
    cloud.on("Get-User", [{"AuthenticationPolicy": "Strict"}]).on("Get-OrganizationConfig", [{}])
    ctx = given()
    ctx.many = True
    assert (await all_probes()["authentication_policy"].inspect(ctx)).state is OK
    assert len(cloud.asked) == asked


HELD = [
    ExchangeRow({"SenderAddress": "other@contoso.com"}),
    ExchangeRow({"SenderAddress": "Support@Contoso.com", "Reason": "OutboundSpam"}),
]


@pytest.mark.parametrize(
    ("rows", "state", "evidence"),
    [(HELD, WRONG, (Evidence("exchange", "OutboundSpam"),)), (HELD[:1], OK, ()), ([], OK, ())],
)
async def test_a_sender_that_exchange_holds(cloud, given, rows, state, evidence):
    """A blocked sender counts only if it is the mailbox's address, in any letter case."""
    cloud.on("Get-BlockedSenderAddress", rows)
    found = await all_probes()["restricted_sender"].inspect(given())
    assert (found.state, found.evidence) == (state, evidence)


async def test_who_may_not_read_them_is_told_so(cloud, given):
    """If the bot may not read the blocked senders, the probe is skipped without an alarm."""
    cloud.refuse("Get-BlockedSenderAddress", 403)
    found = await all_probes()["restricted_sender"].inspect(given())
    assert (found.state, found.seen) == (SKIPPED, Text("skipped.restricted_sender"))


APPLIES = "seen.authentication_policy"
STRICT = [{"Name": "Strict", "AllowBasicAuthSmtp": False}]
OPEN = {"Name": "Open", "AllowBasicAuthSmtp": True}
FORBIDS = Text("seen.authentication_policy_basic", {"name": "Strict"})


@pytest.mark.parametrize(
    ("user", "organization", "policies", "state", "seen"),
    [
        (None, None, [], OK, Text("seen.no_authentication_policy")),
        ("Strict", "Default", STRICT, POSSIBLE, FORBIDS),
        (None, "Strict", STRICT, POSSIBLE, FORBIDS),
        ("Open", "Strict", [*STRICT, OPEN], OK, Text(APPLIES, {"name": "Open"})),
        (None, "Gone", [], OK, Text(APPLIES, {"name": "Gone"})),
    ],
)
def test_which_authentication_policy_applies(
    cloud, given, user, organization, policies, state, seen
):
    """The user's own policy applies before the organization's.

    A policy that forbids passwords only for SMTP may stop this login (platforms/microsoft.md 2.1).
    """
    cloud.on("Get-User", [{"AuthenticationPolicy": user}])
    cloud.on("Get-OrganizationConfig", [{"DefaultAuthenticationPolicy": organization}])
    cloud.on("Get-AuthenticationPolicy", policies)
    found = look("authentication_policy", given())
    assert (found.state, found.seen) == (state, seen)


SP = "aaaaaaaa-0000-4000-8000-0000000000a1"
MAIL_SEND = "bbbbbbbb-0000-4000-8000-0000000000b2"
FULL_ID, NOTHING = "dc890d15-9560-4a4c-9b7f-a736ec74ec40", "00000000-0000-0000-0000-000000000000"
NAME = "Office 365 Exchange Online"
FULL = {"appRoleId": FULL_ID, "resourceDisplayName": NAME}
FORM = {"scope": "SMTP.Send offline_access openid profile"}
SENDS = {"appRoleId": MAIL_SEND.upper(), "resourceDisplayName": NAME}
READS = {"scope": "Mail.ReadWrite SMTP.Send"}
LEAST, ARTICLE = Profile.LEAST, Profile.ARTICLE


@pytest.mark.parametrize(
    ("profile", "grants", "roles", "more"),
    [
        (LEAST, [FORM], [], ()),
        (ARTICLE, [FORM, {"scope": " User.Read  EMAIL "}], [SENDS], ()),
        (LEAST, [FORM], [{"appRoleId": NOTHING}], ()),
        (LEAST, [FORM], [SENDS], (f"{NAME} {MAIL_SEND.upper()}",)),
        (ARTICLE, [FORM], [SENDS, FULL], (f"{NAME} {FULL_ID}",)),
        (ARTICLE, [READS, {"scope": None}], [], ("Mail.ReadWrite",)),
        (ARTICLE, [READS], [{"appRoleId": "x"}], ("API x", "Mail.ReadWrite")),
    ],
)
def test_what_is_beyond_need(cloud, given, channel, profile, grants, roles, more):
    """Permissions beyond the profile's needs are named, except those that every new app gets."""
    cloud.on("GET /oauth2PermissionGrants", grants)
    cloud.on(f"GET /servicePrincipals/{SP}/appRoleAssignments", roles)
    facts = {"sp_id": SP, "mail_send": MAIL_SEND}
    ctx = given(channel=replace(channel, profile=profile), facts=facts)
    found = asyncio.run(Surplus().inspect(ctx))
    named = Text("seen.surplus", {"names": ", ".join(more), "count": str(len(more))})
    warned = Finding("surplus", State.WARNING, seen=named, expected=Text("expected.surplus"))
    assert found == (warned if more else Finding("surplus", State.OK, seen=Text("seen.no_surplus")))
