"""Article row M1: the user whose mailbox is connected."""

from __future__ import annotations

import pytest

from jobs.clouds.errors import MalformedAnswer
from jobs.model import Finding, State, Station, Text
from jobs.steps.mailbox_user import MailboxUser, Tenant
from tests.unit.jobs.conftest import NO_OBJECT, Cloud, Given

STEP = MailboxUser()
USER = "GET /users/support@contoso.com"
PLAN = {"service": "exchange", "capabilityStatus": "Enabled"}
PERSON = {
    "id": "user-1",
    "userPrincipalName": "support@contoso.com",
    "accountEnabled": True,
    "assignedPlans": [PLAN],
}
FACTS = {"user_id": "user-1", "upn": "support@contoso.com"}
UPN = {"upn": "support@contoso.com"}
EXPECTED = Text("expected.mailbox_user")


@pytest.mark.parametrize(
    ("person", "mailbox", "seen", "cause"),
    [
        (PERSON, NO_OBJECT, "seen.no_mailbox", "mailbox_not_found"),
        (PERSON | {"accountEnabled": False}, [{}], "seen.disabled", "account_disabled"),
        (PERSON | {"assignedPlans": []}, [{}], "seen.no_licence", "licence_missing"),
        (
            PERSON | {"assignedPlans": [PLAN | {"capabilityStatus": "Suspended"}]},
            [{}],
            "seen.no_licence",
            "licence_missing",
        ),
    ],
)
@pytest.mark.parametrize("kind", ["setup", "check"])
async def test_what_a_user_may_lack(
    given: Given,
    cloud: Cloud,
    person: object,
    mailbox: list[object] | tuple[int, object],
    seen: str,
    cause: str,
    kind: str,
):
    """Everything that a user may lack has its own cause.

    If the mailbox is missing, only a check passes on the facts for other steps.
    """
    cloud.on(USER, person).on("Get-Mailbox", mailbox)
    found = await STEP.inspect(given(kind=kind))
    assert (found.state, found.seen, found.expected, found.cause) == (
        State.WRONG,
        Text(seen, UPN),
        EXPECTED,
        cause,
    )
    assert {name: found.facts.get(name) for name in FACTS} == (
        FACTS if mailbox != NO_OBJECT or kind == "check" else dict.fromkeys(FACTS)
    )


@pytest.mark.parametrize("what", [USER, "Get-Mailbox"])
@pytest.mark.parametrize("answer", [(204, None), (200, {}), [], (404, None)])
async def test_an_empty_answer_is_no_missing_mailbox(
    given: Given, cloud: Cloud, what: str, answer: object
):
    """An answer without the user or the mailbox says nothing about either, and is read again."""
    cloud.on(USER, PERSON).on("Get-Mailbox", [{}]).on(what, answer)
    with pytest.raises(MalformedAnswer):
        await STEP.inspect(given())


@pytest.mark.parametrize(
    ("person", "mailbox"),
    [
        (PERSON, {"RecipientTypeDetails": "UserMailbox"}),
        (
            PERSON
            | {"assignedPlans": [PLAN | {"service": "Exchange", "capabilityStatus": "Warning"}]},
            {},
        ),
        (PERSON | {"assignedPlans": []}, {"RecipientTypeDetails": "SharedMailbox"}),
        ({key: value for key, value in PERSON.items() if key != "accountEnabled"}, {}),
        ({key: value for key, value in PERSON.items() if key != "assignedPlans"}, {}),
    ],
)
async def test_a_user_with_a_mailbox_holds(
    given: Given, cloud: Cloud, person: object, mailbox: object
):
    """A license in its grace period is valid, and a shared mailbox needs none."""
    cloud.on(USER, person).on("Get-Mailbox", [mailbox])
    shared = {"shared": "yes"} if "Shared" in str(mailbox) else {}
    assert await STEP.inspect(given()) == Finding(
        "mailbox_user", State.OK, seen=Text("seen.mailbox", UPN), facts=FACTS | shared
    )


@pytest.mark.parametrize(
    ("primary", "warned"),
    [
        ("Support@contoso.onmicrosoft.com", True),
        ("support@contoso.com", False),
        ("support@onmicrosoft.com.example", False),
        ("", False),
    ],
)
@pytest.mark.parametrize("kind", ["setup", "check"])
async def test_a_sender_of_onmicrosoft_is_a_warning(
    given: Given, cloud: Cloud, primary: str, kind: str, *, warned: bool
):
    """A primary address of onmicrosoft.com is a warning, because Exchange sends with it.

    The user's IDs are found in spite of it.
    """
    cloud.on(USER, PERSON).on("Get-Mailbox", [{"PrimarySmtpAddress": primary}])
    found = await STEP.inspect(given(kind=kind))
    assert (found.state, found.cause, found.facts) == (
        (State.WARNING, "sends_as_onmicrosoft", FACTS) if warned else (State.OK, "", FACTS)
    )
    if warned:
        assert found.seen == Text("seen.onmicrosoft", {"address": primary.lower()})


