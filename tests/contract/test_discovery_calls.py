"""Requests with which a check finds a channel in a large tenant: few, bounded, and no write."""

from dataclasses import replace
from typing import Any

import pytest

from jobs.channel import discovery
from jobs.model import Channel
from jobs.runs.run import Brief
from practice.faults import FaultContext, hand_made
from practice.hooks import Faults
from practice.microsoft import ids, seed
from practice.microsoft.graph import shapes
from practice.microsoft.signin import consent
from practice.microsoft.world import LONG_AGO, new_id, stamp
from tests.contract.test_product_calls import Heard
from tests.faults.rides import MAILBOX, Country
from tests.fixtures.practice_cloud import practice_cloud

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
    brief = Brief(by_hand=True, discover=True)
    ctx.run = replace(ctx.run, brief=brief, channel=Channel(MAILBOX))
    found = await discovery.search(ctx)
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
