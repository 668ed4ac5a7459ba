"""Recorded answers of Exchange and Entra, read by the product's own clients and readers."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import httpx
import pytest

from jobs.clouds.errors import CloudError, MalformedAnswer
from jobs.clouds.http import async_client, sync_client
from jobs.mail.message_trace import Trace
from jobs.microsoft.exchange import ExchangeRow, InvokeCommand
from jobs.microsoft.identity import Identity
from jobs.microsoft.outbound_spam import addresses_of, applies_to
from jobs.probes import transport_rules as rules
from tests.contract.reading import at, hold, token
from tests.contract.recordings import Json, Player, cases, entries, entry, has_answer, needed

pytestmark = [needed, pytest.mark.usefixtures("one_try")]
TENANT = "96279136-fd29-44d4-b554-9db86f375990"
EXPIRED: Json = {
    "status": 400,
    "headers": {},
    "body": {
        "error": {
            "code": "BadRequest",
            "message": "Expired or Invalid pagination request. Default Expiry time is 00:30:00",
        }
    },
}
OK = 200


async def run(cloud: Player, recorded: Json) -> list[ExchangeRow]:
    """Run the recorded cmdlet with the product's client."""
    command = recorded["request"]["body"]["CmdletInput"]
    async with async_client(at(cloud.base)) as http:
        runner = InvokeCommand(http, token, cloud.base, TENANT, "admin@contoso.com")
        return await runner.run(command["CmdletName"], command["Parameters"])


def own(recorded: Json, base: str) -> Json:
    """Return the answer with a next link that leads to this server instead of Exchange's."""
    response = recorded["response"]
    link = response["body"]["@odata.nextLink"].replace("https://outlook.office365.com", base)
    return response | {"body": response["body"] | {"@odata.nextLink": link}}


EXCHANGE = [each for each in entries("exchange") if has_answer(each)]


def test_two_entries_of_exchange_are_claims():
    """Two of Exchange's entries are claims in words, and the other 34 are answers."""
    claims = [each["id"] for each in entries("exchange") if not has_answer(each)]
    assert (len(EXCHANGE), claims) == (34, ["pages", "replication"])


@pytest.mark.parametrize("recorded", [pytest.param(each, id=each["id"]) for each in EXCHANGE])
async def test_exchange(cloud: Player, recorded: Json):
    """A recorded success of Exchange gives its rows, and an error has the expected cause."""
    response = recorded["response"]
    cloud.play(response)
    if response["status"] >= 400:
        with pytest.raises(CloudError) as failed:
            await run(cloud, recorded)
        hold(failed.value, recorded)
        return
    if "@odata.nextLink" in response["body"]:
        cloud.play(own(recorded, cloud.base), entry("exchange", "g2o-complete")["response"])
    rows = await run(cloud, recorded)
    sent = list(response["body"]["value"])
    if "@odata.nextLink" in response["body"]:
        sent += entry("exchange", "g2o-complete")["response"]["body"]["value"]
    assert [dict(row) for row in rows] == [
        {name: value for name, value in row.items() if "@" not in name} for row in sent
    ]


async def test_a_page_that_exchange_refuses_is_a_cut_answer(cloud: Player):
    """If Exchange refuses the next page, the answer counts as cut, so the caller asks for less.

    This refusal was measured with an app alone.
    """
    cloud.play(own(entry("exchange", "g2o-truncated"), cloud.base), EXPIRED)
    with pytest.raises(MalformedAnswer) as failed:
        await run(cloud, entry("exchange", "g2o-truncated"))
    assert (failed.value.cause, len(cloud.asked)) == ("exchange_answer_cut", 2)


async def test_the_recorded_link_leads_away_from_this_server(cloud: Player):
    """A next link to another server is an error, and the client does not send the token there."""
    cloud.play(entry("exchange", "g2o-truncated")["response"])
    with pytest.raises(MalformedAnswer):
        await run(cloud, entry("exchange", "g2o-truncated"))
    assert len(cloud.asked) == 1


def row_of(number: str) -> ExchangeRow:
    """Return the first row of a recorded answer as the client gives it."""
    return ExchangeRow(entry("exchange", number)["response"]["body"]["value"][0])


