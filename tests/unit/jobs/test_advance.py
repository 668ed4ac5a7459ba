"""Carrying a run as far as it goes, and letting go of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any

import pytest

from jobs import advance
from jobs.access import admin_session, tenant_reader
from jobs.clock import now
from jobs.clouds.errors import SignInNeeded
from jobs.clouds.http import sync_client
from jobs.microsoft.identity import Identity
from jobs.model import (
    Account,
    Change,
    Channel,
    Finding,
    Person,
    RunKind,
    Scope,
    State,
    Text,
    Turn,
)
from jobs.runs.origin import Origin
from jobs.runs.run import Event, Kind, Run
from jobs.runs.run_store import RunStore
from jobs.runtime import Runtime, install
from jobs.settings import Settings
from jobs.steps import steps_of
from jobs.storage.vault import Vault

ACCOUNT = Account("tenant-1", "oid-1", "admin@contoso.com")
ORIGIN = Origin("room-1", message="m-1")


@dataclass
class Heard:
    """Listener that records what it is notified of."""

    runs: list[str] = field(default_factory=list)

    def run_changed(self, run_id: str) -> None:
        """Something is new."""
        self.runs.append(run_id)


@pytest.fixture
def runtime(work_settings: Settings, store: RunStore, vault: Vault) -> Runtime:
    """A worker's runtime, plugged in."""
    made = Runtime(work_settings, store, vault, Heard())
    install(made)
    return made


@pytest.fixture
def opened(store: RunStore, asker: Person, channel: Channel) -> Run:
    """A run of the mailbox."""
    return store.open(channel, asker, ORIGIN)


Say = Callable[..., Run]


@pytest.fixture
def say(store: RunStore, opened: Run, channel: Channel) -> Say:
    """Appends to the run, details first, and gives the run."""

    def append(*events: Event) -> Run:
        store.append(opened.id, Event(Kind.DETAILS, now(), channel=channel), *events)
        return store.load(opened.id)

    return append


def signed_in() -> Event:
    """Somebody is signed in."""
    return Event(Kind.SIGNED_IN, now(), account=ACCOUNT)


def found(name: str, state: State = State.OK, **more: object) -> Event:
    """Something was found."""
    finding = Finding(name, state, **more)  # type: ignore[arg-type]  # a finding's own fields
    return Event(Kind.FOUND, now(), step=name, finding=finding)


def due(store: RunStore, run: Run) -> float | None:
    """In how many seconds the run is looked at again."""
    score = store.redis.zscore("runs:due", run.id)
    return None if score is None else float(score) - now().timestamp()


def kinds(store: RunStore, run: Run) -> list[str]:
    """The run's history."""
    return [str(event.kind) for event in store.events(run.id)]


def test_a_run_that_is_gone_is_forgotten(runtime: Runtime, store: RunStore):
    """A job for a run that Redis has lost writes nothing and schedules nothing."""
    store.schedule.add("GONE22", now())
    advance.advance("GONE22")
    assert (store.events("GONE22"), store.redis.zscore("runs:due", "GONE22")) == ((), None)


def test_a_run_without_details_is_left_alone(runtime: Runtime, store: RunStore, opened: Run):
    """The first card is still open; nothing is due."""
    advance.advance(opened.id)
    assert (kinds(store, opened), due(store, opened)) == (["opened"], None)


def test_a_run_that_nobody_signed_in_for_waits(runtime: Runtime, store: RunStore, say: Say):
    """A run without a sign-in waits for a person, so nothing is due."""
    run = say()
    advance.advance(run.id)
    assert (kinds(store, run), due(store, run)) == (["opened", "details"], None)


def test_where_another_worker_has_it(runtime: Runtime, store: RunStore, say: Say):
    """It is looked at again a second later, so that no wake-up is lost."""
    run = say()
    with store.lease(run.id):
        advance.advance(run.id)
    assert 0 < (due(store, run) or 0) <= 1


