"""Article row C6: the bot's own client secret, after somebody has skipped its rehearsal."""

from __future__ import annotations

import pytest

from jobs.clock import now
from jobs.clouds.errors import CloudError, CloudReply, Forbidden, Transient
from jobs.microsoft.app_manifest import unique_name
from jobs.model import Channel, Finding, State, Text
from jobs.runs.run import Event, Kind
from jobs.steps import steps_of
from jobs.steps.client_secret import LABEL, UnusedSecret
from tests.unit.jobs.conftest import Cloud, Given

STEP = UnusedSecret()
BY_ID, BY_NAME = (
    "GET /applications/object-1",
    f"GET /applications(uniqueName='{unique_name('support@contoso.com')}')",
)
REMOVE = "POST /applications/object-1/removePassword"
FACTS = {"object_id": "object-1"}
OWN, THEIRS = (
    {"displayName": LABEL, "keyId": "own"},
    {"displayName": "Webex Connect X", "keyId": "theirs"},
)
MADE = Event(Kind.FOUND, now(), step="check_secret", finding=Finding("check_secret", State.OK))
TRIED = Event(
    Kind.CHANGING, now(), step="check_secret", finding=Finding("check_secret", State.WRONG)
)


@pytest.mark.parametrize(
    ("answer", "events", "there"),
    [
        ("skip:away", (MADE,), True),
        ("skip:away", (TRIED,), True),
        ("skip:away", (), False),
        ("yes", (MADE,), False),
    ],
)
def test_where_it_is_part_of_a_run(
    given: Given, answer: str, events: tuple[Event, ...], there: bool
):
    """A run has this step only if the bot's secret may exist and the rehearsal was skipped."""
    ctx = given(channel=Channel("a@contoso.com"), answers={"rehearse": answer}, events=events)
    assert ("unused_secret" in steps_of(ctx.run)) is there


async def test_it_is_removed_once_and_proven(given: Given, cloud: Cloud):
    """The unused secret is found by its name and removed, and Webex Connect's own stays."""
    cloud.on(BY_ID, {"passwordCredentials": [THEIRS]}).on(
        BY_NAME, {"passwordCredentials": [OWN, THEIRS]}
    )
    ctx = given(facts=FACTS)
    assert (await STEP.inspect(ctx)).state is State.WRONG
    await STEP.apply(ctx, STEP.wrong(Text("seen.unused_secret_there")))
    assert cloud.writes == [(REMOVE, {"keyId": "own"})]
    after = given(channel=Channel("a@contoso.com"), facts=FACTS, changed={"unused_secret": now()})
    assert await STEP.inspect(after) == STEP.ok(Text("seen.undo_removed"))


async def test_while_it_is_listed_it_is_not_removed(given: Given, cloud: Cloud):
    """A removed secret counts as removed only once the app no longer lists it."""
    cloud.on(BY_ID, {"passwordCredentials": [OWN]})
    assert (
        await STEP.inspect(given(facts=FACTS, changed={"unused_secret": now()}))
    ).state is State.WRONG


@pytest.mark.parametrize(
    ("error", "state"),
    [
        (Forbidden("request_rejected", CloudReply("graph")), State.WARNING),
        (Transient("service_unavailable", CloudReply("graph")), None),
    ],
)
def test_one_that_may_not_be_removed_is_named(given: Given, error: CloudError, state: State | None):
    """A secret that cannot be removed is a warning with its name, and no run waits for it.

    The engine handles a temporary error.
    """
    found = STEP.explain_error(given(), error)
    assert (found and found.state, found and found.seen and found.seen.values) == (
        state,
        state and {"name": LABEL},
    )
