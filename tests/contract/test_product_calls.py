"""Requests of the product to Microsoft Graph and Webex, against their specifications.

The tests are skipped if the files with the specifications are missing. The requests with which a
check finds a channel in a large tenant are few and bounded, and none of them writes.
"""

import json
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

import pytest
from msgspec.structs import replace

from adaptive_cards.components import Card
from bot.webex.client import Webex
from jobs.channel import discovery
from jobs.model import Channel
from jobs.runs.run import Brief
from practice.faults import FaultContext, hand_made
from practice.hooks import Faults
from practice.microsoft import catalogue, ids, seed
from practice.microsoft.graph import shapes
from practice.microsoft.signin import consent
from practice.microsoft.world import LONG_AGO, new_id, stamp
from practice.shared import ABSENT, GRAPH, WEBEX
from tests.contract.openapi import Asked, Spec
from tests.faults.rides import MAILBOX, Country, Ride
from tests.faults.weather import Weather
from tests.fixtures.parsed import files
from tests.fixtures.practice_cloud import practice_cloud


@dataclass
class Heard(Weather):
    """Connection without faults that keeps every request to Graph."""

    asked: list[Asked] = field(default_factory=list)

    async def __call__(self, request) -> object:
        """Keep the request, and let the practice cloud answer it."""
        url, body = urlsplit(str(request.url)), request.content
        if url.path.startswith("/graph/"):
            path = unquote(url.path).removeprefix("/graph/v1.0").removeprefix("/graph/beta")
            sent = json.loads(body) if body else None
            self.asked.append(Asked(request.method, path, parse_qs(url.query), sent))
        return await super().__call__(request)

    @property
    def writes(self):
        """Return the requests and cmdlets that change something."""
        return [call for call in self.calls if not call.startswith(("GET ", "Get-"))]


@pytest.mark.slow
@pytest.mark.skipif(not GRAPH.exists(), reason=ABSENT)
def test_a_whole_run_asks_graph_what_graph_knows(certificates, redis):
    """Graph's specification knows every path, method and body property that a whole run uses."""
    with practice_cloud(certificates) as (cloud, http):
        country, heard = Country(cloud, http, cloud.world.settings, redis), Heard(http)
        Ride(country, country.context(heard), heard).to_its_end()
    spec = Spec(GRAPH)
    assert [problem for asked in heard.asked for problem in spec.problems(asked)] == []
    assert {"PATCH", "POST", "GET"} == {asked.method for asked in heard.asked}


# --- Webex -------------------------------------------------------------------------------------


@pytest.mark.skipif(not WEBEX.exists(), reason=ABSENT)
def test_webex_is_asked_what_webex_knows(cloud):
    """Every call of the bot's Webex client is in Webex's specification.

    The one exception is a card in an edit, which the reference does not name (webex.md 2).
    """
    good = {"status": 200, "headers": {"Content-Type": "application/json"}}
    cloud.play(good | {"body": {"id": "x", "items": [{}], "emails": ["a@b.c"]}})
    client = Webex("token", f"{cloud.base}/v1/")
    # cards have a schema and tests of their own
    card = Card({"type": "AdaptiveCard", "version": "1.3"}, "t")
    client.me(), client.person("p1"), client.message("m1"), client.action("a1")
    client.members("r1"), client.membership("r1", "p1"), client.room_type("r1")
    client.room_title("r1"), client.people("a@b.c"), client.webhooks()
    client.send(card, room_id="r1", parent_id="m1")
    client.send(card, to_email="a@b.c")
    client.send("t", to_person_id="p1")
    client.edit("m1", "r1", card)
    hook = {"name": "n", "targetUrl": "https://b.test/x", "secret": "s" * 20}
    client.create_webhook(**hook, resource="messages", event="created")
    client.update_webhook("w1", **hook, status="active")
    sent = list(cloud.asked)
    cloud.play({"status": 204, "headers": {}})
    client.delete_webhook("w1")
    asked = [_asked(*each) for each in [*sent, *cloud.asked]]
    spec = Spec(WEBEX, {"PUT /messages/{messageId}": {"attachments"}})
    assert [problem for each in asked for problem in spec.problems(each)] == []
    assert len(asked) == 17


def _asked(method, path, body):
    url, content = urlsplit(path), json.loads(body) if body else None
    return Asked(method, unquote(url.path).removeprefix("/v1"), parse_qs(url.query), content)


