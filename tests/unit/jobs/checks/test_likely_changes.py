"""Steps that a fix will probably change after a check, for whose permissions its sign-in asks."""

import pytest

from jobs.checks.check import likely_changes
from jobs.clock import now
from jobs.model import Channel, Finding, Person, RunKind, State
from jobs.runs.run import Run
from jobs.steps import all_steps, steps_for

CHANNEL = Channel("support@contoso.com")
GOOD = {name: Finding(name, State.OK) for name in steps_for(CHANNEL.profile)}


def check(**findings: Finding) -> Run:
    """Return a check that found everything right except these findings."""
    run = Run("R1", CHANNEL, Person("anna", "anna@contoso.com"), now(), RunKind.CHECK)
    run.findings.update(GOOD | findings)
    return run


def wrong(name: str, state: State = State.WRONG, cause: str = "") -> Finding:
    """Return a finding of the step, which is wrong unless another state is given."""
    return Finding(name, state, cause=cause)


def test_what_is_wrong_is_named():
    """Only wrong steps are expected to change, and no right step, even if it needs a wrong one."""
    found = likely_changes(check(forwarding=wrong("forwarding"), application=wrong("application")))
    assert found == ("application", "forwarding")


def test_what_could_not_be_seen_without_the_wrong_one():
    """A skipped step is expected to change if it needs a wrong step.

    Without its app neither the secret nor the grant could be read, but the mailbox's steps could.
    """
    unseen = ("service_principal", "client_secret", "smtp_grant", "smtp_auth")
    skipped = {name: wrong(name, State.SKIPPED) for name in unseen}
    found = set(likely_changes(check(application=wrong("application"), **skipped)))
    assert {"application", "service_principal", "client_secret", "smtp_grant"} <= found
    assert "smtp_auth" not in found


def test_the_organization_is_changed_only_for_its_own_cause():
    """A missing mailbox is no reason to switch on SMTP AUTH for the whole organization.

    A fix plans that change if it is named here, and not otherwise.
    """
    unneeded = wrong("smtp_auth_tenant", State.SKIPPED)
    found = check(mailbox_user=wrong("mailbox_user"), smtp_auth_tenant=unneeded)
    assert "smtp_auth_tenant" not in likely_changes(found)
    wins = wrong("smtp_login", cause="smtp_auth_tenant_wins")
    assert "smtp_auth_tenant" in likely_changes(check(smtp_login=wins, smtp_auth_tenant=unneeded))


@pytest.mark.parametrize(
    ("cause", "named"), [("client_secret_expires_soon", True), ("client_secret_missing", False)]
)
def test_a_warning_that_a_fix_ends(cause, named):
    """A fix is expected to renew a secret that ends soon, and to leave other warnings alone."""
    warned = wrong("client_secret", State.WARNING, cause)
    assert ("client_secret" in likely_changes(check(client_secret=warned))) is named


def test_a_probe_is_never_changed():
    """A fix is expected to change only steps of a setup, and never a probe."""
    assert likely_changes(check(transport_rules=wrong("transport_rules"))) == ()
    assert set(likely_changes(check(**{n: wrong(n) for n in GOOD}))) <= set(all_steps())
