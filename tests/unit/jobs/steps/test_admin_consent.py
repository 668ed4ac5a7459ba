"""Article row E5: admin consent, as it is read back from the app's grants."""

from __future__ import annotations

from datetime import timedelta

from jobs.clock import now
from jobs.model import Finding, Profile, State, Text, Turn
from jobs.probes import checks_for
from jobs.runs.run import Event, Kind
from jobs.steps.application import AdminConsent
from tests.unit.jobs.conftest import Cloud, Given

STEP = AdminConsent()
READ = "GET /servicePrincipals/sp-1/appRoleAssignments"
FACTS = {"mail_send": "mail-id", "sp_id": "sp-1"}


async def test_nothing_to_consent_to(given: Given, cloud: Cloud):
    """Admin consent is skipped if Exchange does not expose Mail.Send."""
    assert await STEP.inspect(given()) == Finding(
        "admin_consent", State.SKIPPED, seen=Text("skipped.mail_send_not_exposed")
    )


async def test_an_assignment_is_consent(given: Given, cloud: Cloud):
    """Consent is given once the app role is assigned, no matter who assigned it."""
    cloud.on(READ, [{"appRoleId": "other"}, {"appRoleId": "MAIL-ID"}])
    assert await STEP.inspect(given(facts=FACTS)) == Finding(
        "admin_consent", State.OK, seen=Text("seen.consent")
    )


async def test_without_it_the_administrator_is_waited_for(given: Given, cloud: Cloud):
    """If the admin consent is missing, the step waits for the administrator."""
    cloud.on(READ, [])
    found = await STEP.inspect(given(facts=FACTS))
    assert found == Finding(
        "admin_consent", State.WAITING, seen=Text("seen.no_consent"), waiting_for=Turn.ADMINISTRATOR
    )


async def test_a_fresh_redirect_waits_for_the_directory(given: Given, cloud: Cloud):
    """Right after the return from Microsoft's consent page, the step waits and looks again.

    The grant may show in the directory only later.
    """
    cloud.on(READ, [])
    found = await STEP.inspect(given(facts=FACTS, answers={"consent": "granted"}))
    assert (found.state, found.waiting_for, found.seen) == (
        State.WAITING,
        Turn.TIME,
        Text("seen.consent_settles"),
    )
    assert found.until is not None
    assert found.until > now()


async def test_an_old_redirect_proves_nothing(given: Given, cloud: Cloud):
    """If no grant shows five minutes after the consent page, the administrator is asked again."""
    cloud.on(READ, [])
    old = Event(
        Kind.ANSWERED,
        now() - timedelta(minutes=6),
        data={"question": "consent", "value": "granted"},
    )
    found = await STEP.inspect(given(facts=FACTS, events=(old,)))
    assert (found.waiting_for, found.until) == (Turn.ADMINISTRATOR, None)


async def test_a_check_warns_where_it_was_revoked(given: Given, cloud: Cloud):
    """A check warns of a revoked admin consent.

    Mail flows without the consent, but a setup would wait for it.
    """
    cloud.on(READ, [])
    found = STEP.diagnosis.as_check_result(
        await STEP.inspect(given(facts=FACTS, kind="check", answers={"consent": "granted"}))
    )
    assert (found.state, found.seen, found.expected) == (
        State.WARNING,
        Text("seen.no_consent"),
        Text("expected.admin_consent"),
    )
    assert STEP.name in checks_for(Profile.ARTICLE)
    assert STEP.name not in checks_for(Profile.LEAST)