@pytest.mark.skipif(not GRAPH.exists(), reason=ABSENT)
@pytest.mark.parametrize(
    "asked",
    [
        Asked("GET", "/no/such/path", {}, None),
        Asked("DELETE", "/organization", {}, None),
        Asked("PATCH", "/applications/o-1", {}, {"color": "red"}),
        Asked("PATCH", "/applications/o-1", {}, {"web": {"redirectUris": "not a list"}}),
        Asked(
            "PATCH", "/applications/o-1", {}, {"requiredResourceAccess": [{"resourceAppID": "x"}]}
        ),
        Asked("POST", "/applications/o-1/removePassword", {}, {}),
    ],
)
def test_the_comparison_can_fail(asked):
    """The comparison names one problem for each wrong path, method, property or type.

    A missing property is one problem, too.
    """
    assert len(Spec(GRAPH).problems(asked)) == 1


def test_the_product_has_no_real_permission_id():
    """The product reads the ids of Exchange's permissions from the tenant, and has none in its code."""
    real = {*catalogue.REAL_SCOPES.values(), *catalogue.REAL_ROLES.values()}
    sources = files("jobs", "bot")
    assert (len(real) > 1, len(sources) > 100) == (True, True)
    assert [path for path in sources if any(each in path.read_text("utf-8") for each in real)] == []


# --- a large tenant ------------------------------------------------------------------------------


APPS, MOST = 5000, 40
Json = dict[str, Any]


@pytest.fixture(scope="module")
def large(certificates):
    """Tenant with 5,000 apps and a channel that was made by hand.

    Each app has a grant for one user or for all.
    """
    with practice_cloud(certificates) as (cloud, http):
        ground = FaultContext(cloud, Faults())
        exchange = consent.resource_of(ground.tenant, ids.EXCHANGE_APP)["id"]
        for number in range(APPS):
            _crowd(ground, number, exchange)
        hand_made.make(ground)
        yield ground, (cloud, http, cloud.world.settings)


def _crowd(ground, number, exchange):
    """Add an app that belongs to no channel; a few of these apps have SMTP.Send for everybody."""
    tenant, uri = ground.tenant, f"https://app{number}.contoso.com/callback"
    app = shapes.new_application(tenant, stamp(LONG_AGO)) | {"displayName": f"App {number}"}
    app["web"] = app["web"] | {"redirectUris": [uri]}
    tenant.applications.seed(app)
    principal = tenant.principals.seed(
        seed.service_principal(app["appId"], app["displayName"]) | {"replyUrls": [uri]}
    )
    everybody = number < 2
    grant: Json = {
        "id": new_id(),
        "clientId": principal["id"],
        "resourceId": exchange,
        "consentType": "AllPrincipals" if everybody else "Principal",
        "principalId": None if everybody else ground.other().id,
        "scope": "SMTP.Send" if everybody else "IMAP.AccessAsUser.All",
    }
    tenant.grants.seed(grant)


async def searched(sky, redis):
    """Search as a check that knows only the address; return whether the channel is found."""
    heard = Heard(sky[1])
    ctx = Country(*sky, redis).context(heard, "check")
    ctx.run = replace(ctx.run, brief=Brief(by_hand=True, discover=True), channel=Channel(MAILBOX))
    found = await discovery.Discovery(ctx).search()
    return found.certain and [app.name for app in found.apps] == [hand_made.NAME], heard


def listed(heard):
    """Return the lists of apps that were read without a filter."""
    return [
        asked.path
        for asked in heard.asked
        if asked.path in {"/applications", "/servicePrincipals", "/oauth2PermissionGrants"}
        and not {"$filter", "$search"} & asked.query.keys()
    ]


async def test_the_users_grant_needs_few_reads(large, redis):
    """By the user's grant the channel is found in a tenant with 5,000 apps in a few requests."""
    found, heard = await searched(large[1], redis)
    assert (found, heard.writes, listed(heard)) == (True, [], [])
    assert heard.calls.total() < MOST // 4


async def test_without_a_grant_the_reads_stay_bounded(large, redis):
    """Without any grant, the app is found by its redirect URI and its name, with bounded reads."""
    ground, sky = large
    mine = [
        grant for grant in ground.tenant.grants.written() if grant["principalId"] == ground.user.id
    ]
    for grant in mine:
        ground.tenant.grants.drop(grant["id"])
    found, heard = await searched(sky, redis)
    assert (found, heard.writes, listed(heard)) == (True, [], [])
    assert heard.calls.total() < MOST
