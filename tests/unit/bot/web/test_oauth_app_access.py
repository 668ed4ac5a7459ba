"""Page for admin consent of the bot's own app, and its callback.

Only the roles in the tenant's tokens count.
"""

from dataclasses import replace

import pytest

from adaptive_cards.texts import text
from bot.cards.presenters import verdict
from bot.web import oauth
from bot.web.oauth import AppAccessConsent, Flow
from jobs.access import tenants
from jobs.clock import now
from jobs.clouds.errors import Forbidden
from jobs.microsoft.scopes import EXCHANGE_APP_ROLES, EXCHANGE_SCOPE, GRAPH_APP_ROLES, GRAPH_SCOPE
from jobs.model import Access, Channel, Finding, Person, Reason, RunKind, State
from jobs.runs.run import Event, Kind, Origin
from tests.fixtures.run_events import noted
from tests.unit.bot.web import journey
from tests.unit.bot.web.journey import BACK, TENANT, path


@pytest.fixture
def services(services, provider):
    """Services with a Microsoft on loopback, where all roles are granted."""
    provider.app_roles.update(
        {GRAPH_SCOPE: list(GRAPH_APP_ROLES), EXCHANGE_SCOPE: list(EXCHANGE_APP_ROLES)}
    )
    return services


@pytest.fixture
def run(services):
    """Check of Anna's that had to skip a step."""
    channel = Channel("support@example.test", tenant_id=TENANT)
    begun = services.store.open(
        channel, Person("anna", "anna@example.test", "org-1"), Origin("room-1", "t"), RunKind.CHECK
    )
    left_out = Finding("security_defaults", State.SKIPPED, reason=Reason.NEEDS_SIGN_IN)
    services.store.append(begun.id, noted(left_out), Event(Kind.CHECKED, now()))
    return services.store.load(begun.id)


def depart(services, browser, run) -> dict[str, str]:
    """Open the card's link, press its button, and return the request that Microsoft gets."""
    page = browser.get(path(services, run, "access")).text
    assert ("support@example.test" in page, "anna@example.test" in page) == (True, True)
    return journey.depart(services, browser, run, "access")


def come_back(browser, state: str, **query: str):
    """Return the page after the way back from Microsoft, by default with a consent."""
    granted = {"admin_consent": "True", "tenant": TENANT, "state": state}
    return browser.get(BACK, query_string=query | {"state": state} if query else granted)


def test_the_way_there(services, browser, run):
    """The consent link opens the channel's tenant, for the bot's app, with an unguessable state.

    It requests all permissions that the app declares.
    """
    asked = depart(services, browser, run)
    assert asked["path"] == f"/{TENANT}/v2.0/adminconsent"
    assert (asked["client_id"], asked["scope"]) == ("client-1", GRAPH_SCOPE)
    assert asked["redirect_uri"] == "https://bot.example.test/microsoft/callback"
    assert len(asked["state"]) >= 43


def test_granted(services, browser, run):
    """After a grant the tenant is remembered, the check runs again, and the button is gone."""
    assert verdict.view(run, services).grant_url
    state = depart(services, browser, run)["state"]
    page = come_back(browser, state)
    after, known = services.store.load(run.id), tenants.grant_for(services.redis, TENANT)
    assert (page.status_code, text("page.readable_title") in page.text) == (200, True)
    assert (known.by, after.checked, after.findings) == ("anna@example.test", None, {})
    data = services.store.events(run.id)[-1].data
    assert (data["tenant"], data["roles"]) == (TENANT, ", ".join(known.roles))
    assert "jobs.advance.advance" in {str(job.func_name) for job in services.runs.queue.jobs}
    assert verdict.view(after, services).grant_url == ""
    assert come_back(browser, state).status_code == 400


def refused(error: str, number: int) -> dict[str, str]:
    """Return the query of a refusal by Microsoft."""
    words = f"AADSTS{number}: No. Trace ID: t Correlation ID: c Timestamp: 2026-11-25 09:00:00Z"
    return {"admin_consent": "True", "error": error, "error_description": words}


