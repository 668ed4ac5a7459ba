"""Other channels that have an address or the app of the channel that a plan is made for."""

from dataclasses import replace

import pytest

from jobs.channel.mailbox import ADDRESS_IN_USE, APP_IN_USE, channels_with_app
from jobs.clock import now
from jobs.model import Evidence, Finding, State
from jobs.runs.run import Brief, Event, Kind
from jobs.runs.run_store import Record
from jobs.steps.connect_form import Addresses
from tests.unit.jobs.steps.looks_of_apps import APP, FACTS, OFFERED, STEP

SALES = "sales@contoso.com"


def connected(given, store, channel, client_id: str = "", **facts: str) -> None:
    """Record a proven channel whose run has worked on this app, and who logs in for it."""
    run = given(channel=channel).run
    found = Finding("application", State.OK, facts={"client_id": client_id, **facts})
    store.append(run.id, Event(Kind.FOUND, now(), step="application", finding=found))
    with store.redis.pipeline() as pipe:
        store.channels.add(pipe, Record(run.id, now(), channel), store.load(run.id))
        pipe.execute()
    store.end(store.load(run.id), Event(Kind.CANCELLED, now()))


def planning(given, **more):
    ctx = given(**more)
    ctx.looking = True
    return ctx


@pytest.mark.parametrize(
    ("mailbox", "forwarding", "named"),
    [
        (SALES, "X1@mail.webexconnect.io", True),
        (SALES, "support@contoso.com", True),
        ("x1@mail.webexconnect.io", "other@mail.webexconnect.io", True),
        (SALES, "other@mail.webexconnect.io", False),
        ("support@contoso.com", "x1@mail.webexconnect.io", False),
    ],
)
async def test_another_channel_with_the_address(given, store, channel, mailbox, forwarding, named):
    """A plan names each other channel that uses this channel's mailbox or Forwarding Address.

    The step of the addresses is right all the same. The channel itself is not another one, and
    channels may share their Call Back URL.
    """
    connected(given, store, replace(channel, mailbox=mailbox, forwarding_address=forwarding))
    found = await Addresses().inspect(planning(given))
    named_by = (Evidence(ADDRESS_IN_USE, mailbox),) if named else ()
    assert (found.state, found.evidence) == (State.OK, named_by)


async def test_only_a_plan_looks_for_other_channels(given, store, channel):
    """Only a plan looks for other channels with the same values.

    A check of many channels does not compare each of them with all others.
    """
    connected(given, store, replace(channel, mailbox=SALES), "client-1")
    ctx = given()
    found = await Addresses().inspect(ctx)
    assert (found.evidence, channels_with_app(ctx, "client-1")) == ((), ())


@pytest.mark.parametrize(
    ("client_id", "unique_name", "by_hand", "named"),
    [
        ("CLIENT-1", None, False, True),
        ("client-2", None, False, False),
        ("client-1", "webexconnect-x", False, False),
        ("client-1", "webexconnect-x", True, True),
    ],
)
async def test_another_channel_with_the_app(
    given, store, channel, cloud, client_id, unique_name, by_hand, named
):
    """A plan names another channel that has the same app.

    An app whose unique name is made for one mailbox belongs to that mailbox only, unless a fix has
    given that name to an app that people made.
    """
    connected(given, store, replace(channel, mailbox=SALES), client_id)
    cloud.on("GET /applications(appId='client-1')", APP | {"uniqueName": unique_name})
    brief = Brief(by_hand=by_hand, client_id="client-1")
    found = await STEP.inspect(planning(given, facts=FACTS, brief=brief))
    named_by = [item for item in found.evidence if item.kind == APP_IN_USE]
    assert named_by == ([Evidence(APP_IN_USE, SALES)] if named else [])


@pytest.mark.parametrize(("used", "offered"), [("x", []), ("A", ["b"]), ("b", ["a"])])
async def test_what_is_offered(given, store, channel, cloud, used, offered):
    """The only app made by hand that no other channel has is offered, and none of several."""
    connected(given, store, replace(channel, mailbox=SALES), used)
    cloud.on("GET /applications", [OFFERED | {"appId": each} for each in "ab"])
    found = await STEP.inspect(planning(given, facts=FACTS))
    assert [each.text for each in found.evidence] == offered


def test_a_run_that_is_gone_names_no_app(given, store, channel):
    """A channel whose run was deleted is not compared, because its app is not known."""
    connected(given, store, replace(channel, mailbox=SALES), "client-1")
    (record,) = store.channels.connected()
    store.redis.delete(f"run:{record.run}:events")
    assert channels_with_app(planning(given), "client-1") == ()
