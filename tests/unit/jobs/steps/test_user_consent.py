"""Article row E7: whether users may consent to apps, which is only read."""

from __future__ import annotations

import pytest

from jobs.model import Finding, State, Text
from jobs.steps.service_principal import UserConsent, allows, assigned
from tests.unit.jobs.conftest import Cloud, Given

STEP = UserConsent()
READ = "GET /policies/authorizationPolicy"
OURS, DOCS = "ManagePermissionGrantsForSelf.", "managePermissionGrantsForSelf."


@pytest.mark.parametrize(
    ("names", "answer"),
    [
        ([OURS + "microsoft-user-default-legacy"], "yes"),
        ([DOCS + "microsoft-user-default-low"], "classified"),
        ([OURS + "microsoft-user-default-recommended"], "custom"),
        ([OURS + "our-own-policy"], "custom"),
        ([OURS + "our-own-policy", OURS + "microsoft-user-default-low"], "classified"),
        ([OURS + "microsoft-user-default-allow-consent-apps"], "no"),
        (["managePermissionGrantsForOwnedResource.x"], "no"),
        ([], "no"),
        (None, "no"),
    ],
)
def test_the_policy_in_plain_words(names: list[str] | None, answer: str):
    """If several consent policies are assigned, the one that permits most counts.

    The prefix of their names is accepted in both letter cases.
    """
    assert (
        allows(assigned({"defaultUserRolePermissions": {"permissionGrantPoliciesAssigned": names}}))
        == answer
    )


@pytest.mark.parametrize("policy", [{}, {"defaultUserRolePermissions": None}])
def test_a_policy_that_says_nothing_allows_nothing(policy: dict[str, object]):
    """If the policy lacks the key for consent, users may not consent."""
    assert allows(assigned(policy)) == "no"


async def test_whatever_it_says_holds(given: Given, cloud: Cloud):
    """The step is OK whatever the policy says, because the channel does not depend on it.

    The finding shows the policy.
    """
    cloud.on(READ, {"defaultUserRolePermissions": {"permissionGrantPoliciesAssigned": []}})
    assert await STEP.inspect(given()) == Finding(
        "user_consent", State.OK, seen=Text("seen.user_consent_no")
    )


@pytest.mark.parametrize("status", [400, 403, 404])
async def test_one_that_may_not_be_read_is_skipped(given: Given, cloud: Cloud, status: int):
    """If the policy cannot be read, the step is skipped and the run continues.

    An administrator may lack Policy.Read.All, or a cloud may lack the policy.
    """
    cloud.refuse(READ, status)
    assert await STEP.inspect(given()) == Finding(
        "user_consent", State.SKIPPED, seen=Text("skipped.policy_not_readable")
    )
