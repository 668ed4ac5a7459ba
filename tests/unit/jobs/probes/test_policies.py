"""Tests of policies and revoked sessions: which of them affect the channel."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from jobs.checks.verdict import judge
from jobs.clock import now
from jobs.clouds.rate_limit import ReadCache
from jobs.engine.context import StepContext
from jobs.microsoft.exchange import ExchangeRow
from jobs.microsoft.graph import EXCHANGE_APP_ID
from jobs.model import Evidence, Finding, Signals, State, Text
from jobs.probes import all_probes
from jobs.probes.conditional_access import Sessions, touches
from jobs.runs.run import Brief
from jobs.steps import all_steps

USER = "aaaaaaaa-0000-4000-8000-00000000000a"
CONDITIONS = {
    "users": {"includeUsers": ["All"]},
    "applications": {"includeApplications": [EXCHANGE_APP_ID]},
}
BLOCKS = {
    "state": "enabled",
    "conditions": CONDITIONS,
    "grantControls": {"builtInControls": ["block"]},
}
FILTER = {"mode": "include", "rule": 'CustomSecurityAttribute.Apps_Kind -eq "mail"'}
OFTEN = {"signInFrequency": {"isEnabled": True, "type": "hours", "value": 1}}


def conditions(**more: Any) -> dict[str, Any]:
    """Return the blocking policy with other conditions."""
    return BLOCKS | {"conditions": CONDITIONS | more}


@pytest.mark.parametrize(
    ("policy", "touched"),
    [
        (BLOCKS, True),
        (BLOCKS | {"state": "enabledForReportingButNotEnforced"}, False),
        (BLOCKS | {"grantControls": None}, False),
        (BLOCKS | {"grantControls": None, "sessionControls": OFTEN}, True),
        (
            BLOCKS
            | {"grantControls": None, "sessionControls": {"signInFrequency": {"isEnabled": False}}},
            False,
        ),
        (conditions(clientAppTypes=["all"]), True),
        (conditions(clientAppTypes=["browser", "mobileAppsAndDesktopClients"]), True),
        (conditions(clientAppTypes=["exchangeActiveSync", "other"]), False),
        (conditions(clientAppTypes=None), True),
        (conditions(users={"includeUsers": ["All"], "excludeUsers": [USER.upper()]}), False),
        (conditions(users={"includeUsers": [USER.upper()]}), True),
        (conditions(applications={"includeApplications": ["Office365"]}), True),
        (conditions(applications={"includeApplications": ["another-app"]}), False),
        (conditions(authenticationFlows={"transferMethods": "deviceCodeFlow"}), False),
        (
            conditions(
                authenticationFlows={"transferMethods": "deviceCodeFlow, authenticationTransfer"}
            ),
            False,
        ),
        (conditions(authenticationFlows={"transferMethods": "none"}), True),
        (conditions(authenticationFlows={"transferMethods": None}), True),
        (conditions(authenticationFlows=None), True),
        (conditions(applications={"includeApplications": [], "applicationFilter": FILTER}), True),
        (
            conditions(
                applications={
                    "includeApplications": [],
                    "applicationFilter": FILTER,
                    "excludeApplications": ["Office365"],
                }
            ),
            False,
        ),
        (
            conditions(
                applications={"includeApplications": ["another-app"], "applicationFilter": None}
            ),
            False,
        ),
        (
            conditions(
                applications={"includeApplications": ["All"], "excludeApplications": ["Office365"]}
            ),
            False,
        ),
        (
            conditions(
                applications={
                    "includeApplications": ["All"],
                    "excludeApplications": [EXCHANGE_APP_ID.upper()],
                }
            ),
            False,
        ),
        (
            conditions(
                applications={
                    "includeApplications": ["All"],
                    "excludeApplications": ["another-app"],
                }
            ),
            True,
        ),
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
        ("2026-11-20T10:00:00", State.OK),
        ("2026-11-24T10:00:00.0000000Z", State.WRONG),
        ("0001-01-01T00:00:00+01:00", State.SKIPPED),
        (None, State.SKIPPED),
    ],
)
async def test_a_moment_with_or_without_its_zone(
    cloud: Any, given: Callable[..., StepContext], valid_from: str | None, state: State
):
    """A time without a time zone is in UTC. A time outside of the calendar counts as missing."""
    cloud.on(
        "GET /users/support@contoso.com",
        {"id": USER, "signInSessionsValidFromDateTime": valid_from},
    )
    ctx = given(brief=Brief(token_at=datetime(2026, 11, 22, 10, tzinfo=UTC)))
    assert (await Sessions().inspect(ctx)).state is state


@pytest.mark.parametrize("shared", ["yes", "unknown"])
async def test_the_sessions_of_a_shared_mailbox_s_own_account_say_nothing(
    given: Callable[..., StepContext], cloud: Any, shared: str
):
    """For a shared mailbox the sessions of its own account are not read.

    Another user got the token.
    """
    found = await Sessions().inspect(given(facts={"user_id": USER, "shared": shared}))
    assert (found.state, found.seen, cloud.asked) == (
        State.SKIPPED,
        Text("skipped.delegate_unknown"),
        [],
    )


async def test_the_sessions_are_those_of_the_user_who_was_found(
    given: Callable[..., StepContext], cloud: Any
):
    """Sessions are read by object id, because the directory may not know the mailbox's address."""
    cloud.on(f"GET /users/{USER}", {"id": USER})
    await Sessions().inspect(given(facts={"user_id": USER}))
    assert [what for what, _ in cloud.asked if what.startswith("GET /users/")] == [
        f"GET /users/{USER}"
    ]


