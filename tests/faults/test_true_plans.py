"""True plans: a plan shows every change, an approval covers no other (checklist.toml A4)."""

from datetime import timedelta

from jobs.clock import now
from jobs.engine.engine import REAPPROVAL_NOTE
from jobs.model import Reason, Scope, Text, Turn
from jobs.next_action import blocking_steps
from jobs.runs.run import Event, Kind
from jobs.runs.run_store import RunStore

TENANT, NONE = "/practice/tenants/contoso.com", Text("seen.none")
LOCKED = {"accountEnabled": False, "appRoleAssignmentRequired": True}
PRINCIPAL, APP = "PATCH /servicePrincipals/*", "PATCH /applications/*"


def patch(country, **values):
    """Change the tenant as a person in a portal would."""
    country.http.patch(TENANT, json=values).raise_for_status()


def app_of(country):
    """Return the mailbox's app."""
    return next(each for each in country.tenant()["applications"] if each["uniqueName"])


def principal_of(country):
    """Return the service principal of the app."""
    app_id, known = app_of(country)["appId"], country.tenant()["service_principals"]
    return next(each for each in known if each["appId"] == app_id)


def without_callback(country):
    """Remove Webex Connect's redirect address from the app, as a person in a portal would."""
    app = app_of(country)
    web = {**app["web"], "redirectUris": ["https://other.example/callback"]}
    patch(country, applications={app["appId"]: {"web": web}})


def forbid(country, rule):
    """Restrict the client secrets of the tenant's apps."""
    restrictions = {"passwordCredentials": [rule], "keyCredentials": []}
    patch(country, app_management={"isEnabled": True, "applicationRestrictions": restrictions})


def lock(country, **fields):
    """Lock the enterprise application as a person in a portal would."""
    patch(country, service_principals={app_of(country)["appId"]: fields or LOCKED})


def planned(ride):
    """Return the lines of the plan in force."""
    return ride.ctx.store.load(ride.ctx.run.id).plan.changes


def told(ride):
    """Return the step of each line of the plan, and its words for the state before."""
    return [(line.step, line.before.key) for line in planned(ride)]


def writes(ride):
    """Return the calls of this run that change something at Microsoft."""
    return {call for call in ride.weather.calls if not call.startswith(("GET", "Get-"))}


def test_a_fix_plans_what_is_wrong_and_changes_just_that(set_up, weather):
    """A fix of a wrong app plans only the parts that are wrong and changes only those."""
    country, without = set_up, set_up.after_setup(weather, "fix", Kind.FINISHED)
    without_callback(country)
    lock(country, accountEnabled=False)
    without.work()
    assert told(without) == [
        ("application", "seen.redirects_missing"),
        ("service_principal", "seen.sp_disabled"),
    ]
    assert (
        f"/servicePrincipals/{principal_of(country)['id']}, accountEnabled true"
        in planned(without)[1].command
    )
    for _ in range(3):
        without.round()
    run = without.ctx.store.load(without.ctx.run.id)
    assert {line.step for each in run.changed.values() for line in each.changes} == {
        "application",
        "service_principal",
    }
    assert (writes(without), principal_of(country)["accountEnabled"]) == ({PRINCIPAL, APP}, True)


def test_an_app_that_is_taken_over_is_opened_only_where_the_plan_says_so(set_up, weather):
    """The plan for an app that is taken over has one line for each thing that somebody has locked.

    Only those things are opened.
    """
    country, anew = set_up, set_up.after_setup(weather, "setup", Kind.CANCELLED)
    without_callback(country)
    lock(country)
    anew.work()
    lines = [
        (line.before.key, line.after.key)
        for line in planned(anew)
        if line.step == "service_principal"
    ]
    assert lines == [
        ("seen.sp_disabled", "after.sp_enabled"),
        ("seen.sp_assignment", "after.sp_open"),
    ]
    assert {step for step, _ in told(anew)} >= {"application", "service_principal"}
    assert {step for step, _ in told(anew)} & {
        "implicit_grant",
        "mail_send",
        "smtp_grant",
        "forwarding",
        "smtp_auth",
    } == set()
    anew.to_its_end()
    assert {name: principal_of(country)[name] for name in LOCKED} == {
        "accountEnabled": True,
        "appRoleAssignmentRequired": False,
    }


