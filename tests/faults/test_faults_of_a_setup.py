"""Fault matrix of a whole setup and of its undo (checklist.toml J6): every call, every kind of fault.

Real steps, the real engine and the real HTTP layer run against the practice cloud in this process.
A pause costs no time. Retries happen by themselves and not before the time that a cloud asked for.
"""

from datetime import timedelta

import pytest

from jobs.clock import now
from jobs.model import Scope, State, Text, Turn
from jobs.runs.run import Event, Kind
from tests.faults.weather import BY_NAME, LISTED
from tests.fixtures.run_events import answered

NEEDS_A_PERSON = "401"
"""The one fault that needs a person: Graph does not accept the token.

If a role is missing shortly after the sign-in, the bot waits for the role.
"""
LONGEST_WORK_S = 400
"""Longest time for a piece of work of a run, in seconds. A worker's job may take 900 seconds."""
MOST_TRIES = 30
TURNS = {"time", "administrator", "approver", "requester", "mailbox_user", "agent", "nobody"}


def test_the_matrix_holds_every_call(calm):
    """The calls of a setup without faults are exactly those in calls.toml.

    So a new call cannot be forgotten.
    """
    assert sorted(calm.calls) == sorted(LISTED["setup"])


def test_every_call_fails_once(ride, weather, country, calm, fault):
    """A setup in which every call fails once ends with one of each object and no orphan.

    Temporary faults need no person. An expired sign-in needs a person, at most once for each call.
    """
    weather.fault = fault
    ride.to_its_end()
    assert set(calm.calls) - set(weather.failed) == set()
    assert country.objects() == calm.objects
    assert (ride.presses > 0) == (fault.name == NEEDS_A_PERSON)
    assert ride.presses <= len(weather.failed)
    assert sum(weather.calls.values()) <= 4 * sum(calm.calls.values())
    assert ride.longest < LONGEST_WORK_S


def test_a_call_that_keeps_failing(ride, weather, country, calm, call):
    """If one call keeps failing, the tries are bounded and the run says whose turn it is.

    When the fault of a write ends, the run arrives at its end with one of each object, although the
    write was carried out each time.
    """
    reads = call.startswith(("GET ", "Get-"))
    weather.fault, weather.only = BY_NAME["503" if reads else "reset, carried out"], call
    weather.times = 1_000_000
    worked = [_tries(ride.round, weather, call) for _ in range(4)]
    stuck = {
        name: left
        for name, left in ride.left().items()
        if left[0] != "wrong" and left[1] not in TURNS
    }
    assert (stuck, max(worked) <= MOST_TRIES, ride.longest < LONGEST_WORK_S) == ({}, True, True)
    if not reads:
        weather.fault = None
        ride.to_its_end()
        assert country.objects() == calm.objects


def _tries(work, weather, call):
    before = weather.failed[call]
    work()
    return int(weather.failed[call] - before)


def test_nothing_answers_in_time(ride, weather, country, calm):
    """If every call times out, each piece of work ends early and says why the run waits.

    The work ends long before the queue would end it. When the clouds answer again, the run arrives
    at its end with one of each object.
    """
    weather.fault, weather.times = BY_NAME["timeout, carried out"], 1_000_000
    for _ in range(2):
        ride.round()
    assert 0 < ride.longest < LONGEST_WORK_S
    assert {left[2] for left in ride.left().values()} == {"timed_out", ""}
    weather.fault = None
    ride.to_its_end()
    assert country.objects() == calm.objects


KEPT = {
    "applications": 0,
    "grants": 2,
    "role_assignments": 0,
    "outbound_policies": 1,
    "outbound_rules": 0,
    "own principals": 0,
    "secrets": 0,
}
"""Objects that existed before the setup, by kind, of the kinds that a setup makes.

They are the bot's own grants and the tenant's default policy.
"""


@pytest.fixture
def undo(set_up, weather):
    """Undo of a whole setup that is about to begin."""
    return set_up.after_setup(weather, "undo", Kind.CANCELLED)


def test_the_matrix_holds_every_call_of_an_undo(undo, weather):
    """The calls of an undo are exactly those in calls.toml."""
    undo.to_its_end()
    assert sorted(weather.calls) == sorted(LISTED["undo"])