@pytest.mark.parametrize(
    ("query", "cause"),
    [
        (refused("access_denied", 65004), "consent_declined"),
        (refused("consent_required", 90094), "app_access_not_allowed"),
        ({"admin_consent": "True", "tenant": TENANT.replace("1", "9")}, "wrong_tenant"),
        ({"tenant": TENANT}, "consent_declined"),
    ],
)
def test_what_does_not_count(services, browser, run, query, cause):
    """A consent that was declined, forbidden or of another tenant does not count, and is named.

    The button for the consent stays, and no token is requested.
    """
    page = come_back(browser, depart(services, browser, run)["state"], **query)
    after = services.store.load(run.id)
    view = verdict.view(after, services)
    assert after.problems["app_access"].cause == cause
    assert text(f"cause.{cause}").split("'")[0] in page.text
    assert (view.problem and view.problem.cause) == cause
    assert bool(view.grant_url)
    assert tenants.grant_for(services.redis, TENANT) is None


def test_consent_without_the_permissions(services, provider, run):
    """A consent without the needed permissions fails and names them, because the token decides."""
    provider.app_roles[GRAPH_SCOPE] = ["User.Read.All"]
    consent = AppAccessConsent(settles_s=(0, 0))
    _, kept = consent.start(services, run, "state-1")
    flow = Flow("access", run.id, kept)
    with pytest.raises(Forbidden) as told:
        consent.finish(services, run, flow, {"admin_consent": "True", "tenant": TENANT})
    lacking = ", ".join(name for name in GRAPH_APP_ROLES if name != "User.Read.All")
    assert (told.value.cause, told.value.code) == ("app_roles_missing", lacking)
    assert tenants.grant_for(services.redis, TENANT) is None
    assert sum(form.get("scope") == GRAPH_SCOPE for _, form in provider.requests) == 3


@pytest.mark.slow
def test_permissions_that_are_still_spreading(services, browser, provider, run):
    """The first token after the consent may lack the new permissions.

    Another token is requested a moment later, and the consent counts.
    """
    provider.trouble.append(provider.refuse(400, "unauthorized_client", 700016))
    page = come_back(browser, depart(services, browser, run)["state"])
    assert text("page.readable_title") in page.text


def test_a_state_of_another_check(services, browser, run):
    """An OAuth state that is moved to another run does not count.

    The state is bound to the person, the tenant and the channel.
    """
    state = depart(services, browser, run)["state"]
    flow = oauth.read(services, state, once=True)
    assert flow is not None
    channel, bob = Channel("b@example.test", tenant_id=TENANT), Person("bob", "bob@example.test")
    other = services.store.open(channel, bob, Origin("room-1"), RunKind.CHECK)
    oauth.save(services, state, replace(flow, run=other.id))
    come_back(browser, state)
    assert services.store.load(other.id).problems["app_access"].cause == "state_mismatch"
    assert tenants.grant_for(services.redis, TENANT) is None


def test_the_card_says_with_what_each_finding_was_seen(services, run):
    """Each finding on the card shows the access with which it was seen.

    That is not the least access that its step needs.
    """
    seen = {"security_defaults": Access.APP, "entra": Access.NONE}
    found = (noted(Finding(step, State.OK, access=how)) for step, how in seen.items())
    services.store.append(run.id, *found)
    lines = verdict.view(services.store.load(run.id), services).lines
    assert {line.found.access for line in lines} == {Access.APP, Access.NONE}


@pytest.mark.parametrize("tenant", ["", "known"])
def test_the_button_needs_a_tenant(services, begin, tenant):
    """The button for read access needs a known tenant, because it opens that tenant's page."""
    channel, anna = Channel("b@example.test", tenant_id=tenant), Person("anna", "anna@example.test")
    begun = services.store.open(channel, anna, Origin("room-1"), RunKind.CHECK)
    left_out = Finding("security_defaults", State.SKIPPED, reason=Reason.NEEDS_SIGN_IN)
    services.store.append(begun.id, noted(left_out), Event(Kind.CHECKED, now()))
    assert bool(verdict.view(services.store.load(begun.id), services).grant_url) is bool(tenant)