def test_what_somebody_shuts_after_the_approval_is_approved_anew(set_up, weather):
    """A service principal locked after the approval is opened only after a new approval.

    The first approval was for the app alone. The plan shows the findings since then.
    """
    country, anew = set_up, set_up.after_setup(weather, "setup", Kind.CANCELLED)
    without_callback(country)
    patch(country, service_principals={app_of(country)["appId"]: None})
    anew.work()
    assert ("service_principal", "seen.none") in told(anew)
    anew.people()
    shut = {
        **country.tenant()["service_principals"][0],
        "id": "6f1c2f0e-7d0a-4c55-9a3e-0d5f4f1f9c02",
        "appId": app_of(country)["appId"],
        **LOCKED,
    }
    country.cloud.world.tenants[country.tenant()["id"]].principals.seed(shut)
    anew.work()
    run = anew.ctx.store.load(anew.ctx.run.id)
    lines = [
        (line.before.key, line.note)
        for line in run.plan.changes
        if line.step == "service_principal"
    ]
    assert lines == [("seen.sp_disabled", REAPPROVAL_NOTE), ("seen.sp_assignment", REAPPROVAL_NOTE)]
    assert (Scope.MAILBOX in run.approvals, PRINCIPAL in writes(anew)) == (False, False)
    assert run.findings["service_principal"].waiting_for is Turn.APPROVER
    anew.ctx.store.append(
        run.id, Event(Kind.APPROVED, now(), data={"plan": run.plan.id, "scope": "mailbox"})
    )
    anew.to_its_end()
    kinds = [event.kind for event in anew.ctx.store.events(run.id)]
    assert (kinds.count(Kind.DIFFERS), principal_of(country)["accountEnabled"]) == (1, True)


def test_the_plan_of_a_new_app_keeps_to_the_policy_for_secrets(ride, country):
    """The plan of a new app shows the secret's last day under the tenant's policy, with the reason.

    The secret ends on that day. The policy can be read before the app exists.
    """
    rule = {"restrictionType": "passwordLifetime", "state": "enabled", "maxLifetime": "P90D"}
    forbid(country, rule)
    ride.work()
    line = next(line for line in planned(ride) if line.step == "client_secret")
    day = (now() + timedelta(days=90, minutes=-5)).date()
    assert line.before == NONE
    assert line.after.values == {"expires": f"day:{day.isoformat()}"}
    assert line.note == Text("note.secret_clamped")
    ride.to_its_end()
    ends = {
        each["endDateTime"][:10]
        for each in app_of(country)["passwordCredentials"]
        if each["displayName"].startswith("Webex Connect")
    }
    assert ends == {str(day)}


def test_a_policy_that_forbids_secrets_stops_the_plan_of_a_new_app(ride, country):
    """A policy that forbids client secrets stops a setup at its plan, before an app is made."""
    rule = {"restrictionType": "passwordAddition", "state": "enabled", "maxLifetime": None}
    forbid(country, rule)
    ride.work()
    run = ride.ctx.store.load(ride.ctx.run.id)
    assert blocking_steps(run) == ("client_secret",)
    assert run.findings["client_secret"].cause == "secret_forbidden_by_policy"


def test_a_plan_calls_nothing_none_that_nobody_could_read(ride, country):
    """Without a role in Exchange, a plan says "not known" for the mailbox and the tenant.

    For the app, which can be read, the plan says "none".
    """
    patch(country, users={"admin@contoso.com": {"roles": ["Cloud Application Administrator"]}})
    ride.work()
    befores = {line.step: line.before for line in planned(ride)}
    exchange = ("smtp_auth", "forwarding", "outbound_policy", "customization")
    assert {name: befores[name] for name in exchange} == dict.fromkeys(
        exchange, Reason.NOT_KNOWN.text()
    )
    assert befores["application"] == NONE
    assert befores["service_principal"] == NONE
    assert befores["smtp_grant"] == NONE


def test_a_greenfield_setup_is_approved_once(set_up):
    """A setup in a new tenant needs one approval, although details become known while it runs.

    Such details are ids, days and the way of the run.
    """
    store = RunStore(set_up.redis)
    (run,) = store.runs_of_mailbox("support@contoso.com")
    assert Kind.DIFFERS not in {event.kind for event in store.events(run.id)}