def test_the_conditions_of_a_rule_are_those_that_exchange_has():
    """The product knows every condition of a transport rule that Exchange has.

    A whole recorded rule has 200 properties. The conditions are those between From and the last
    pattern.
    """
    names = list(row_of("scuba-get-transportrule"))
    assert len(names) == 200
    first, last = names.index("From"), names.index("AnyOfRecipientAddressMatchesPatterns")
    assert sorted(names[first : last + 1]) == sorted(rules.CONDITIONS)
    assert set(rules.STOPS) <= set(names)


@pytest.mark.parametrize(
    "number",
    [
        "scuba-get-transportrule",
        "g2o-exchangetransportrules-liveEnabledRule",
        "g2o-exchangetransportrules-liveDisabledRule",
    ],
)
def test_a_real_rule_stops_nothing_until_it_has_an_action_that_does(number: str):
    """A recorded rule stops no mail until it has an action that stops mail.

    With such an action, and a recipient as its only condition, the verdict is certain. With another
    condition, that condition is named as not evaluated.
    """
    rule = row_of(number)
    assert not rules.stops(rule)
    target = "x1@mail.webexconnect.io"
    deletes = ExchangeRow(
        {**rule, "State": "Enabled", "DeleteMessage": True}
        | {
            "FromScope": None,
            "RecipientDomainIs": ["mail.webexconnect.io"],
            "Conditions": [
                "Microsoft.Exchange.MessagingPolicies.Rules.Tasks.RecipientDomainIsPredicate"
            ],
        }
    )
    assert (rules.stops(deletes), rules.names(deletes, target)) == (True, True)
    assert rules.unevaluated(deletes) == ()
    scoped = ExchangeRow({**deletes, "FromScope": "NotInOrganization"})
    assert rules.unevaluated(scoped) == ("FromScope",)


async def test_a_row_of_a_trace(cloud: Player):
    """The product reads a recorded row of a message trace.

    A time in it has seven digits and a Z.
    """
    recorded = entry("exchange", "g2o-messagetrace-liveRecord")
    cloud.play(recorded["response"])
    async with async_client(at(cloud.base)) as http:
        runner = InvokeCommand(http, token, cloud.base, TENANT, "")
        (row,) = await Trace(None, runner).find(datetime.now(UTC) - timedelta(hours=1))
    assert row.received == datetime(2026, 7, 23, 22, 1, 22, 48000, tzinfo=UTC)
    assert (row.status, row.size) == ("delivered", 176814)


def test_the_default_outbound_policy():
    """The recorded default policy is in mode Automatic, which counts as forwarding being off."""
    policy = row_of("g2o-exchangeoutboundspam-liveDefaultPolicy")
    found = applies_to(["support@contoso.com"], [policy], [])
    assert (found.name, found.mode, found.forwards) == ("Default", "Automatic", False)


@pytest.mark.parametrize("number", ["liveUserMailbox", "liveUserMailbox2", "liveDiscoveryMailbox"])
def test_the_addresses_of_a_mailbox(number: str):
    """Among the addresses of a recorded mailbox, the sending address comes first."""
    row = row_of(f"g2o-exchangemailboxes-{number}")
    assert addresses_of(row)[0] == row["PrimarySmtpAddress"].lower()


# --- Entra ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("recorded", cases("token"))
def test_entra(cloud: Player, recorded: Json):
    """A recorded success of Entra gives its token, and a refusal its expected cause and code."""
    document = entry("token", "token-discovery")["response"]
    host = "https://login.microsoftonline.com"
    names = {
        name: value.replace(host, cloud.base) if isinstance(value, str) else value
        for name, value in document["body"].items()
    }
    cloud.play(document | {"body": names}, recorded["response"])
    with sync_client(at(cloud.base)) as http:
        identity = Identity(cloud.base, http, TENANT, "client-1", "secret")
        if recorded["id"] == "token-discovery":
            identity.discover()
            return
        if recorded["response"]["status"] == OK:
            assert identity.app_token("https://graph.microsoft.com/.default") == "access_token"
            return
        with pytest.raises(CloudError) as failed:
            identity.app_token("https://graph.microsoft.com/.default")
    assert failed.value.cause == recorded["expect"]["cause"]
    told = recorded["response"]["body"]
    assert failed.value.code == f"AADSTS{told['error_description'][6:].partition(':')[0]}"
    assert failed.value.ids.correlation_id == told.get("correlation_id", "")
    assert isinstance(http, httpx.Client)
