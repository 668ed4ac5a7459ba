"""Article row E1, second half: the service principal (enterprise application) of the email app."""

from __future__ import annotations

import pytest

from jobs.checks.verdict import judge
from jobs.model import Finding, Profile, State
from jobs.probes import checks_for


@pytest.mark.parametrize("cause", ["app_disabled_by_microsoft", "app_deactivated"])
def test_a_refused_sign_in_is_explained_by_it(cause: str):
    """An app that is deactivated or disabled by Microsoft explains refused sign-ins.

    AADSTS7000112 says the same of both.
    """
    own = Finding("service_principal", State.WRONG, cause=cause)
    refused = Finding("sign_ins", State.WRONG, cause="app_disabled")
    assert judge(
        checks_for(Profile.LEAST), {"service_principal": own, "sign_ins": refused}
    ).causes == ("service_principal",)