def test_a_sign_in_that_is_gone_is_asked_for_again(runtime: Runtime, store: RunStore, say: Say):
    """The reason is on record."""
    run = say(signed_in())
    advance.advance(run.id)
    last = store.events(run.id)[-1]
    assert (last.kind, last.data) == (Kind.SIGNED_OUT, {"cause": "sign_in_missing", "code": ""})
    assert store.load(run.id).account is None


def test_a_sign_in_that_ends_for_an_unknown_reason(
    provider: Any, work_settings: Settings, store: RunStore, vault: Vault, say: Say, opened: Run
):
    """Entra's words are on record whole, with the ids that its support asks for."""
    credentials = {"microsoft_client_id": "client-1", "microsoft_client_secret": "s3cr~t.Value"}
    settings = replace(work_settings, login_url=provider.base, **credentials)
    with sync_client(settings) as http:
        flow = Identity.of_bot(settings, http).begin(
            ["https://graph.microsoft.com/User.Read"], settings.callback, "state-1"
        )
        cache = (
            Identity.of_bot(settings, http).finish(flow, provider.sign_in(flow["auth_uri"])).cache
        )
    runtime = Runtime(settings, store, vault, Heard())
    install(runtime)
    admin_session.save(runtime, opened, cache)
    provider.trouble = [provider.refuse(400, "invalid_grant", 9999999)] * 5
    advance.advance(say(signed_in()).id)
    words = "AADSTS9999999: No. Trace ID: trace-1 Correlation ID: corr-1 Timestamp: 2026-11-25 00:00:00Z"
    assert store.events(opened.id)[-1].data == {"cause": "request_rejected", "code": words}


def test_a_death_is_noticed(runtime: Runtime, store: RunStore, say: Say):
    """Steps that were running when the worker died are counted, and run no more."""
    run = say(Event(Kind.RUNNING, now(), step="ids"))
    advance.advance(run.id)
    assert (kinds(store, run)[-1], store.load(run.id).running) == ("resumed", frozenset())


def test_an_ended_run_stays_ended(runtime: Runtime, store: RunStore, vault: Vault, say: Say):
    """A late job does nothing, but for what a worker had sealed for it meanwhile."""
    run = say(signed_in(), Event(Kind.CANCELLED, now()))
    vault.put(f"rehearsal-secret:{run.id}", "value", 60)
    advance.advance(run.id)
    assert not vault.holds(f"rehearsal-secret:{run.id}")
    assert (kinds(store, run), due(store, run)) == (kinds(store, run), None)


def test_a_run_ends_when_everything_is_settled(
    runtime: Runtime, store: RunStore, vault: Vault, say: Say
):
    """With every step, and not before; the sign-in is forgotten."""
    run = say(signed_in(), Event(Kind.PLANNED, now(), data={"plan": "p"}))
    admin_session.save(runtime, run, "cache")
    names = list(steps_of(run))
    store.append(run.id, *(found(name) for name in names[:-1]))
    advance.finish_or_reschedule(runtime, run.id, store.length(run.id))
    assert (store.load(run.id).ended, vault.holds(f"session:{run.id}")) == (None, True)
    store.append(run.id, found(names[-1], State.SKIPPED))
    advance.finish_or_reschedule(runtime, run.id, store.length(run.id))
    assert (store.load(run.id).ended, vault.holds(f"session:{run.id}")) == ("finished", False)
    assert runtime.listener == Heard([run.id, run.id])


def test_the_earliest_time_is_looked_at(runtime: Runtime, store: RunStore, say: Say):
    """Of all that wait for the clock."""
    later, sooner = now() + timedelta(minutes=9), now() + timedelta(minutes=3)
    run = say(
        signed_in(), found("a", State.WAITING, until=later), found("b", State.WAITING, until=sooner)
    )
    advance.finish_or_reschedule(runtime, run.id, run.version)
    assert 170 < (due(store, run) or 0) <= 180


