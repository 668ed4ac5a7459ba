"""Tests of the work on a run: as far as it goes now, and how the worker then leaves it."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from unittest.mock import Mock

import pytest

from jobs import advance
from jobs.access import tenants
from jobs.checks import check
from jobs.clock import now
from jobs.clouds.errors import SignInNeeded
from jobs.clouds.http import sync_client
from jobs.microsoft.identity import Identity
from jobs.model import Access, Account, Change, Reason, RunKind, Scope, State, Text, Turn
from jobs.runs.run import Event, Kind, Origin
from jobs.runtime import Runtime, install, no_listener
from jobs.steps import steps_of
from jobs.storage.vault import Sealed, Vault
from tests.fixtures.copies import replace
from tests.fixtures.queue_state import claimed
from tests.fixtures.run_events import answered, found
from tests.unit.jobs.checks.test_check_access import Look

ACCOUNT = Account("tenant-1", "oid-1", "admin@contoso.com")
ORIGIN = Origin("room-1", message="m-1")


@pytest.fixture
def heard() -> list[str]:
    """Return the runs that the listener is told of."""
    return []


@pytest.fixture
def runtime(work_settings, store, vault, heard) -> Runtime:
    """Return a worker's runtime, installed for this process."""
    made = Runtime(work_settings, store, vault, heard.append)
    install(made)
    return made


@pytest.fixture
def opened(store, asker, channel):
    return store.open(channel, asker, ORIGIN)


@pytest.fixture
def say(store, opened, channel):
    """Return a function that appends events to the run and returns the run."""

    def append(*events: Event):
        store.append(opened.id, Event(Kind.DETAILS, now(), channel=channel), *events)
        return store.load(opened.id)

    return append


def signed_in() -> Event:
    return Event(Kind.SIGNED_IN, now(), account=ACCOUNT)


def due(store, run) -> float | None:
    """Return in how many seconds the run is due again, or None if it is not due."""
    score = store.redis.zscore("due", f"run:{run.id}")
    return None if score is None else float(score) - now().timestamp()


def kinds(store, run) -> list[str]:
    return [str(event.kind) for event in store.events(run.id)]


def test_a_run_that_is_gone_is_forgotten(runtime, store):
    """A job for a run that Redis has lost writes nothing and schedules nothing."""
    store.schedule.add("GONE22", now())
    advance.advance("GONE22")
    assert (store.events("GONE22"), store.redis.zscore("due", "run:GONE22")) == ((), None)


@pytest.mark.parametrize("detailed", [False, True])
def test_a_run_that_nobody_signed_in_for_waits(runtime, store, opened, say, detailed):
    """A run waits for its first card, and then for a sign-in, so nothing is due."""
    run = say() if detailed else opened
    before = kinds(store, run)
    advance.advance(run.id)
    assert (kinds(store, run), due(store, run)) == (before, None)


def test_where_another_worker_has_it(runtime, store, say):
    """A run that another worker has is due again within a second, so that no wake-up is lost."""
    run = say()
    with store.lease(run.id):
        advance.advance(run.id)
    assert 0 < (due(store, run) or 0) <= 1


def test_a_sign_in_that_is_gone_is_asked_for_again(runtime, store, say):
    """If the sign-in of a run is gone, the run records the reason and waits for a new one."""
    run = say(signed_in())
    advance.advance(run.id)
    last = store.events(run.id)[-1]
    assert (last.kind, last.data) == (Kind.SIGNED_OUT, {"cause": "sign_in_missing", "code": ""})
    assert store.load(run.id).account is None


