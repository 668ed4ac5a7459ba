"""Article row M1, first half: the signed-in tenant owns the mailbox's domain."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from jobs.engine.context import StepContext
from jobs.model import Finding, State, Text
from jobs.steps.mailbox_user import Tenant

VALUES = {"domain": "contoso.com", "account": "admin@contoso.com"}
STEP = Tenant()


@pytest.mark.parametrize("name", ["contoso.com", "Contoso.COM"])
async def test_a_verified_domain_is_ours(given: Callable[..., StepContext], cloud: Any, name: str):
    """The tenant is OK if the mailbox's domain is verified, without regard to letter case."""
    cloud.on(
        "GET /organization",
        [{"verifiedDomains": [{"name": "contoso.onmicrosoft.com"}, {"name": name}]}],
    )
    assert await STEP.inspect(given()) == Finding(
        "tenant", State.OK, seen=Text("seen.tenant", VALUES)
    )


@pytest.mark.parametrize(
    "rows",
    [
        [{"verifiedDomains": [{"name": "fabrikam.com"}]}],
        [{"verifiedDomains": [{}, {"name": "x.contoso.com"}]}],
    ],
)
async def test_another_tenant_is_named(
    given: Callable[..., StepContext], cloud: Any, rows: list[object]
):
    """If the tenant has not verified the mailbox's domain, the finding names the wrong tenant."""
    cloud.on("GET /organization", rows)
    wanted = Text("expected.tenant")
    expected = Finding(
        "tenant",
        State.WRONG,
        seen=Text("seen.other_tenant", VALUES),
        expected=wanted,
        cause="wrong_tenant",
    )
    assert await STEP.inspect(given()) == expected


@pytest.mark.parametrize(
    "answer",
    [(403, {}), (404, {"error": {"code": "x"}}), (400, {}), [], [{}], [{"verifiedDomains": None}]],
)
async def test_domains_that_may_not_be_read_decide_nothing(
    given: Callable[..., StepContext], cloud: Any, answer: object
):
    """If the organization's domains cannot be read, the step is OK and the mailbox user decides."""
    cloud.on("GET /organization", answer)
    assert await STEP.inspect(given()) == Finding(
        "tenant", State.OK, seen=Text("seen.tenant_unread", VALUES)
    )
