"""Retries, which happen by themselves and not before the time that a cloud asked for.

No retry comes earlier, although events or people wake the run.
"""

from datetime import timedelta

from jobs.clock import now
from jobs.model import Scope, State, Text, Turn
from jobs.runs.run import Event, Kind
from tests.faults.weather import BY_NAME

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
        ride.ctx.store.append(
            ride.ctx.run.id,
            Event(Kind.ANSWERED, now(), data={"question": f"q{number}", "value": "yes"}),
        )
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
    planned = [event.kind for event in ride.ctx.store.events(ride.ctx.run.id)].count(Kind.PLANNED)
    assert planned == 2
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
