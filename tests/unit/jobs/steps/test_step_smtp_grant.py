"""E5: ``SMTP.Send`` for the one mailbox user."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from jobs.model import Change, Finding, Scope, State, Words
from jobs.step import Context
from jobs.steps.smtp_grant import SmtpGrant

STEP = SmtpGrant()
READ, MAKE = "GET /oauth2PermissionGrants", "POST /oauth2PermissionGrants"
FACTS = {"sp_id": "sp-1", "exchange_sp_id": "exchange-sp", "graph_sp_id": "graph-sp", "user_id": "user-1", "upn": "support@contoso.com"}
SMTP = {"id": "g1", "resourceId": "exchange-sp", "principalId": "user-1", "scope": "SMTP.Send"}
SIGN_IN = {"id": "g2", "resourceId": "graph-sp", "principalId": "user-1", "scope": "openid profile offline_access"}
HOLDS = Finding("smtp_grant", State.OK, seen=Words("seen.smtp_grant", {"user": "support@contoso.com"}))
MISSES = Finding("smtp_grant", State.WRONG, seen=Words("seen.none"), expected=Words("expected.smtp_grant"), cause="consent_missing")


@pytest.mark.parametrize(
    ("grants", "found"),
    [
        ([SMTP, SIGN_IN], HOLDS),
        ([SMTP | {"principalId": None}, SIGN_IN | {"principalId": ""}], HOLDS),
        ([SMTP, SIGN_IN | {"scope": "openid"}, SIGN_IN | {"principalId": None, "scope": "profile offline_access"}], HOLDS),
        ([SMTP | {"resourceId": "EXCHANGE-SP", "principalId": "USER-1", "scope": "smtp.send"}, SIGN_IN], HOLDS),
        ([{"resourceId": "exchange-sp", "scope": "SMTP.Send"}, SIGN_IN], HOLDS),
        ([SMTP], MISSES),
        ([SMTP | {"principalId": "user-2"}, SIGN_IN], MISSES),
        ([SMTP | {"scope": None}, SIGN_IN], MISSES),
        ([], MISSES),
    ],
)
async def test_grants_for_the_user_or_for_everybody_count(given: Callable[..., Context], cloud: Any, grants: list[object], found: Finding):
    """Both resources, and all scopes of each, in one grant or in several."""
    cloud.on(READ, grants)
    assert replace(await STEP.inspect(given(facts=FACTS)), values={}) == found


@pytest.mark.parametrize(("grants", "found"), [([SMTP], HOLDS), ([SIGN_IN], MISSES)])
async def test_a_check_asks_for_no_more_than_mail_needs(given: Callable[..., Context], cloud: Any, grants: list[object], found: Finding):
    """What a sign-in needs is normally implied; a setup grants it all the same."""
    cloud.on(READ, grants)
    assert replace(await STEP.inspect(given(facts=FACTS, kind="check")), values={}) == found


@pytest.mark.parametrize("shared", ["yes", "unknown"])
async def test_a_delegate_s_grant_counts_for_a_shared_mailbox(given: Callable[..., Context], cloud: Any, shared: str):
    """Webex Connect takes another login for it, whom the bot does not know: the app's grant for anybody will do."""
    cloud.on(READ, [SMTP | {"principalId": "user-2"}, SIGN_IN | {"principalId": "user-2"}])
    found = await STEP.inspect(given(facts=FACTS | {"shared": shared}))
    assert (found.state, found.seen) == (State.OK, Words("seen.smtp_grant_delegate", {"user": "support@contoso.com"}))


async def test_the_users_own_scopes_are_written_down(given: Callable[..., Context], cloud: Any):
    """For an undo, and in one order; a grant for everybody is not the bot's."""
    cloud.on(READ, [SMTP | {"principalId": None}, SIGN_IN])
    assert (await STEP.inspect(given(facts=FACTS))).values == {"exchange": "", "graph": "offline_access openid profile"}


async def test_two_grants_are_made(given: Callable[..., Context], cloud: Any):
    """One a resource, for one principal."""
    cloud.on(READ, [])
    ctx = given(facts=FACTS)
    words = Words("step.smtp_grant"), Words("seen.none"), Words("after.smtp_grant", {"user": "support@contoso.com"})
    command = "Graph POST /oauth2PermissionGrants, consentType Principal, scope SMTP.Send"
    assert STEP.plan(ctx, MISSES) == (Change("smtp_grant", "E5", *words, Scope.APP, command),)
    await STEP.apply(ctx, MISSES)
    both = {"clientId": "sp-1", "consentType": "Principal", "principalId": "user-1"}
    assert cloud.writes == [
        (MAKE, both | {"resourceId": "exchange-sp", "scope": "SMTP.Send"}),
        (MAKE, both | {"resourceId": "graph-sp", "scope": "offline_access openid profile"}),
    ]


async def test_a_grant_that_is_there_is_merged_into(given: Callable[..., Context], cloud: Any):
    """A PATCH replaces the scopes, so those that are there go with it."""
    cloud.on(READ, [SMTP | {"scope": "IMAP.AccessAsUser.All"}, SIGN_IN])
    await STEP.apply(given(facts=FACTS), MISSES)
    assert cloud.writes == [("PATCH /oauth2PermissionGrants/g1", {"scope": "IMAP.AccessAsUser.All SMTP.Send"})]


async def test_an_earlier_try_of_ours_is_no_error(given: Callable[..., Context], cloud: Any):
    """A grant that exists but does not show yet counts as made; inspect decides."""
    cloud.on(READ, [SIGN_IN]).refuse(MAKE, 409, "Request_MultipleObjectsWithSameKeyValue", "already exists")
    await STEP.apply(given(facts=FACTS), MISSES)
    assert [what for what, _ in cloud.writes] == [MAKE]
