"""Article row E4, first half: the tenant's IDs of the permissions."""

from __future__ import annotations

import pytest

from jobs.clouds.errors import CloudError, CloudReply, Forbidden, NotFound, Rejected, Transient
from jobs.model import State, verbatim
from jobs.steps.service_principal import Permissions
from tests.unit.jobs.conftest import Given

STEP = Permissions()
SAID = CloudReply("graph", 400, "Request_BadRequest", "No such service.")


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (Rejected("request_rejected", SAID), True),
        (NotFound("not_found", SAID), True),
        (Forbidden("directory_role_missing", SAID), False),
        (Transient("service_unavailable", SAID), False),
    ],
)
def test_a_tenant_without_the_service(given: Given, error: CloudError, told: bool):
    """A tenant without the service is reported in Graph's words.

    The engine handles all other errors.
    """
    found = STEP.explain_error(given(), error)
    assert (found is not None) is told
    if found:
        assert (found.state, found.cause, found.seen) == (
            State.UNKNOWN,
            "exchange_service_missing",
            verbatim("No such service."),
        )
