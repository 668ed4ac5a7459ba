"""E7: whether users may consent to apps, only read."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from jobs.model import Finding, State, Words
from jobs.step import Context
from jobs.steps.user_consent import UserConsent, allows

STEP = UserConsent()
READ = "GET /policies/authorizationPolicy"
OURS, DOCS = "ManagePermissionGrantsForSelf.", "managePermissionGrantsForSelf."


@pytest.mark.parametrize(
    ("assigned", "answer"),
    [
        ([OURS + "microsoft-user-default-legacy"], "yes"),
        ([DOCS + "microsoft-user-default-low"], "classified"),
        ([OURS + "microsoft-user-default-recommended"], "yes"),
        ([OURS + "our-own-policy"], "custom"),
        ([OURS + "our-own-policy", OURS + "microsoft-user-default-low"], "classified"),
        ([OURS + "microsoft-user-default-allow-consent-apps"], "no"),
        (["managePermissionGrantsForOwnedResource.x"], "no"),
        ([], "no"),
        (None, "no"),
    ],
)
def test_the_policy_in_plain_words(assigned: list[str] | None, answer: str):
    """Both cases of the prefix, and the widest of several."""
    assert allows({"defaultUserRolePermissions": {"permissionGrantPoliciesAssigned": assigned}}) == answer


@pytest.mark.parametrize("policy", [{}, {"defaultUserRolePermissions": None}])
def test_a_policy_that_says_nothing_allows_nothing(policy: dict[str, object]):
    """Missing keys are no."""
    assert allows(policy) == "no"


async def test_whatever_it_says_holds(given: Callable[..., Context], cloud: Any):
    """The channel does not depend on it, so the row is ok, with what was seen."""
    cloud.on(READ, {"defaultUserRolePermissions": {"permissionGrantPoliciesAssigned": []}})
    assert await STEP.inspect(given()) == Finding("user_consent", State.OK, seen=Words("seen.user_consent_no"))


@pytest.mark.parametrize("status", [400, 403, 404])
async def test_one_that_may_not_be_read_is_skipped(given: Callable[..., Context], cloud: Any, status: int):
    """An administrator without Policy.Read.All, or a cloud without the policy, does not stop the run."""
    cloud.refuse(READ, status)
    assert await STEP.inspect(given()) == Finding("user_consent", State.SKIPPED, seen=Words("skipped.policy_not_readable"))
