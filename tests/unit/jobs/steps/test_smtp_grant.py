"""E5: ``SMTP.Send`` for the one mailbox user."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from jobs.engine.context import StepContext
from jobs.model import Change, Finding, Scope, State, Text
from jobs.runs.run import RecordedChange
from jobs.steps.smtp_grant import SmtpGrant

STEP = SmtpGrant()
READ, MAKE = "GET /oauth2PermissionGrants", "POST /oauth2PermissionGrants"
FACTS = {
    "sp_id": "sp-1",
    "exchange_sp_id": "exchange-sp",
    "graph_sp_id": "graph-sp",
    "user_id": "user-1",
    "upn": "support@contoso.com",
}
SMTP = {"id": "g1", "resourceId": "exchange-sp", "principalId": "user-1", "scope": "SMTP.Send"}
SIGN_IN = {
    "id": "g2",
    "resourceId": "graph-sp",
    "principalId": "user-1",
    "scope": "openid profile offline_access",
}
HOLDS = Finding(
    "smtp_grant", State.OK, seen=Text("seen.smtp_grant", {"user": "support@contoso.com"})
)
MISSES = Finding(
    "smtp_grant",
    State.WRONG,
    seen=Text("seen.none"),
    expected=Text("expected.smtp_grant"),
    cause="consent_missing",
)


@pytest.mark.parametrize(
    ("grants", "found"),
    [
        ([SMTP, SIGN_IN], HOLDS),
        ([SMTP | {"principalId": None}, SIGN_IN | {"principalId": ""}], HOLDS),
        (
            [
                SMTP,
                SIGN_IN | {"scope": "openid"},
                SIGN_IN | {"principalId": None, "scope": "profile offline_access"},
            ],
            HOLDS,
        ),
        (
            [
                SMTP | {"resourceId": "EXCHANGE-SP", "principalId": "USER-1", "scope": "smtp.send"},
                SIGN_IN,
            ],
            HOLDS,
        ),
        ([{"resourceId": "exchange-sp", "scope": "SMTP.Send"}, SIGN_IN], HOLDS),
        ([SMTP], MISSES),
        ([SMTP | {"principalId": "user-2"}, SIGN_IN], MISSES),
        ([SMTP | {"scope": None}, SIGN_IN], MISSES),
        ([], MISSES),
    ],
)
async def test_grants_for_the_user_or_for_everybody_count(
    given: Callable[..., StepContext], cloud: Any, grants: list[object], found: Finding
):
    """Both resources, and all scopes of each, in one grant or in several."""
    cloud.on(READ, grants)
    assert replace(await STEP.inspect(given(facts=FACTS)), values={}) == found


@pytest.mark.parametrize(("grants", "found"), [([SMTP], HOLDS), ([SIGN_IN], MISSES)])
async def test_a_check_asks_for_no_more_than_mail_needs(
    given: Callable[..., StepContext], cloud: Any, grants: list[object], found: Finding
):
    """A check does not require the sign-in scopes, which are normally implied; a setup grants them."""
    cloud.on(READ, grants)
    assert replace(await STEP.inspect(given(facts=FACTS, kind="check")), values={}) == found


@pytest.mark.parametrize("shared", ["yes", "unknown"])
async def test_a_delegate_s_grant_counts_for_a_shared_mailbox(
    given: Callable[..., StepContext], cloud: Any, shared: str
):
    """Any user's grant counts for a shared mailbox, because the bot does not know who signs in."""
    cloud.on(READ, [SMTP | {"principalId": "user-2"}, SIGN_IN | {"principalId": "user-2"}])
    found = await STEP.inspect(given(facts=FACTS | {"shared": shared}))
    assert (found.state, found.seen) == (
        State.OK,
        Text("seen.smtp_grant_delegate", {"user": "support@contoso.com"}),
    )


OWN_ALONE = [SMTP, SIGN_IN]
OF_ALL = [SMTP | {"id": "g3", "principalId": None}, SIGN_IN | {"id": "g4", "principalId": None}]
NONE_OF_ALL = {"exchange": "", "graph": "", "of_all": "yes"}
OF_DELEGATE = [SMTP | {"principalId": "user-2"}, SIGN_IN | {"principalId": "user-2"}]


@pytest.mark.parametrize("kind", ["setup", "fix"])
@pytest.mark.parametrize(
    ("shared", "grants", "state"),
    [
        ("blocked", OWN_ALONE, State.WRONG),
        ("blocked", OF_ALL, State.OK),
        ("blocked", OF_DELEGATE, State.OK),
        ("yes", OWN_ALONE, State.OK),
        ("yes", [], State.WRONG),
    ],
)
async def test_a_grant_for_an_account_that_cannot_sign_in_is_none(
    given: Callable[..., StepContext],
    cloud: Any,
    kind: str,
    shared: str,
    grants: list[object],
    state: State,
):
    """A setup and a fix look for one that a delegate can use."""
    cloud.on(READ, grants)
    assert (await STEP.inspect(given(facts=FACTS | {"shared": shared}, kind=kind))).state is state


