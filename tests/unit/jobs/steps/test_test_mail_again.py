"""Article row V1: a test mail that has gone elsewhere is sent again."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from jobs.clock import now
from jobs.model import State
from jobs.settings import Settings
from jobs.steps import proof
from tests.unit.jobs.conftest import Cloud, Given


@pytest.mark.parametrize("step", ["forwarding", "outbound_policy"])
@pytest.mark.parametrize(("ago", "state"), [(1, State.WRONG), (3, State.WAITING)])
async def test_it_is_sent_again_once_the_run_has_set_its_way_again(
    given: Given, cloud: Cloud, work_settings: Settings, ago: int, state: State, step: str
):
    """A mail that was sent before the run set its way right is not waited for."""
    sent = now() - timedelta(minutes=2)
    ctx = given(
        changed={step: now() - timedelta(minutes=ago), "test_mail": sent},
        settings=replace(
            work_settings, probe_smtp_url="smtp://127.0.0.1:9", probe_from="probe@else.test"
        ),
    )
    cloud.on("GET /admin/exchange/tracing/messageTraces", [])
    assert (await proof.TestMail().inspect(ctx)).state is state