@pytest.mark.parametrize("kind", ["SharedMailbox", "RoomMailbox", "EquipmentMailbox"])
async def test_a_shared_mailbox_s_account_is_blocked_as_a_rule(
    given: Given, cloud: Cloud, kind: str
):
    """A shared mailbox's blocked account is only a possible cause, because others sign in for it.

    It does not stop a setup.
    """
    cloud.on(USER, PERSON | {"accountEnabled": False, "assignedPlans": []}).on(
        "Get-Mailbox", [{"RecipientTypeDetails": kind}]
    )
    found = await STEP.inspect(given())
    seen, facts = Text("seen.shared_blocked", UPN), FACTS | {"shared": "blocked"}
    assert found == Finding(
        "mailbox_user",
        State.POSSIBLE,
        seen=seen,
        expected=EXPECTED,
        cause="account_disabled",
        facts=facts,
    )


async def test_the_mailbox_names_its_owner(given: Given, cloud: Cloud):
    """If the directory has no user with the mailbox's address, Exchange names the owner."""
    upn = "svc@contoso.com"
    cloud.on("Get-Mailbox", [{"UserPrincipalName": upn}]).on(
        f"GET /users/{upn}", PERSON | {"userPrincipalName": upn}
    ).on("GET /users", [])
    found = await STEP.inspect(given())
    assert (found.state, found.seen) == (State.OK, Text("seen.mailbox_other_upn", {"upn": upn}))


async def test_another_upn_is_told(given: Given, cloud: Cloud):
    """If the address is only an alias, the user is found and the finding names the user's UPN."""
    cloud.on("GET /users", [PERSON | {"userPrincipalName": "svc-mail@contoso.com"}]).on(
        "Get-Mailbox", [{}]
    )
    found = await STEP.inspect(given())
    upn = {"upn": "svc-mail@contoso.com"}
    assert found == Finding(
        "mailbox_user",
        State.OK,
        seen=Text("seen.mailbox_other_upn", upn),
        facts={"user_id": "user-1"} | upn,
    )


@pytest.mark.parametrize(
    ("kind", "seen"),
    [
        ("MailUniversalDistributionGroup", "seen.group"),
        ("GroupMailbox", "seen.group"),
        ("MailContact", "seen.nobody"),
        ("", "seen.nobody"),
    ],
)
async def test_nobody_is_told_from_a_group(given: Given, cloud: Cloud, kind: str, seen: str):
    """If the address belongs to a group, the finding says so; otherwise nobody has the address."""
    cloud.on("GET /users", []).on("Get-Recipient", [{"RecipientTypeDetails": kind}])
    found = await STEP.inspect(given())
    assert (found.seen, found.cause) == (
        Text(seen, {"mailbox": "support@contoso.com"}),
        "mailbox_not_found",
    )


async def test_a_group_that_cannot_be_looked_up_is_nobody(given: Given, cloud: Cloud):
    """If recipients cannot be read, the step reports that nobody has the address.

    The refused read does not hide this result.
    """
    cloud.on("GET /users", []).refuse("Get-Recipient", 403)
    assert (await STEP.inspect(given())).seen == Text(
        "seen.nobody", {"mailbox": "support@contoso.com"}
    )


async def test_of_a_mailbox_that_is_not_there_a_plan_shows_nothing(given: Given, cloud: Cloud):
    """If the mailbox is missing, the finding has no facts, so steps that need them are not planned.

    This holds even if the account is blocked.
    """
    cloud.on(USER, PERSON | {"accountEnabled": False, "assignedPlans": []})
    found = await STEP.inspect(given())
    assert (found.cause, found.facts, found.signals.station) == (
        "account_disabled",
        {},
        Station.ANSWER,
    )


VALUES = {"domain": "contoso.com", "account": "admin@contoso.com"}
TENANT = Tenant()


@pytest.mark.parametrize("name", ["contoso.com", "Contoso.COM"])
async def test_a_verified_domain_is_ours(given: Given, cloud: Cloud, name: str):
    """The tenant is OK if the mailbox's domain is verified, without regard to letter case."""
    cloud.on(
        "GET /organization",
        [{"verifiedDomains": [{"name": "contoso.onmicrosoft.com"}, {"name": name}]}],
    )
    assert await TENANT.inspect(given()) == Finding(
        "tenant", State.OK, seen=Text("seen.tenant", VALUES)
    )


@pytest.mark.parametrize(
    "rows",
    [
        [{"verifiedDomains": [{"name": "fabrikam.com"}]}],
        [{"verifiedDomains": [{}, {"name": "x.contoso.com"}]}],
    ],
)
async def test_another_tenant_is_named(given: Given, cloud: Cloud, rows: list[object]):
    """If the tenant has not verified the mailbox's domain, the finding names the wrong tenant."""
    cloud.on("GET /organization", rows)
    wanted = Text("expected.tenant")
    expected = Finding(
        "tenant",
        State.WRONG,
        seen=Text("seen.other_tenant", VALUES),
        expected=wanted,
        cause="wrong_tenant",
    )
    assert await TENANT.inspect(given()) == expected


@pytest.mark.parametrize(
    "answer",
    [(403, {}), (404, {"error": {"code": "x"}}), (400, {}), [], [{}], [{"verifiedDomains": None}]],
)
async def test_domains_that_may_not_be_read_decide_nothing(
    given: Given, cloud: Cloud, answer: object
):
    """If the organization's domains cannot be read, the step is OK and the mailbox user decides."""
    cloud.on("GET /organization", answer)
    assert await TENANT.inspect(given()) == Finding(
        "tenant", State.OK, seen=Text("seen.tenant_unread", VALUES)
    )