def test_a_sign_in_that_ends_for_an_unknown_reason(
    provider, work_settings, store, vault, say, opened
):
    """If Entra ends a sign-in for an unknown reason, its whole message is recorded with its ids.

    Microsoft's support asks for these ids.
    """
    credentials = {"microsoft_client_id": "client-1", "microsoft_client_secret": "s3cr~t.Value"}
    settings = replace(work_settings, login_url=provider.base, **credentials)
    with sync_client(settings) as http:
        bot, scopes = Identity.of_bot(settings, http), ["https://graph.microsoft.com/User.Read"]
        flow = bot.begin(scopes, settings.callback, "state-1")
        cache = bot.finish(flow, provider.sign_in(flow["auth_uri"])).cache
    runtime = Runtime(settings, store, vault, no_listener)
    install(runtime)
    tenants.keep_session(runtime, opened, cache)
    provider.trouble = [provider.refuse(400, "invalid_grant", 9999999)] * 5
    advance.advance(say(signed_in()).id)
    words = "AADSTS9999999: No. Trace ID: trace-1 Correlation ID: corr-1 Timestamp: 2026-11-25 00:00:00Z"
    assert store.events(opened.id)[-1].data == {"cause": "request_rejected", "code": words}


def test_a_death_is_noticed(runtime, store, say):
    """Steps that were running when a worker died are no longer shown as running."""
    run = say(Event(Kind.RUNNING, now(), step="ids"))
    advance.advance(run.id)
    assert (kinds(store, run)[-1], store.load(run.id).running) == ("resumed", frozenset())


def test_an_ended_run_stays_ended(runtime, store, vault, say):
    """A late job for an ended run only deletes a secret that a worker has stored for it since."""
    run = say(signed_in(), Event(Kind.CANCELLED, now()))
    vault.put(f"rehearsal-secret:{run.id}", "value", 60)
    advance.advance(run.id)
    assert not vault.holds(f"rehearsal-secret:{run.id}")
    assert (kinds(store, run), due(store, run)) == (kinds(store, run), None)


def test_a_run_ends_when_everything_is_settled(runtime, store, vault, say, heard):
    """A run ends when its last step is settled, not before. Its stored sign-in is then deleted."""
    run = say(signed_in(), Event(Kind.PLANNED, now(), data={"plan": "p"}))
    tenants.keep_session(runtime, run, "cache")
    names = list(steps_of(run))
    store.append(run.id, *(found(name) for name in names[:-1]))
    advance.finish_or_reschedule(runtime, run.id, store.length(run.id), now())
    assert (store.load(run.id).ended, vault.holds(f"session:{run.id}")) == (None, True)
    store.append(run.id, found(names[-1], State.SKIPPED))
    advance.finish_or_reschedule(runtime, run.id, store.length(run.id), now())
    assert (store.load(run.id).ended, vault.holds(f"session:{run.id}")) == ("finished", False)
    assert heard == [run.id, run.id]


def test_the_earliest_time_is_looked_at(runtime, store, say):
    """If several steps wait for a time, the run is due at the earliest of these times.

    A step that the work has left due waits for others; its time would come again at once.
    """
    past, later = now() - timedelta(seconds=5), now() + timedelta(minutes=3)
    times = {"a": past, "b": now() + timedelta(minutes=9), "c": later}
    run = say(signed_in(), *(found(n, State.WAITING, until=at) for n, at in times.items()))
    advance.finish_or_reschedule(runtime, run.id, run.version, past - timedelta(seconds=1))
    assert (due(store, run) or 0) <= 0  # its time came during the work
    advance.finish_or_reschedule(runtime, run.id, run.version, now())
    assert 170 < (due(store, run) or 0) <= 180


def test_what_happened_meanwhile_is_never_lost(runtime, store, say):
    """A run is due at once if an event was added after the work read the run for the last time."""
    run = say(signed_in(), found("a", State.WAITING, until=now() + timedelta(minutes=9)))
    store.append(run.id, answered("q"))
    advance.finish_or_reschedule(runtime, run.id, run.version, now())
    assert (due(store, run) or 0) <= 0
    assert claimed(store.redis) == (run.id,)


def test_a_mistake_of_ours_is_told_by_a_reference(runtime, store, vault, say):
    """An unexpected error gets a reference, and the run is tried again in 15 seconds.

    The third such error ends the run.
    """
    run = say(signed_in())
    vault.put(f"session:{run.id}", "this is no token cache", 60)
    for _ in range(2):
        advance.advance(run.id)
    problem = store.load(run.id).problems["run"]
    assert (problem.cause, problem.code[:4], len(problem.code)) == ("unexpected", "REF-", 10)
    assert 14 < (due(store, run) or 0) <= 15
    advance.advance(run.id)
    assert (store.load(run.id).ended, due(store, run)) == ("failed", None)
    assert not vault.holds(f"session:{run.id}")
    told, failed = store.events(run.id)[-2:]
    assert told.data["code"] == failed.data["reference"]


