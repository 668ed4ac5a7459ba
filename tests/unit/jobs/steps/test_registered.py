"""Article row C7: registration of the app to Webex Engage."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest

from jobs.clouds.http import async_client
from jobs.contact_center import client
from jobs.engine.context import StepContext
from jobs.model import Finding, State, Text, Turn, minute_of
from jobs.runs.run import Event, Kind
from jobs.settings import Settings
from jobs.steps.connect_form import Registered
from tests.unit.jobs.conftest import Given

STEP = Registered()


AT = datetime(2026, 11, 25, 9, 10, tzinfo=UTC)
"""Time at which the token was generated."""


def entry(minutes: float, event: str = "updateApp", status: str = "SUCCESS") -> dict[str, str]:
    """Return an entry of Webex Connect's audit log, so many minutes after the token."""
    at = (AT + timedelta(minutes=minutes)).isoformat(timespec="milliseconds")
    return {
        "created": at.replace("+00:00", "Z"),
        "eventDescription": event,
        "statusOfAction": status,
        "actorEmail": "kim@contoso.com",
    }


@pytest.fixture
def logged(given: Given, work_settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Given:
    """Return a function that creates a run with these entries in Webex Connect's audit log."""

    def make(*entries: dict[str, str], status: int = 200, **more: Any) -> StepContext:
        body = {"auditLogs": list(entries), "totalRecords": len(entries)}
        transport = httpx.MockTransport(lambda _: httpx.Response(status, json=body))
        monkeypatch.setattr(
            client, "async_client", lambda settings: async_client(settings, transport)
        )
        url = "https://contoso.us.webexconnect.io/connectapi/v1/auditlogs"
        settings = replace(work_settings, connect_audit_url=url, connect_audit_token="t")
        facts = {"generated_at": AT.isoformat()}
        return given(settings=settings, facts=facts, **more)

    return make


async def test_save_and_register_are_two_changes_of_the_app(logged: Given):
    """Two changes of the app after Generate Token, Save and Register, are proof in the audit log.

    So the requester is not asked.
    """
    found = await STEP.inspect(logged(entry(1, "createApp"), entry(2), entry(-1)))
    at = minute_of(AT + timedelta(minutes=2))
    assert found == Finding("registered", State.OK, seen=Text("seen.registered_in_log", {"at": at}))


@pytest.mark.parametrize(
    "entries",
    [
        [],
        [entry(1)],
        [entry(1), entry(2, status="ERROR")],
        [entry(1), entry(2, "updateFlow")],
        [entry(-2), entry(-1)],
    ],
    ids=["nothing", "saved", "failed", "flow", "before"],
)
async def test_less_does_not_show_it(logged: Given, entries: list[dict[str, str]]):
    """If the audit log has fewer changes, the requester is asked.

    The log is read again later by itself.
    """
    found = await STEP.inspect(logged(*entries))
    assert (found.state, found.waiting_for) == (State.WAITING, Turn.REQUESTER)
    assert found.until is not None


@pytest.mark.parametrize(("minutes", "state"), [(2, State.OK), (-2, State.WAITING)])
async def test_after_the_word_that_the_token_is_saved_one_change_is_enough(
    logged: Given, minutes: float, state: State
):
    """Once the requester has confirmed the saved token, one later change of the app is enough.

    Save came before that, so only Register To Webex Engage is left.
    """
    said = Event(Kind.ANSWERED, AT, data={"question": "token_saved", "value": "yes"})
    assert (await STEP.inspect(logged(entry(minutes), events=(said,)))).state is state


@pytest.mark.parametrize("status", [401, 403, 500])
async def test_a_log_that_cannot_be_read(logged: Given, status: int):
    """If the audit log cannot be read, the step waits for the requester's button."""
    found = await STEP.inspect(logged(entry(1), entry(2), status=status))
    assert (found.state, found.cause) == (State.WAITING, "")
