"""Article row E5: ``SMTP.Send`` for the one mailbox user."""

from __future__ import annotations

from dataclasses import replace

import pytest

from jobs.model import Change, Finding, Reason, Scope, State, Text
from jobs.runs.run import RecordedChange
from jobs.steps.service_principal import SmtpGrant
from tests.unit.jobs.conftest import Cloud, Given

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
    reason=Reason.ABSENT,
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
    given: Given, cloud: Cloud, grants: list[object], found: Finding
):
    """Grants for the user or for all users count, in one grant or in several.

    All scopes of Exchange and of the sign-in must be granted.
    """
    cloud.on(READ, grants)
    assert replace(await STEP.inspect(given(facts=FACTS)), values={}) == found


@pytest.mark.parametrize(("grants", "found"), [([SMTP], HOLDS), ([SIGN_IN], MISSES)])
async def test_a_check_asks_for_no_more_than_mail_needs(
    given: Given, cloud: Cloud, grants: list[object], found: Finding
):
    """A check does not require the sign-in scopes, which are normally implied.

    A setup grants them.
    """
    cloud.on(READ, grants)
    assert replace(await STEP.inspect(given(facts=FACTS, kind="check")), values={}) == found


@pytest.mark.parametrize("shared", ["yes", "unknown"])
async def test_any_grant_counts_while_the_delegate_is_not_known(
    given: Given, cloud: Cloud, shared: str
):
    """If a check does not know the delegate of a shared mailbox, any user's grant counts."""
    cloud.on(READ, OF_DELEGATE)
    found = await STEP.inspect(given(facts=FACTS | {"shared": shared}, kind="check"))
    assert (found.state, found.seen) == (
        State.OK,
        Text("seen.smtp_grant_delegate", {"user": "support@contoso.com"}),
    )


OWN_ALONE = [SMTP, SIGN_IN]
OF_ALL = [SMTP | {"id": "g3", "principalId": None}, SIGN_IN | {"id": "g4", "principalId": None}]
NONE_OF_ALL = {"exchange": "", "graph": "", "of_all": "yes"}
OF_DELEGATE = [SMTP | {"principalId": "user-2"}, SIGN_IN | {"principalId": "user-2"}]
DELEGATE = FACTS | {"shared": "blocked", "delegate": "agent@contoso.com", "delegate_id": "user-2"}
NONE_OF_DELEGATE = {"exchange": "", "graph": "", "principal": "user-2"}


@pytest.mark.parametrize("kind", ["setup", "fix", "check"])
@pytest.mark.parametrize(
    ("grants", "state"),
    [(OWN_ALONE, State.WRONG), (OF_ALL, State.OK), (OF_DELEGATE, State.OK), ([], State.WRONG)],
)
async def test_the_delegate_s_grant_counts_for_a_shared_mailbox(
    given: Given, cloud: Cloud, kind: str, grants: list[object], state: State
):
    """For a shared mailbox, a grant for the delegate or for all users counts.

    A grant for the mailbox's own account does not.
    """
    cloud.on(READ, grants)
    assert (await STEP.inspect(given(facts=DELEGATE, kind=kind))).state is state


async def test_for_a_shared_mailbox_it_is_for_the_delegate(given: Given, cloud: Cloud):
    """For a shared mailbox only the delegate gets the grant, and the record names the delegate."""
    cloud.on(READ, [SMTP])
    ctx = given(facts=DELEGATE)
    found = await STEP.inspect(ctx)
    assert (found.state, found.values) == (State.WRONG, NONE_OF_DELEGATE)
    (line,) = STEP.plan(ctx, found)
    assert (line.scope, line.after) == (
        Scope.APP,
        Text("after.smtp_grant", {"user": "agent@contoso.com"}),
    )
    await STEP.apply(ctx, found)
    both = {"clientId": "sp-1", "consentType": "Principal", "principalId": "user-2"}
    assert cloud.writes == [
        (MAKE, both | {"resourceId": "exchange-sp", "scope": "SMTP.Send"}),
        (MAKE, both | {"resourceId": "graph-sp", "scope": "offline_access openid profile"}),
    ]


def test_nothing_is_planned_for_a_delegate_whom_nobody_knows(given: Given):
    """If the delegate is unknown, no grant is planned, not even one for all users."""
    assert STEP.plan(given(facts=FACTS | {"shared": "yes"}), MISSES) == ()


async def test_an_undo_takes_the_delegate_s_grant_back(given: Given, cloud: Cloud):
    """An undo removes the recorded delegate's grant, even if there is another delegate by now."""
    other = [each | {"id": f"o{each['id']}", "principalId": "user-3"} for each in OWN_ALONE]
    cloud.on(READ, [*OF_DELEGATE, *other])
    line = Change("smtp_grant", "E5", Text("a"), Text("b"), Text("c"), Scope.APP, "x")
    left = NONE_OF_DELEGATE | {"exchange": "SMTP.Send", "graph": "offline_access openid profile"}
    past = RecordedChange("smtp_grant", line, Text("b"), NONE_OF_DELEGATE, left, ("R1",))
    ctx = given(facts=FACTS, kind="undo")
    assert (await STEP.inspect_undo(ctx, past)).state is State.WRONG
    await STEP.undo(ctx, past)
    assert {what for what, _ in cloud.writes} == {
        "DELETE /oauth2PermissionGrants/g1",
        "DELETE /oauth2PermissionGrants/g2",
    }


async def test_the_users_own_scopes_are_written_down(given: Given, cloud: Cloud):
    """The user's own scopes are recorded for an undo, in a fixed order.

    A grant for all users is not recorded.
    """
    cloud.on(READ, [SMTP | {"principalId": None}, SIGN_IN])
    assert (await STEP.inspect(given(facts=FACTS))).values == {
        "exchange": "",
        "graph": "offline_access openid profile",
    }


async def test_two_grants_are_made(given: Given, cloud: Cloud):
    """Two grants are created for the one user: one for Exchange and one for Graph."""
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


async def test_a_grant_that_is_there_is_merged_into(given: Given, cloud: Cloud):
    """An existing grant keeps its scopes, because a PATCH would replace them."""
    cloud.on(READ, [SMTP | {"scope": "IMAP.AccessAsUser.All"}, SIGN_IN])
    await STEP.apply(given(facts=FACTS), MISSES)
    assert cloud.writes == [
        ("PATCH /oauth2PermissionGrants/g1", {"scope": "IMAP.AccessAsUser.All SMTP.Send"})
    ]


async def test_an_earlier_try_of_ours_is_no_error(given: Given, cloud: Cloud):
    """If a new grant exists but is not listed yet, the refusal to create it is no error.

    The next inspection decides.
    """
    cloud.on(READ, [SIGN_IN]).refuse(
        MAKE, 409, "Request_MultipleObjectsWithSameKeyValue", "already exists"
    )
    await STEP.apply(given(facts=FACTS), MISSES)
    assert [what for what, _ in cloud.writes] == [MAKE]