def test_a_check_that_has_ended_is_not_looked_at_again(runtime, store, asker, channel):
    """A check inspects once, even if a step asked for a later look."""
    run = store.open(channel, asker, ORIGIN, RunKind.CHECK)
    unknown = found("a", State.UNKNOWN, until=now() - timedelta(seconds=5))
    store.append(run.id, signed_in(), unknown, Event(Kind.CHECKED, now()))
    advance.finish_or_reschedule(runtime, run.id, store.length(run.id), now())
    assert due(store, run) is None


@pytest.mark.parametrize("event", [signed_in(), Event(Kind.READABLE, now())], ids=lambda e: e.kind)
def test_more_access_begins_a_check_again(runtime, store, asker, channel, monkeypatch, event):
    """If somebody signs in, or grants access, during a check, it is not over, and begins again."""
    run, seen = store.open(channel, asker, ORIGIN, RunKind.CHECK), []

    async def inspect(self, ctx):
        if not seen:
            store.append(run.id, replace(event, at=now()))
        seen.append(ctx.run)
        return self.ok()

    monkeypatch.setattr(Look, "inspect", inspect)
    monkeypatch.setattr(check, "checks_of", lambda _: {"a": Look("a", access=Access.NONE)})
    advance.advance(run.id)
    assert (store.load(run.id).findings, store.load(run.id).checked) == ({}, None)
    assert (due(store, run) or 0) <= 0
    advance.advance(run.id)
    assert (len(seen), store.load(run.id).checked is None, due(store, run)) == (2, False, None)


async def test_clouds_need_a_sign_in(runtime, say):
    """The clients of the clouds need the run's stored sign-in, and fail once it is deleted."""
    run = say(signed_in())
    tenants.keep_session(runtime, run, "{}")
    tenants.drop_session(runtime, run.id)
    with pytest.raises(SignInNeeded):
        async with tenants.open_clients(runtime, run, ACCOUNT):
            pass


@pytest.mark.parametrize(("hours", "left"), [(0, 26), (1, 25), (25, 1)])
def test_a_renewal_prolongs_no_sign_in(runtime, say, hours, left):
    """A renewed sign-in still ends 26 hours after the original one."""
    earlier = replace(signed_in(), at=now() - timedelta(hours=hours))
    tenants.keep_session(runtime, say(earlier), "cache")
    (name,) = runtime.store.redis.scan_iter("sealed:session:*")
    ttl = int(runtime.store.redis.ttl(name))  # type: ignore[arg-type]  # redis-py's two answers
    assert left * 3600 - 5 <= ttl <= left * 3600


def test_a_sign_in_whose_time_is_over_is_not_sealed(runtime, vault, say):
    """Saving a sign-in after its end raises ``SignInNeeded``."""
    run = say(replace(signed_in(), at=now() - timedelta(hours=26)))
    with pytest.raises(SignInNeeded):
        tenants.keep_session(runtime, run, "cache")
    assert not vault.holds(f"session:{run.id}")


async def test_a_renewal_replaces_no_other_sign_in(runtime, vault, say, monkeypatch):
    """A worker that renews its tokens after somebody else has signed in, or out, keeps nothing."""
    run = say(signed_in())
    name = Sealed.ADMIN_SESSION.of(run.id)
    vault.put(name, "first", 60)
    monkeypatch.setattr(tenants, "Tokens", tokens := Mock())
    async with tenants.open_clients(runtime, run, ACCOUNT):
        keep = tokens.call_args.args[2]
        keep("renewed")
        assert vault.get(name) == "renewed"
        for others in ("of another person", ""):
            vault.put(name, others, 60)
            keep("renewed again")
            assert vault.get(name) == others