@pytest.mark.parametrize(("known", "asked"), [(USER, 1), ("another", 2)])
async def test_of_many_channels_the_user_of_the_mailbox_is_not_read_twice(
    given: Callable[..., StepContext], cloud: Any, known: str, asked: int
):
    """A user who was already read by the mailbox's address is not read again by id.

    If the address belongs to another user, the id is read.
    """
    cloud.on("GET /users/support@contoso.com", {"id": USER}).on("GET /users/another", {"id": known})
    ctx = given(facts={"user_id": known})
    ctx.reads = ReadCache()
    await Sessions().inspect(ctx)
    assert len(cloud.asked) == asked
    assert cloud.asked[-1][0].endswith("support@contoso.com" if known == USER else "another")


CHANGED = {
    "modifiedDateTime": "2026-11-25T08:00:00Z",
    "createdDateTime": "2026-01-01T00:00:00Z",
    "displayName": "P",
}
LOGGED_IN = Finding("smtp_login", State.OK)


def answered(hour: int) -> Finding:
    """Return the finding of an answer that was sent at that hour."""
    return Finding(
        "answers", State.OK, signals=Signals(at=datetime(2026, 11, 25, hour, tzinfo=UTC))
    )


def signed(cause: str) -> Finding:
    """Return the finding of a sign-in that failed for this cause."""
    return Finding("sign_ins", State.WRONG, cause=cause)


@pytest.mark.parametrize(
    ("policy", "other", "possible", "causes"),
    [
        (BLOCKS | CHANGED, LOGGED_IN, (), ()),
        (BLOCKS | CHANGED, answered(10), (), ()),
        (BLOCKS | CHANGED, answered(9), ("conditional_access",), ()),
        (BLOCKS, answered(10), ("conditional_access",), ()),
        (
            conditions(locations={"includeLocations": ["All"]}) | CHANGED,
            LOGGED_IN,
            ("conditional_access",),
            (),
        ),
        (conditions(locations={"includeLocations": ["All"]}) | CHANGED, answered(10), (), ()),
        (BLOCKS | CHANGED, signed("blocked_by_conditional_access"), (), ("conditional_access",)),
        (BLOCKS | CHANGED, signed("client_secret_expired"), ("conditional_access",), ("sign_ins",)),
    ],
)
async def test_a_policy_is_tried(
    cloud: Any,
    given: Callable[..., StepContext],
    policy: dict[str, Any],
    other: Finding,
    possible: tuple[str, ...],
    causes: tuple[str, ...],
):
    """A successful login, or an answer after the last change of a policy, clears the policy.

    A sign-in that the policy blocked makes it the cause.
    """
    cloud.on("GET /identity/conditionalAccess/policies", [policy])
    found = await all_probes()["conditional_access"].inspect(given(facts={"user_id": USER}))
    verdict = judge(all_probes(), {"conditional_access": found, other.step: other})
    assert (verdict.possible, verdict.causes) == (possible, causes)


@pytest.mark.parametrize(
    ("other", "possible", "causes"),
    [
        (LOGGED_IN, (), ()),
        (
            Finding("smtp_login", State.WRONG, cause="blocked_by_security_defaults"),
            (),
            ("security_defaults",),
        ),
        (signed("blocked_by_security_defaults"), (), ("security_defaults",)),
        (
            Finding("smtp_login", State.WRONG, cause="smtp_auth_off_for_mailbox"),
            ("security_defaults",),
            ("smtp_login",),
        ),
    ],
)
async def test_security_defaults_are_tried(
    cloud: Any,
    given: Callable[..., StepContext],
    other: Finding,
    possible: tuple[str, ...],
    causes: tuple[str, ...],
):
    """The login shows whether the security defaults are the cause.

    Microsoft's documents do not say whether the security defaults stop this login.
    """
    cloud.on("GET /policies/identitySecurityDefaultsEnforcementPolicy", {"isEnabled": True})
    steps = {**all_probes(), **all_steps()}
    found = await steps["security_defaults"].inspect(given())
    verdict = judge(steps, {"security_defaults": found, other.step: other})
    assert (verdict.possible, verdict.causes) == (possible, causes)


