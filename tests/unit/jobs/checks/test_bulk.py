"""Bulk check: every channel gets one verdict, whatever happens to the worker."""

import asyncio
import time
from dataclasses import replace

import pytest

from jobs.access import tenants
from jobs.checks import bulk
from jobs.checks.bulk import BulkCheck
from jobs.clock import now
from jobs.model import Channel, Finding, RunKind, State
from jobs.runs.run import Brief, Event, Kind, LeaseLostError, Origin
from jobs.runs.run_store import CheckBuffer, Record

BOXES = ("a@contoso.com", "b@contoso.com", "c@fabrikam.com")


@pytest.fixture
def runtime(provider, work_settings, runtime_of):
    """Runtime of a worker whose clouds are on loopback or cannot be reached."""
    closed = {
        "smtp_server": "127.0.0.1:1",
        "status_url": provider.base,
        "graph_url": provider.base,
        "exchange_url": provider.base,
    }
    return runtime_of(replace(work_settings, login_url=provider.base, **closed))


@pytest.fixture
def begun(store, asker):
    """A bulk check of three channels, one of which is in a known tenant."""
    store.channels.keep(Record("RUN", now(), Channel("c@fabrikam.com", tenant_id="T2")))
    return store.open(
        Channel(""), asker, Origin("room-1"), RunKind.BULK_CHECK, Brief(mailboxes=tuple(BOXES))
    )


async def test_every_channel_gets_its_verdict(runtime, store, begun):
    """A bulk check gives a verdict for each channel and saves it as the channel's last check.

    Only the bulk check itself is on the list of due runs.
    """
    version = await bulk.check_all(runtime, begun, lambda: True)
    run = store.load(begun.id)
    assert (run.findings.keys(), run.checked is not None) == (set(BOXES), True)
    assert version == run.version
    checks = [check for box in BOXES if (check := store.last_check(box)) and check.checked]
    assert [(each.channel.mailbox, each.kind) for each in checks] == [(b, "check") for b in BOXES]
    assert set(store.schedule.all()) == {begun.id}
    assert {each.findings["smtp_server"].state for each in checks} == {State.WRONG}


async def test_what_is_the_same_for_all_is_looked_at_once(runtime, provider, begun):
    """Entra's discovery document is read once per tenant, not once per channel."""
    await bulk.check_all(runtime, begun, lambda: True)
    asked = [path for path, _ in provider.requests if path.endswith("openid-configuration")]
    places = [f"/{each}/v2.0/.well-known/openid-configuration" for each in ("T2", "organizations")]
    assert sorted(asked) == places


async def test_another_worker_goes_on_with_the_rest(runtime, store, begun):
    """Another worker checks only the remaining channels, and existing verdicts stay.

    A second look after the end changes nothing.
    """
    first = Finding(BOXES[0], State.WARNING)
    store.append(begun.id, Event(Kind.FOUND, now(), step=BOXES[0], finding=first))
    await bulk.check_all(runtime, store.load(begun.id), lambda: True)
    run = store.load(begun.id)
    assert (run.findings[BOXES[0]], len(run.findings)) == (first, 3)
    assert store.last_check(BOXES[0]) is None
    assert await bulk.check_all(runtime, run, lambda: True) == run.version == store.length(run.id)


async def test_a_lost_lease_writes_nothing_more(runtime, store, begun):
    """A worker that has lost its lease writes no verdict, because another worker has the check."""
    with pytest.raises(LeaseLostError):
        await bulk.check_all(runtime, begun, lambda: False)
    assert store.load(begun.id).findings == {}


async def test_a_worker_whose_time_is_up_lets_go(runtime, store, begun):
    """A worker whose time is up begins no further tenant and leaves the rest for the next turn."""
    work = BulkCheck(runtime, begun, lambda: True, time.monotonic() - bulk.SLICE_S - 1)
    for name, channels in bulk.by_tenant(runtime, begun.brief.mailboxes).items():
        await work.tenant(name, channels)
    assert store.load(begun.id).findings == {}


@pytest.mark.parametrize(("seconds", "looked"), [(bulk.SLICE_S, 1), (bulk.LONGEST_S, 0)])
async def test_a_tenant_that_was_begun_is_finished(runtime, store, begun, seconds, looked):
    """A tenant that was begun is finished even if the worker's time is up, so it is not read twice.

    Only the time limit of the job stops it.
    """
    work = BulkCheck(runtime, begun, lambda: True, time.monotonic() - seconds - 1)
    async with tenants.open_reader(runtime, "") as seen:
        await work.channel(seen, Channel(BOXES[0]), asyncio.Semaphore(1))
    assert len(store.load(begun.id).findings) == looked


def test_channels_by_their_tenant(runtime, begun):
    """Channels are grouped by their tenants, and those without a known tenant form one group."""
    found = bulk.by_tenant(runtime, begun.brief.mailboxes)
    assert {name: [each.mailbox for each in channels] for name, channels in found.items()} == {
        "": list(BOXES[:2]),
        "t2": [BOXES[2]],
    }


def test_a_draft_is_nowhere_before_it_is_kept(store, asker):
    """A draft of a check is stored only when it is saved, so a worker's death leaves no half check.

    A draft that was saved is read back unchanged.
    """
    draft = CheckBuffer(store, Channel("a@contoso.com"), asker, Origin("room-1"), Brief())
    draft.append(draft.run.id, Event(Kind.FOUND, now(), step="x", finding=Finding("x", State.OK)))
    assert draft.refresh(draft.run) == draft.run
    assert (store.length(draft.run.id), store.last_check("a@contoso.com")) == (0, None)
    kept = draft.save()
    assert (store.load(kept.id), store.last_check("a@contoso.com")) == (kept, kept)
    assert store.redis.zscore("due", f"run:{kept.id}") is None