async def test_nobody_sees_what_needs_a_sign_in(runtime, say):
    """Without a sign-in, a request that needs a token raises ``SignInNeeded``."""
    async with tenants.open_reader(runtime, "") as nobody:
        with pytest.raises(SignInNeeded):
            await nobody.context(say(), runtime.store).graph.verified_domains()


def test_what_blocks_a_plan(say):
    """Wrong or unknown steps that no change fixes block a plan, but steps that need them do not."""
    line = Change("smtp_auth", "M2", Text("a"), Text("b"), Text("c"), Scope.MAILBOX, "x")
    run = say(
        Event(Kind.PLANNED, now(), data={"plan": "p"}, changes=(line,)),
        found("smtp_auth", State.WRONG),
        found("mailbox_user", State.WRONG, seen=Text("seen.nobody")),
        found("forwarding", State.WRONG, reason=Reason.NOTHING_YET),
        found("customization", State.UNKNOWN),
        found("tenant"),
        found("token", State.WAITING, waiting_for=Turn.REQUESTER),
    )
    assert set(advance.blocking_steps(run)) == {"mailbox_user", "customization"}
    unplanned = {"mailbox_user", "customization", "smtp_auth"}
    assert set(advance.blocking_steps(replace(run, plan=None))) == unplanned


@dataclass
class Meanwhile(Vault):
    """Vault that calls a function of the test when the sign-in of a run is read."""

    redis: Any
    keys: tuple[str, ...]
    happens: Callable[[], object]
    raises: Exception | None = None

    def __post_init__(self) -> None:
        super().__init__(self.redis, self.keys)

    def get(self, name: Any) -> str | None:
        """Call the function of the test, and return no sign-in."""
        self.happens()
        if self.raises:
            raise self.raises
        return None


@pytest.fixture
def meanwhile(work_settings, store) -> Callable[..., Runtime]:
    """Return a function that makes a runtime in which something happens during the work."""

    def make(happens: Callable[[], object], raises: Exception | None = None) -> Runtime:
        vault = Meanwhile(store.redis, work_settings.encryption_keys, happens, raises)
        made = Runtime(work_settings, store, vault, no_listener)
        install(made)
        return made

    return make


@pytest.mark.parametrize("error", [None, ZeroDivisionError()], ids=["at_work", "by_a_mistake"])
def test_a_worker_that_lost_the_run_writes_nothing(meanwhile, store, say, caplog, error):
    """A worker whose run was taken over by another worker writes no event and no error.

    The run stays due.
    """
    run = say(signed_in())
    before = kinds(store, run)
    meanwhile(lambda: store.redis.set(f"run:{run.id}:lease", "another", px=9000), error)
    advance.advance(run.id)
    assert (kinds(store, run), store.load(run.id).ended) == (before, None)
    assert (due(store, run) or 0) > 1
    assert store.redis.get(f"run:{run.id}:lease") == b"another"


def test_a_run_that_is_cancelled_during_the_work_keeps_nothing(meanwhile, store, say):
    """A run that is canceled during the work gets no further event, and its sign-in is deleted."""
    run = say(signed_in())
    runtime = meanwhile(lambda: store.end(run, Event(Kind.CANCELLED, now())))
    runtime.vault.put(f"session:{run.id}", "cache", 60)  # type: ignore[arg-type]  # a name
    advance.advance(run.id)
    assert kinds(store, run)[-1] == "cancelled"
    assert not runtime.vault.holds(f"session:{run.id}")  # type: ignore[arg-type]  # a name


def test_the_next_run_waits_for_the_worker_of_the_last(runtime, store, say, opened, asker, channel):
    """The next run waits while a worker holds the lease of an ended run of the same channel.

    A request of the ended run may still be under way.
    """
    say()
    with store.lease(opened.id):
        store.end(opened, Event(Kind.CANCELLED, now()))
        later = store.open(channel, asker, replace(ORIGIN, message="m-2"), RunKind.UNDO)
        store.append(later.id, Event(Kind.DETAILS, now(), channel=channel), signed_in())
        advance.advance(later.id)
        assert (kinds(store, later)[-1], 0 < (due(store, later) or 0) <= 1) == ("signed_in", True)
    advance.advance(later.id)
    assert kinds(store, later)[-1] == "signed_out"