def left(minutes: float, **more: str) -> Finding:
    """Return the finding of an answer that was sent so many minutes ago."""
    return Finding(
        "answers", State.OK, signals=Signals(at=now() - timedelta(minutes=minutes), **more)
    )


def refused(cause: str) -> Finding:
    """Return the finding of a login to the mailbox that was refused for this cause."""
    return Finding("smtp_login", State.WRONG, cause=cause)


@pytest.mark.parametrize(
    ("other", "possible", "causes"),
    [
        (lambda: LOGGED_IN, (), ()),
        (lambda: left(20), (), ()),
        (lambda: left(20, unanswered=now()), ("authentication_policy",), ()),
        (lambda: left(90), ("authentication_policy",), ()),
        (lambda: Finding("smtp_login", State.SKIPPED), ("authentication_policy",), ()),
        (lambda: refused("smtp_login_blocked"), (), ("authentication_policy",)),
        (lambda: refused("smtp_auth_off_for_mailbox"), ("authentication_policy",), ("smtp_login",)),
    ],
)
async def test_an_authentication_policy_is_tried(
    cloud: Any,
    given: Callable[..., StepContext],
    other: Callable[[], Finding],
    possible: tuple[str, ...],
    causes: tuple[str, ...],
):
    """A login shows whether an authentication policy is the cause.

    An answer that was sent just now clears the policy. Otherwise the policy stays possible.
    """
    cloud.on("Get-User", [{"AuthenticationPolicy": "Strict"}]).on("Get-OrganizationConfig", [{}])
    cloud.on("Get-AuthenticationPolicy", [{"Name": "Strict", "AllowBasicAuthSmtp": False}])
    found = await all_probes()["authentication_policy"].inspect(given())
    verdict = judge(all_probes(), {"authentication_policy": found, other().step: other()})
    assert (verdict.possible, verdict.causes) == (possible, causes)


@pytest.mark.parametrize(("policies", "asked"), [([], 1), ([{"Name": "Strict"}], 4)])
async def test_of_many_channels_no_user_is_read_without_any_policy(
    cloud: Any, given: Callable[..., StepContext], policies: list[dict[str, Any]], asked: int
):
    """If an organization has no authentication policy, its users are not read.

    With a policy, everything is read.
    """
    cloud.on("Get-AuthenticationPolicy", policies)
    cloud.on("Get-User", [{"AuthenticationPolicy": "Strict"}]).on("Get-OrganizationConfig", [{}])
    ctx = given()
    ctx.reads = ReadCache()
    assert (await all_probes()["authentication_policy"].inspect(ctx)).state is State.OK
    assert len(cloud.asked) == asked


HELD = [
    ExchangeRow({"SenderAddress": "other@contoso.com"}),
    ExchangeRow({"SenderAddress": "Support@Contoso.com", "Reason": "OutboundSpam"}),
]


@pytest.mark.parametrize(
    ("rows", "state", "evidence"),
    [
        (HELD, State.WRONG, (Evidence("exchange", "OutboundSpam"),)),
        (HELD[:1], State.OK, ()),
        ([], State.OK, ()),
    ],
)
async def test_a_sender_that_exchange_holds(
    cloud: Any,
    given: Callable[..., StepContext],
    rows: list[ExchangeRow],
    state: State,
    evidence: tuple[Evidence, ...],
):
    """A blocked sender counts only if it is the mailbox's address, in any letter case."""
    cloud.on("Get-BlockedSenderAddress", rows)
    found = await all_probes()["restricted_sender"].inspect(given())
    assert (found.state, found.evidence) == (state, evidence)


@pytest.mark.parametrize("status", [400, 403, 404])
async def test_who_may_not_read_them_is_told_so(
    cloud: Any, given: Callable[..., StepContext], status: int
):
    """If the bot may not read the blocked senders, the probe is skipped without an alarm."""
    cloud.refuse("Get-BlockedSenderAddress", status)
    found = await all_probes()["restricted_sender"].inspect(given())
    assert (found.state, found.seen) == (State.SKIPPED, Text("skipped.restricted_sender"))
