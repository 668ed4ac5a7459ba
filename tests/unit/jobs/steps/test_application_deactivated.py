"""Article row E1 for an app registration that somebody has deactivated."""

from __future__ import annotations

from jobs.model import Finding, State
from jobs.steps.service_principal import ServicePrincipal
from tests.unit.jobs.conftest import Cloud, Given
from tests.unit.jobs.steps.app_states import APP, FACTS, KNOWN, READ, STEP, URIS


async def test_a_deactivated_app_is_shown_besides_its_other_trouble(given: Given, cloud: Cloud):
    """A deactivated registration is named even if its enterprise application does not show it.

    The step of the registration hands it on, and names its own trouble, such as a redirect URI of
    a single-page application (platforms/microsoft.md 1.1).
    """
    spa = {"redirectUris": URIS[:1]}
    cloud.on(READ, APP | {"isDisabled": True, "spa": spa})
    cloud.on("GET /servicePrincipals(appId='client-1')", {"id": "sp-1"})
    handed_on = KNOWN | {"deactivated": "yes"}
    ctx = given(facts=FACTS | handed_on)
    app = await STEP.inspect(ctx)
    assert (app.cause, app.facts) == ("redirect_uri_is_spa", handed_on)
    principal: Finding = await ServicePrincipal().inspect(ctx)
    assert (principal.state, principal.cause) == (State.WRONG, "app_deactivated")
    assert ServicePrincipal().plan(ctx, principal) == ()
