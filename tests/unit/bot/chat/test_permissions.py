"""Permissions: people whom the bot serves, people who may approve a run, and its participants."""

import base64

import pytest

from bot.chat import permissions
from bot.chat.permissions import Denial, denial, is_participant, may_approve, may_cancel, outsiders
from bot.webex.client import Membership, WebexPerson
from jobs.clock import now
from jobs.model import Account
from jobs.runs.run import Event, Kind
from tests.fixtures.copies import replace
from tests.fixtures.run_events import answered
from tests.unit.bot.actions.presses import of_bot

ANNA = WebexPerson("anna", "anna@example.test", "org-1", "person", "Anna")
BEN = replace(ANNA, id="ben", email="ben@example.test")


def asks(ctx, person: WebexPerson, **more: tuple[str, ...]):
    """Return the conversation of a person with a bot that has other settings."""
    return replace(of_bot(ctx, **more), person=person)


@pytest.mark.parametrize(
    ("person", "why"),
    [
        (ANNA, None),
        (replace(ANNA, email="Anna@Example.TEST"), None),
        (replace(ANNA, type="bot"), Denial.NOT_A_PERSON),
        (replace(ANNA, type="appuser"), Denial.NOT_A_PERSON),
        (replace(ANNA, type="machine"), Denial.NOT_A_PERSON),
        (replace(ANNA, type=""), None),
        (replace(ANNA, email="other@webex.bot"), Denial.NOT_A_PERSON),
        (replace(ANNA, email="other@sparkbot.io"), Denial.NOT_A_PERSON),
        (replace(ANNA, email="anna@example.test.evil.com"), Denial.ORGANIZATION),
        (replace(ANNA, email="anna@sub.example.test"), Denial.ORGANIZATION),
        (replace(ANNA, email="example.test"), Denial.ORGANIZATION),
        (replace(ANNA, email=""), Denial.ORGANIZATION),
        (replace(ANNA, others=("anna@example.com",)), None),
        (
            replace(ANNA, email="anna@example.com", others=("anna@example.test",)),
            Denial.ORGANIZATION,
        ),
        (replace(ANNA, others=("other@webex.bot",)), Denial.NOT_A_PERSON),
    ],
)
def test_the_allow_list(services, person, why):
    """The bot serves nobody by default, and compares the domain of a person's address exactly.

    Bots and other accounts that are no person are refused.
    """
    assert denial(services.bot, person) == why


def test_only_people_who_are_served_are_told_about_a_channel(services):
    """Of the addresses that a channel knows, those of other domains are left out."""
    assert permissions.served(services.bot, ["eve@elsewhere.example", BEN.email]) == (BEN.email,)


@pytest.mark.parametrize(("orgs", "allowed"), [((), True), (("org-1",), True), (("org-2",), False)])
def test_an_organization_must_be_listed_too(services, orgs, allowed):
    """If organizations are configured, a right address in another organization is refused."""
    assert (denial(replace(services.bot, allowed_org_ids=orgs), ANNA) is None) is allowed


UUID = "96abc2aa-3dcc-11e5-a152-fe34819cdc9a"
US, EU = (
    base64.urlsafe_b64encode(f"ciscospark://{region}/ORGANIZATION/{UUID}".encode()).decode()
    for region in ("us", "eu")
)
BARE = base64.b64encode(UUID.encode()).decode()
OTHER = base64.urlsafe_b64encode(f"ciscospark://us/PEOPLE/{UUID}".encode()).decode()


@pytest.mark.parametrize(
    "listed", [UUID, UUID.upper(), US, US.rstrip("="), EU, BARE, BARE.rstrip("=")]
)
@pytest.mark.parametrize("told", [US, US.rstrip("="), EU, BARE, UUID])
def test_an_organization_in_every_form(services, listed, told):
    """An organization may be written as in Control Hub or as in the API and its webhooks."""
    settings = replace(services.bot, allowed_org_ids=(listed,))
    assert denial(settings, replace(ANNA, org_id=told)) is None


@pytest.mark.parametrize(
    "told", ["", "org-1", OTHER, UUID[:-1] + "b", UUID[:-1], US[:-4], "=", "\u00e9"]
)
def test_what_is_another_organization_or_none(services, told):
    """An organization without a matching UUID is refused.

    Ids without a UUID are compared as they are.
    """
    settings = replace(services.bot, allowed_org_ids=(US,))
    assert denial(settings, replace(ANNA, org_id=told)) is Denial.ORGANIZATION


def test_outsiders_in_a_space(services):
    """The outsiders of a space are its members whom the bot would not answer.

    Other bots and the bot itself do not count as outsiders.
    """
    emails = ["anna@example.test", "eve@fabrikam.test", "other@webex.bot", "bot@fabrikam.test"]
    members = [Membership(f"m-{email}", email, email, "org-1") for email in emails]
    members[-1] = replace(members[-1], person_id=services.me.id)
    assert outsiders(services, members) == (members[1],)


@pytest.mark.parametrize(
    ("approvers", "person", "may"),
    [
        ((), ANNA, True),
        ((), BEN, False),
        (("ben@example.test",), BEN, True),
        (("ben@example.test",), ANNA, False),
        (
            ("ben@example.test",),
            replace(BEN, email="b.second@example.test", others=("ben@example.test",)),
            True,
        ),
        (("ben@example.test",), replace(ANNA, others=("anna@example.com",)), False),
    ],
)
def test_who_approves(anna, begin, approvers, person, may):
    """The configured approvers may approve a run. If none is configured, the requester may."""
    assert may_approve(asks(anna, person, approvers=approvers), begin()) is may


def test_who_takes_part(anna, begin):
    """The requester, approvers, and the administrators who were asked or have signed in take part."""
    asked = {"administrator": "carl@example.test", "consent_administrator": "dora@example.test"}
    signed_in = Event(Kind.SIGNED_IN, now(), account=Account("tenant-1", "o", "Fay@Example.test"))
    run = begin(signed_in, *(answered(question, value) for question, value in asked.items()))
    second = replace(BEN, id="dora-2", email="d.second@example.test", others=("dora@example.test",))
    others = (*asked.values(), "fay@example.test", "", "eve@example.test")
    people = [ANNA, BEN, second, *(replace(BEN, id=value, email=value) for value in others)]
    approvers = ("ben@example.test",)
    takes_part = [is_participant(asks(anna, each, approvers=approvers), run) for each in people]
    assert takes_part == [True, True, True, True, True, True, False, False]


def test_nobody_without_an_address_takes_part(anna, begin):
    """A person without an address takes no part in a run that has asked no administrator yet.

    An empty address does not match the missing administrator.
    """
    assert not is_participant(asks(anna, replace(BEN, email="")), begin())


@pytest.mark.parametrize(
    ("members", "direct", "may"),
    [
        (("anna", "ben"), False, False),
        (("ben",), False, True),
        (("carl",), False, False),
        (("ben",), True, False),
    ],
)
def test_a_run_whose_requester_has_left(anna, webex_script, reply, begin, members, direct, may):
    """If the requester has left a run's space, every member of the space may cancel the run.

    Nobody from elsewhere may cancel it.
    """
    items = [{"id": each, "personId": each, "personEmail": f"{each}@e.test"} for each in members]
    webex_script.on("GET", "/memberships", reply(body={"items": items}))
    run = begin()
    run = replace(run, origin=replace(run.origin, direct=direct))
    assert may_cancel(asks(anna, BEN), run) is may
    assert may_cancel(anna, run)