def test_what_happened_meanwhile_is_never_lost(runtime: Runtime, store: RunStore, say: Say):
    """An event after the work's last look has the run looked at again at once."""
    run = say(signed_in(), found("a", State.WAITING, until=now() + timedelta(minutes=9)))
    store.append(run.id, Event(Kind.ANSWERED, now(), data={"question": "q", "value": "yes"}))
    advance.finish_or_reschedule(runtime, run.id, run.version)
    assert (due(store, run) or 0) <= 0
    assert store.schedule.claim_due() == (run.id,)


def test_a_mistake_of_ours_is_told_by_a_reference(
    runtime: Runtime, store: RunStore, vault: Vault, say: Say
):
    """An unexpected error gets a reference, is retried in 15 seconds, and ends the run at the third."""
    run = say(signed_in())
    vault.put(f"session:{run.id}", "this is no token cache", 60)
    for _ in range(2):
        advance.advance(run.id)
    problem = store.load(run.id).problems["run"]
    assert (problem.cause, problem.code[:4], len(problem.code)) == ("unexpected", "REF-", 10)
    assert 14 < (due(store, run) or 0) <= 15
    advance.advance(run.id)
    assert (store.load(run.id).ended, due(store, run), vault.holds(f"session:{run.id}")) == (
        "failed",
        None,
        False,
    )
    references = [
        event.data.get("code") or event.data.get("reference") for event in store.events(run.id)[-2:]
    ]
    assert references[0] == references[1]


def test_a_check_that_has_ended_is_not_looked_at_again(
    runtime: Runtime, store: RunStore, asker: Person, channel: Channel
):
    """A check inspects once, even if a step asked for a later look."""
    run = store.check(channel, asker, ORIGIN)
    later = now() - timedelta(seconds=5)
    store.append(
        run.id, signed_in(), found("a", State.UNKNOWN, until=later), Event(Kind.CHECKED, now())
    )
    advance.finish_or_reschedule(runtime, run.id, store.length(run.id))
    assert due(store, run) is None


async def test_clouds_need_a_sign_in(runtime: Runtime, say: Say):
    """Clients need the sign-in that is sealed under the run, and fail once it is deleted."""
    run = say(signed_in())
    admin_session.save(runtime, run, "{}")
    admin_session.drop(runtime, run.id)
    with pytest.raises(SignInNeeded):
        async with admin_session.open_clients(runtime, run, ACCOUNT):
            pass


@pytest.mark.parametrize(("hours", "left"), [(0, 26), (1, 25), (25, 1)])
def test_a_renewal_prolongs_no_sign_in(runtime: Runtime, say: Say, hours: int, left: int):
    """A renewed sign-in still ends 26 hours after the original one."""
    admin_session.save(
        runtime, say(replace(signed_in(), at=now() - timedelta(hours=hours))), "cache"
    )
    (name,) = runtime.store.redis.scan_iter("sealed:session:*")
    ttl = int(runtime.store.redis.ttl(name))  # type: ignore[arg-type]  # redis-py's two answers
    assert left * 3600 - 5 <= ttl <= left * 3600


def test_a_sign_in_whose_time_is_over_is_not_sealed(runtime: Runtime, vault: Vault, say: Say):
    """Saving a sign-in after its end raises ``SignInNeeded``."""
    run = say(replace(signed_in(), at=now() - timedelta(hours=26)))
    with pytest.raises(SignInNeeded):
        admin_session.save(runtime, run, "cache")
    assert not vault.holds(f"session:{run.id}")


async def test_nobody_sees_what_needs_a_sign_in(runtime: Runtime, say: Say):
    """A stranger's context asks no cloud that takes a token."""
    async with tenant_reader.open_reader(runtime, "") as nobody:
        with pytest.raises(SignInNeeded):
            await nobody.context(say(), runtime.store).graph.organization()