async def test_for_a_shared_mailbox_it_is_for_whoever_signs_in(
    given: Callable[..., StepContext], cloud: Any
):
    """A shared mailbox gets a grant for all users, because the bot does not know who signs in."""
    cloud.on(READ, [SMTP])
    ctx = given(facts=FACTS | {"shared": "blocked"})
    found = await STEP.inspect(ctx)
    assert (found.state, found.values) == (State.WRONG, NONE_OF_ALL)
    (line,) = STEP.plan(ctx, found)
    told = (line.scope, line.reversible, line.after, line.note)
    assert told == (
        Scope.TENANT,
        True,
        Text("after.smtp_grant_shared"),
        Text("note.smtp_grant_shared", {"mailbox": "support@contoso.com"}),
    )
    assert "consentType AllPrincipals" in line.command
    await STEP.apply(ctx, found)
    both = {"clientId": "sp-1", "consentType": "AllPrincipals"}
    assert cloud.writes == [
        (MAKE, both | {"resourceId": "exchange-sp", "scope": "SMTP.Send"}),
        (MAKE, both | {"resourceId": "graph-sp", "scope": "offline_access openid profile"}),
    ]


async def test_an_undo_takes_the_grant_for_all_users_back(
    given: Callable[..., StepContext], cloud: Any
):
    """An undo removes the grant for all users, as the run recorded it, and keeps every user's own."""
    cloud.on(READ, [SMTP, *OF_ALL])
    was, left = (
        NONE_OF_ALL,
        NONE_OF_ALL | {"exchange": "SMTP.Send", "graph": "offline_access openid profile"},
    )
    line = Change("smtp_grant", "E5", Text("a"), Text("b"), Text("c"), Scope.TENANT, "x")
    past, ctx = (
        RecordedChange("smtp_grant", line, Text("b"), was, left, ("R1",)),
        given(facts=FACTS, kind="undo"),
    )
    assert (
        (await STEP.inspect_undo(ctx, past)).state,
        STEP.undo_command(ctx, past).split()[1],
    ) == (
        State.WRONG,
        "DELETE",
    )
    await STEP.undo(ctx, past)
    assert {what for what, _ in cloud.writes} == {
        "DELETE /oauth2PermissionGrants/g3",
        "DELETE /oauth2PermissionGrants/g4",
    }


async def test_the_users_own_scopes_are_written_down(given: Callable[..., StepContext], cloud: Any):
    """The user's own scopes are recorded for an undo, in a fixed order; a grant for all users is not."""
    cloud.on(READ, [SMTP | {"principalId": None}, SIGN_IN])
    assert (await STEP.inspect(given(facts=FACTS))).values == {
        "exchange": "",
        "graph": "offline_access openid profile",
    }


async def test_two_grants_are_made(given: Callable[..., StepContext], cloud: Any):
    """One a resource, for one principal."""
    cloud.on(READ, [])
    ctx = given(facts=FACTS)
    words = (
        Text("step.smtp_grant"),
        Text("seen.none"),
        Text("after.smtp_grant", {"user": "support@contoso.com"}),
    )
    command = "Graph POST /oauth2PermissionGrants, consentType Principal, scope SMTP.Send"
    assert STEP.plan(ctx, MISSES) == (Change("smtp_grant", "E5", *words, Scope.APP, command),)
    await STEP.apply(ctx, MISSES)
    both = {"clientId": "sp-1", "consentType": "Principal", "principalId": "user-1"}
    assert cloud.writes == [
        (MAKE, both | {"resourceId": "exchange-sp", "scope": "SMTP.Send"}),
        (MAKE, both | {"resourceId": "graph-sp", "scope": "offline_access openid profile"}),
    ]


async def test_a_grant_that_is_there_is_merged_into(given: Callable[..., StepContext], cloud: Any):
    """A PATCH replaces the scopes, so those that are there go with it."""
    cloud.on(READ, [SMTP | {"scope": "IMAP.AccessAsUser.All"}, SIGN_IN])
    await STEP.apply(given(facts=FACTS), MISSES)
    assert cloud.writes == [
        ("PATCH /oauth2PermissionGrants/g1", {"scope": "IMAP.AccessAsUser.All SMTP.Send"})
    ]


async def test_an_earlier_try_of_ours_is_no_error(given: Callable[..., StepContext], cloud: Any):
    """A grant that exists but does not show yet counts as made; inspect decides."""
    cloud.on(READ, [SIGN_IN]).refuse(
        MAKE, 409, "Request_MultipleObjectsWithSameKeyValue", "already exists"
    )
    await STEP.apply(given(facts=FACTS), MISSES)
    assert [what for what, _ in cloud.writes] == [MAKE]
