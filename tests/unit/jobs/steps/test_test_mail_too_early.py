"""Article row V1: a test mail that came before the app was registered to Webex Engage."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from jobs.clock import now
from jobs.model import Finding, State, Text
from jobs.runs.run import Event, Kind
from jobs.settings import Settings
from tests.unit.jobs.conftest import Cloud, Given
from tests.unit.jobs.steps.test_test_mail import COPY, MAILBOX, STEP, TRACE, minutes, row, said


@pytest.fixture
def sends(work_settings: Settings) -> Settings:
    """Return settings with which the bot sends the test mail itself."""
    return replace(work_settings, probe_smtp_url="smtp://127.0.0.1:9", probe_from="probe@else.test")


async def test_registered_after_the_mail_sends_it_again(
    given: Given, cloud: Cloud, sends: Settings
):
    """A mail that came before the app's registration is sent again, even if it was delivered.

    Webex Connect has dropped it.
    """
    ctx = given(settings=sends, changed={STEP.name: now() - timedelta(minutes=5)})
    rows = [row(ctx, MAILBOX, receivedDateTime=minutes(4))]
    copies = [row(ctx, COPY, receivedDateTime=minutes(4))]
    cloud.on(TRACE, rows, copies)
    assert (await STEP.inspect(ctx)).state is State.OK
    ctx.store.append(ctx.run.id, said("registered", 1))
    late = replace(ctx, run=ctx.store.load(ctx.run.id))
    cloud.on(TRACE, rows, copies)
    assert (await STEP.inspect(late)).seen == Text("seen.not_sent")
    wrong = Finding(STEP.name, State.WRONG)
    ctx.store.append(ctx.run.id, Event(Kind.CHANGING, now(), step=STEP.name, finding=wrong))
    sent = replace(ctx, run=ctx.store.load(ctx.run.id))
    cloud.on(TRACE, [*rows, row(ctx, MAILBOX, id="t2")], [*copies, row(ctx, COPY, id="t2")])
    assert (await STEP.inspect(sent)).state is State.OK


async def test_a_mail_that_came_after_the_press_is_not_sent_again(
    given: Given, cloud: Cloud, sends: Settings
):
    """A mail that arrived after the requester pressed the button is not sent again.

    The bot had read in the audit log that the app is registered, and sent the mail just before.
    """
    ctx = given(settings=sends, changed={STEP.name: now() - timedelta(minutes=5)})
    ctx.store.append(ctx.run.id, said("registered", 4))
    pressed = replace(ctx, run=ctx.store.load(ctx.run.id))
    rows = [row(ctx, MAILBOX, receivedDateTime=minutes(3))]
    cloud.on(TRACE, rows, [])
    assert (await STEP.inspect(pressed)).seen == Text("seen.arrived")
    cloud.on(TRACE, rows, [row(ctx, COPY, receivedDateTime=minutes(3))])
    assert (await STEP.inspect(pressed)).state is State.OK
    cloud.on(TRACE, rows, [row(ctx, COPY, "failed", receivedDateTime=minutes(3))])
    cloud.on("GET /admin/exchange/tracing/messageTraces/*", [])
    assert (await STEP.inspect(pressed)).seen == Text("seen.mail_failed")
