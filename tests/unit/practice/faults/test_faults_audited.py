"""Changes in the portal, as the practice directory's log shows them."""

from __future__ import annotations

import pytest


@pytest.mark.parametrize(
    ("fault", "activity", "thing"),
    [
        ("grant_removed", "Remove delegated permission grant", "principal"),
        ("app_deleted", "Delete application", "app"),
        ("principal_disabled", "Update service principal", "principal"),
    ],
)
def test_a_fault_of_entra_is_in_the_log(channel, fault, activity, thing):
    """The log names the colleague, the activity and the object."""
    changed = getattr(channel.ground, thing)["id"]
    channel.post(f"fault/{fault}")
    newest = channel.ground.tenant.audits[-1]
    assert newest["activityDisplayName"] == activity
    assert newest["initiatedBy"]["user"]["userPrincipalName"] == "global@contoso.com"
    assert changed in {each["id"] for each in newest["targetResources"]}