def test_every_call_of_an_undo_fails_once(undo, weather, country, fault):
    """An undo in which every call fails once still removes everything that the setup made.

    It makes no difference whether the cloud had carried out the call that failed.
    """
    weather.fault = fault
    undo.to_its_end()
    assert set(LISTED["undo"]) - set(weather.failed) == set()
    left = country.objects()
    assert {kind: left[kind] for kind in KEPT} == KEPT
    assert (undo.presses > 0) == (fault.name == NEEDS_A_PERSON)


# --- patience ------------------------------------------------------------------------------------


SECRET = "POST /applications/*/addPassword"
FOR_GOOD = 1_000_000


def test_nobody_knocks_early(ride, weather):
    """A call throttled for an hour is not repeated early, although events keep waking the run."""
    weather.fault, weather.only, weather.times = BY_NAME["429 with a huge one"], SECRET, FOR_GOOD
    while not weather.failed:
        ride.work()
        ride.people()
    before = ride.ctx.store.load(ride.ctx.run.id).findings["client_secret"]
    for number in range(3):
        ride.ctx.store.append(ride.ctx.run.id, answered(f"q{number}"))
        ride.work()
    after = ride.ctx.store.load(ride.ctx.run.id).findings["client_secret"]
    assert (weather.failed[SECRET], after) == (1, before)
    assert after.state == State.UNKNOWN
    assert timedelta(minutes=59) < after.until - now() <= timedelta(hours=1)


def test_what_could_not_be_read_is_read_again_by_itself(ride, weather, calm):
    """A fact that could not be read is read again without a press, also before the plan.

    Nothing else is read again.
    """
    weather.fault, weather.only, weather.times = BY_NAME["503"], "GET /organization", 7
    ride.work()
    first = ride.ctx.store.load(ride.ctx.run.id)
    assert first.findings["tenant"].state == State.UNKNOWN
    assert first.findings["application"].seen.key == "seen.not_known"
    asked = sum(weather.calls.values())
    ride.work()
    assert sum(weather.calls.values()) == asked
    ride.to_its_end()
    assert [event.kind for event in ride.ctx.store.events(ride.ctx.run.id)].count(Kind.PLANNED) == 2
    assert ride.presses == 0
    assert weather.calls["Get-TransportConfig"] == calm.calls["Get-TransportConfig"]


def test_a_run_with_nothing_to_change_is_planned_once(set_up, weather):
    """A run with nothing to change is planned once, although the clock keeps waking it.

    The run only waits for the test mail.
    """
    again = set_up.after_setup(weather, "setup", Kind.FINISHED)
    for _ in range(4):
        again.round()
    kinds = [event.kind for event in again.ctx.store.events(again.ctx.run.id)]
    assert (kinds.count(Kind.PLANNED), kinds.count(Kind.CHANGING)) == (1, 0)


def test_exchange_asks_for_what_its_own_property_denies(ride, country, monkeypatch):
    """If IsDehydrated is false and M4 is still refused, M5 is offered for an approval of its own.

    M5 then runs, and M4 waits until M5 takes effect.
    """
    country.http.patch(
        "/practice/tenants/contoso.com", json={"dehydrated": False}
    ).raise_for_status()
    tenant = country.cloud.world.tenants[country.tenant()["id"]]
    tenant.exchange.customized_at = country.cloud.world.now()
    monkeypatch.setattr(country.settings, "customization_s", 3600)
    for _ in range(4):
        ride.round()
    run = ride.ctx.store.load(ride.ctx.run.id)
    tenant_wide = [change.step for change in run.plan.changes if change.scope is Scope.TENANT]
    waiting = {
        name: run.findings[name].waiting_for for name in ("customization", "outbound_policy")
    }
    assert tenant_wide == ["customization"]
    assert waiting == {"customization": Turn.APPROVER, "outbound_policy": Turn.NOBODY}
    ride.ctx.store.append(
        run.id, Event(Kind.APPROVED, now(), data={"plan": run.plan.id, "scope": "tenant"})
    )
    ride.round()
    run = ride.ctx.store.load(ride.ctx.run.id)
    assert run.settled("customization") is True
    assert run.findings["outbound_policy"].seen == Text("seen.customization_takes")
    monkeypatch.setattr(country.settings, "customization_s", 0)
    ride.to_its_end()
    kinds = [(event.kind, event.step) for event in ride.ctx.store.events(run.id)]
    assert kinds.count((Kind.DEMANDED, "customization")) == 1
    assert kinds.count((Kind.CHANGED, "customization")) == 1