def test_what_blocks_a_plan(say: Say):
    """Wrong or unknown steps that no change fixes block a plan; steps that depend on them do not."""
    line = Change("smtp_auth", "M2", Text("a"), Text("b"), Text("c"), Scope.MAILBOX, "x")
    run = say(
        Event(Kind.PLANNED, now(), data={"plan": "p"}, changes=(line,)),
        found("smtp_auth", State.WRONG),
        found("mailbox_user", State.WRONG, seen=Text("seen.nobody")),
        found("forwarding", State.WRONG, seen=Text("seen.nothing_yet")),
        found("customization", State.UNKNOWN),
        found("tenant"),
        found("token", State.WAITING, waiting_for=Turn.REQUESTER),
    )
    assert set(advance.blocking_steps(run)) == {"mailbox_user", "customization"}
    assert set(advance.blocking_steps(replace(run, plan=None))) == {
        "mailbox_user",
        "customization",
        "smtp_auth",
    }


@dataclass
class Meanwhile(Vault):
    """Vault in which something happens when the sign-in of a run is read."""

    redis: Any
    keys: tuple[str, ...]
    happens: Callable[[], object]
    raises: Exception | None = None

    def __post_init__(self) -> None:
        """Open the vault."""
        super().__init__(self.redis, self.keys)

    def get(self, name: Any) -> str | None:
        """Return nothing, after it has happened."""
        self.happens()
        if self.raises:
            raise self.raises
        return None


@pytest.fixture
def meanwhile(work_settings: Settings, store: RunStore) -> Callable[..., Runtime]:
    """A worker's runtime, in which something happens during the work on a run."""

    def make(happens: Callable[[], object], raises: Exception | None = None) -> Runtime:
        vault = Meanwhile(store.redis, work_settings.encryption_keys, happens, raises)
        made = Runtime(work_settings, store, vault, Heard())
        install(made)
        return made

    return make


@pytest.mark.parametrize("error", [None, ZeroDivisionError()], ids=["at_work", "by_a_mistake"])
def test_a_worker_that_lost_the_run_writes_nothing(
    meanwhile: Callable[..., Runtime],
    store: RunStore,
    say: Say,
    caplog: pytest.LogCaptureFixture,
    error: Exception | None,
):
    """Another worker has it: no event, no error of the run, and the run stays due."""
    run = say(signed_in())
    before = kinds(store, run)
    meanwhile(lambda: store.redis.set(f"run:{run.id}:lease", "another", px=9000), error)
    advance.advance(run.id)
    assert (kinds(store, run), store.load(run.id).ended) == (before, None)
    assert (due(store, run) or 0) > 1
    assert store.redis.get(f"run:{run.id}:lease") == b"another"


def test_a_run_that_is_cancelled_during_the_work_keeps_nothing(
    meanwhile: Callable[..., Runtime], store: RunStore, say: Say
):
    """No event follows, and what was sealed since is dropped."""
    run = say(signed_in())
    runtime = meanwhile(lambda: store.end(run, Event(Kind.CANCELLED, now())))
    runtime.vault.put(f"session:{run.id}", "cache", 60)  # type: ignore[arg-type]  # a name
    advance.advance(run.id)
    assert (kinds(store, run)[-1], runtime.vault.holds(f"session:{run.id}")) == (  # type: ignore[arg-type]  # a name
        "cancelled",
        False,
    )


def test_the_next_run_waits_for_the_worker_of_the_last(
    runtime: Runtime, store: RunStore, say: Say, opened: Run, asker: Person, channel: Channel
):
    """A call of an ended run may be under way as long as a worker has its lease."""
    say()
    with store.lease(opened.id):
        store.end(opened, Event(Kind.CANCELLED, now()))
        later = store.open(channel, asker, replace(ORIGIN, message="m-2"), RunKind.UNDO)
        store.append(later.id, Event(Kind.DETAILS, now(), channel=channel), signed_in())
        advance.advance(later.id)
        assert (kinds(store, later)[-1], 0 < (due(store, later) or 0) <= 1) == ("signed_in", True)
    advance.advance(later.id)
    assert kinds(store, later)[-1] == "signed_out"
