"""State of a run, as it follows from every kind of event, and the count of its workers' deaths."""

from datetime import UTC, datetime, timedelta

import pytest

from jobs import advance
from jobs.advance import DEATH_PAUSES_S, GIVEN_UP, MOST_DEATHS
from jobs.model import Account, Change, Channel, Finding, Person, Scope, State, Text
from jobs.runs.fold import apply_events, fold
from jobs.runs.run import (
    AppCandidate,
    Brief,
    Changed,
    Event,
    Kind,
    Origin,
    Plan,
    Problem,
    RecordedChange,
    Reply,
    Run,
    Search,
)
from jobs.storage import keys
from tests.fixtures.copies import replace

T0 = datetime(2026, 11, 25, 9, tzinfo=UTC)
T1, T2 = T0 + timedelta(minutes=1), T0 + timedelta(minutes=2)
CHANNEL = Channel("support@contoso.com")
ASKER = Person("p1", "anna@contoso.com")
ACCOUNT = Account("t1", "o1", "admin@contoso.com")
ELSEWHERE = Account("t2", "o2", "admin@fabrikam.com")
COLLEAGUE = replace(ACCOUNT, object_id="another", upn="another@contoso.com")
OPENED = Event(Kind.OPENED, T0, by=ASKER.email, origin=Origin("r1"), channel=CHANNEL, person=ASKER)
BASE = Run("R1", CHANNEL, ASKER, T0, origin=Origin("r1"))
LOOKED = replace(BASE, looked=Reply("", "", T2))
CHANGE = Change("forwarding", "M3", Text("a"), Text("b"), Text("c"), Scope.MAILBOX, "Set-Mailbox")
WRONG, OK = Finding("forwarding", State.WRONG), Finding("forwarding", State.OK, facts={"upn": "u"})
LEFT = Finding("forwarding", State.OK, values={"smtp": "x"})
CHANGING = Event(Kind.CHANGING, T1, step="forwarding", finding=WRONG)
PAST = RecordedChange("forwarding", CHANGE, Text("a"), {"smtp": ""}, {"smtp": "x"}, ("R0",))
UNKNOWN, WAITING = Finding("ids", State.UNKNOWN), Finding("token", State.WAITING, until=T2)
SIGNED_IN, SIGNED_OUT = Event(Kind.SIGNED_IN, T0, account=ACCOUNT), Event(Kind.SIGNED_OUT, T1)
PLANNED = Event(Kind.PLANNED, T0, data={"plan": "plan-1"}, changes=(CHANGE,))
TO_MAILBOX = {"plan": "plan-1", "scope": "mailbox"}
APPROVED = Event(Kind.APPROVED, T1, by="anna@contoso.com", data=TO_MAILBOX)
TENANT_WIDE = replace(CHANGE, step="customization", scope=Scope.TENANT)
OTHER = replace(CHANGE, step="ids")
SHUT = replace(CHANGE, before=Text("shut"), after=Text("open"), scope=Scope.APP)
DIFFERS = Event(Kind.DIFFERS, T2, step="forwarding", data={"plan": "plan-2"}, changes=(SHUT,))
DEMANDED = replace(DIFFERS, kind=Kind.DEMANDED, changes=(TENANT_WIDE,))
PLAN = Plan("plan-1", (CHANGE,), T0)
FORWARDING = frozenset({"forwarding"})
APPROVAL = Reply("plan-1", "anna@contoso.com", T1)


def found(finding: Finding) -> Event:
    """Return the event with which the engine records a finding."""
    return Event(Kind.FOUND, T1, step=finding.step, finding=finding)


def problem(question: str) -> Event:
    """Return the event of a problem with something that a person was asked for."""
    return Event(
        Kind.PROBLEM, T1, data={"question": question, "cause": "wrong_tenant", "code": "AADSTS1"}
    )


SEARCH = Search((AppCandidate("c1", "Mail"),), certain=True, forwarding_address="x@y.z")
FOUND_CHANNEL = replace(CHANNEL, forwarding_address="x@y.z")
KNOWN = {"client_id": "c1", "upn": "s@contoso.com"}
DISCOVERED = Event(Kind.DISCOVERED, T1, channel=FOUND_CHANNEL, data=KNOWN | {"shared": ""})
CHANGED = Event(Kind.CHANGED, T1, step="forwarding")
AGAIN, BY_COLLEAGUE, IN_ANOTHER_TENANT = (
    Event(Kind.SIGNED_IN, T2, account=each) for each in (ACCOUNT, COLLEAGUE, ELSEWHERE)
)
LOOK, CHECKED = Event(Kind.LOOK_AGAIN, T2), Event(Kind.CHECKED, T1)
DETAILS = Event(Kind.DETAILS, T1, channel=replace(CHANNEL, callback_url="u"))
DETAILED = replace(BASE, channel=replace(CHANNEL, callback_url="u"), detailed=True, detailed_at=T1)
ELSEWHERE_APPROVED = APPROVED.data | {"callback_url": "https://evil.example/callback"}
WIDELY_APPROVED = replace(APPROVED, data={"plan": "plan-1", "scope": "tenant"})
IN_PLAN = [SIGNED_IN, found(OK), PLANNED, APPROVED]
SIGNED = replace(BASE, account=ACCOUNT, signed_in=T2)


def seen(*steps: str) -> dict[str, dict[str, datetime]]:
    """Return the times of steps that were looked at."""
    return {name: dict.fromkeys(steps, T1) for name in ("found_at", "settled_at")}


SEEN = seen("forwarding")
SEEN_OK = SEEN | {"findings": {"forwarding": OK}, "waits": {"forwarding": 0}}
ONCE = {"approvals": {Scope.MAILBOX: APPROVAL}}
JOINED = Plan("plan-2", (CHANGE, TENANT_WIDE), T0)
GAP = replace(BASE, problems={"history": Problem("history_gap", "2", T1)})
DONE_SO = replace(BASE, channel=FOUND_CHANNEL, brief=Brief(*KNOWN.values()), known=KNOWN)
ASKED = Problem("wrong_tenant", "AADSTS1", T1)
GRANTED = {"question": "consent", "value": "granted"}
TO_CARL = {"answers": {"administrator": Reply("c@x.y", "b@x.y", T2)}}
PASSED_ON = Event(
    Kind.ANSWERED, T2, by="b@x.y", data={"question": "administrator", "value": "c@x.y"}
)


def begun(*more, run: Run = BASE, **options) -> Run:
    """Return a run with a change that was begun, and what else is known of it."""
    made = {"forwarding": Changed((), WRONG, *(more or (T1,)), **options)}
    return replace(run, changed=made, running=FORWARDING)


def silent(*clouds: str) -> list[Event]:
    """Return the events of clouds that give no answer."""
    return [Event(Kind.SILENT, T1, data={"services": each}) for each in clouds]


ONCE_SILENT = {"once_silent": frozenset({"exchange", "graph"})}
ENDS_IN_ORDER = (Kind.CANCELLED, Kind.FINISHED, Kind.FAILED)
TABLE: list[tuple[str, list[Event], Run]] = [
    ("opened", [], BASE),
    ("details drop the plan", [PLANNED, APPROVED, DETAILS], DETAILED),
    ("before an approval every sign-in sees anew", [*IN_PLAN[:3], AGAIN],
     replace(SIGNED, planned_by=ACCOUNT, **SEEN)),
    ("after an approval what was found stays", [*IN_PLAN, SIGNED_OUT, AGAIN],
     replace(SIGNED, plan=PLAN, planned_by=ACCOUNT, **ONCE, **SEEN_OK)),
    ("an approval does not count in another tenant", [*IN_PLAN, SIGNED_OUT, IN_ANOTHER_TENANT],
     replace(SIGNED, account=ELSEWHERE, planned_by=ACCOUNT, **SEEN)),
    ("an approval does not count for another account", [*IN_PLAN, SIGNED_OUT, BY_COLLEAGUE],
     replace(SIGNED, account=COLLEAGUE, planned_by=ACCOUNT, **SEEN)),
    ("after a change what was found stays, but not what was approved for another account",
     [*IN_PLAN, CHANGING, SIGNED_OUT, BY_COLLEAGUE],
     begun(run=replace(SIGNED, account=COLLEAGUE, planned_by=ACCOUNT, **SEEN_OK))),
    ("what was found in another tenant does not stay", [*IN_PLAN, CHANGING, IN_ANOTHER_TENANT],
     begun(run=replace(SIGNED, account=ELSEWHERE, planned_by=ACCOUNT, **SEEN))),
    ("a sign-in solves its problem", [problem("sign_in"), problem("consent"), AGAIN],
     replace(SIGNED, problems={"consent": ASKED})),
    ("signed out by a person", [SIGNED_IN, SIGNED_OUT], replace(BASE, signed_in=T0)),
    ("signed out by a cloud", [Event(Kind.SIGNED_OUT, T2, data={"cause": "c", "code": "x"})],
     replace(BASE, problems={"sign_in": Problem("c", "x", T2)})),
    ("readable", [problem("app_access"), found(OK), CHECKED, Event(Kind.READABLE, T2, by="b@x.y")],
     replace(BASE, answers={"app_access": Reply("granted", "b@x.y", T2)}, **SEEN)),
    ("readable though somebody is signed in", [AGAIN, CHECKED, Event(Kind.READABLE, T2)],
     replace(SIGNED, checked=T1, answers={"app_access": Reply("granted", "", T2)})),
    ("demanded", [found(OK), PLANNED, APPROVED, DEMANDED],
     replace(BASE, plan=JOINED, demanded=FORWARDING, waits={"forwarding": 0}, **ONCE, **SEEN)),
    ("what is demanded has an approval of its own", [PLANNED, WIDELY_APPROVED, DEMANDED],
     replace(BASE, plan=JOINED, demanded=FORWARDING)),
    ("demanded though it was planned", [PLANNED, APPROVED, replace(DEMANDED, changes=())],
     replace(BASE, plan=PLAN, demanded=FORWARDING, **ONCE)),
    ("what differs takes the place of what was approved",
     [replace(PLANNED, changes=(OTHER, CHANGE, TENANT_WIDE)), APPROVED, WIDELY_APPROVED, DIFFERS],
     replace(BASE, plan=Plan("plan-2", (OTHER, SHUT, TENANT_WIDE), T0),
             approvals={Scope.TENANT: APPROVAL})),
    ("without a plan nothing differs", [DIFFERS], BASE),
    ("approved", [PLANNED, APPROVED], replace(BASE, plan=PLAN, **ONCE)),
    ("another plan is not approved",
     [PLANNED, replace(APPROVED, data={"plan": "old", "scope": "mailbox"})],
     replace(BASE, plan=PLAN)),
    ("other addresses are not approved", [PLANNED, replace(APPROVED, data=ELSEWHERE_APPROVED)],
     replace(BASE, plan=PLAN)),
    ("no plan is not approved", [APPROVED], BASE),
    ("a new plan has no approvals", [PLANNED, APPROVED, PLANNED], replace(BASE, plan=PLAN)),
    ("found", [Event(Kind.RUNNING, T1, step="forwarding"), found(OK)], replace(BASE, **SEEN_OK)),
    ("waits are counted", [found(WAITING), found(WAITING)],
     replace(BASE, findings={"token": WAITING}, waits={"token": 2}, **seen("token"))),
    ("nothing found", [Event(Kind.FOUND, T1, step="ids")], BASE),
    ("changing", [replace(CHANGING, changes=(CHANGE,))],
     replace(begun(), changed={"forwarding": Changed((CHANGE,), WRONG, T1)})),
    ("changed", [CHANGING, replace(CHANGED, at=T2)], begun(T1, T2, unseen=1)),
    ("what was before the first try is kept", [CHANGING, replace(CHANGING, at=T2, finding=UNKNOWN)],
     begun(T2, since=T1)),
    ("a change that was made begins anew", [CHANGING, CHANGED, replace(CHANGING, at=T2)],
     begun(T2, unseen=1)),
    ("what a change left is read back", [CHANGING, CHANGED, found(LEFT), found(OK)],
     replace(begun(T1, T1, {"smtp": "x"}), running=frozenset(), **SEEN_OK)),
    ("a new plan may change once more what was changed",
     [replace(CHANGING, changes=(CHANGE,)), CHANGED, found(OK), PLANNED],
     replace(BASE, plan=PLAN, changed={"forwarding": Changed((CHANGE,), WRONG, T1, T1)}, **SEEN_OK)),
    ("recalled", [Event(Kind.RECALLED, T1, data={"sp_id": "s"}, past=(PAST,))],
     replace(BASE, past={"forwarding": PAST}, known={"sp_id": "s"})),
    ("nothing changing", [Event(Kind.CHANGING, T1, step="forwarding")], BASE),
    ("answered", [problem("consent"), Event(Kind.ANSWERED, T2, by="b@x.y", data=GRANTED)],
     replace(BASE, answers={"consent": Reply("granted", "b@x.y", T2)})),
    ("another person is asked after a failed sign-in", [problem("sign_in"), PASSED_ON],
     replace(BASE, **TO_CARL)),
    ("another person is asked to sign in once more", [AGAIN, problem("sign_in"), PASSED_ON],
     replace(SIGNED, problems={"sign_in": ASKED}, **TO_CARL)),
    ("look again", [found(WRONG), found(UNKNOWN), found(WAITING), PLANNED, LOOK],
     replace(LOOKED, findings={"token": WAITING}, **seen("forwarding", "ids", "token"))),
    ("look again gives what was tried in vain its time", [CHANGING, LOOK],
     begun(T1, since=T2, run=LOOKED)),
    ("look again at what was made", [CHANGING, CHANGED, LOOK], begun(T1, T1, run=LOOKED)),
    ("look again from another thread", [found(OK), replace(LOOK, origin=Origin("r1", "t9"))],
     replace(LOOKED, origin=Origin("r1", "t9"), right_before=FORWARDING,
             findings={"forwarding": OK}, **SEEN)),
    ("look again from another space", [replace(LOOK, origin=Origin("r9", "t9"))], LOOKED),
    ("resumed", [Event(Kind.RUNNING, T1, step="ids"), Event(Kind.RESUMED, T2)],
     replace(BASE, resumed=1)),
    ("the first end counts",
     [Event(Kind.RUNNING, T1, step="ids"), *(Event(kind, T2) for kind in ENDS_IN_ORDER)],
     replace(BASE, ended="cancelled", ended_at=T2)),
    ("what a newer version wrote", [Event(Kind.UNKNOWN, T1)], BASE),
    ("discovered", [DISCOVERED], replace(DONE_SO, discovered=True)),
    ("the user of a shared mailbox is another",
     [replace(DISCOVERED, data=KNOWN | {"shared": "yes"})],
     replace(DONE_SO, brief=Brief("c1", shared=True), discovered=True,
             known=KNOWN | {"shared": "yes"})),
    ("another account searches anew", [Event(Kind.SEARCHED, T1, search=SEARCH), DISCOVERED, AGAIN],
     replace(DONE_SO, account=ACCOUNT, signed_in=T2)),
    ("silent", silent("exchange graph", "graph"), replace(BASE, silent=("graph",), **ONCE_SILENT)),
    ("silent until the end", [*silent("exchange graph"), CHECKED],
     replace(BASE, checked=T1, **ONCE_SILENT)),
    ("what cannot be decoded", [Event(Kind.UNREADABLE, T1)], GAP),
    ("a change without its beginning", [Event(Kind.CHANGED, T1, step="ids")], GAP),
]  # fmt: skip


@pytest.mark.parametrize(
    ("events", "run"), [row[1:] for row in TABLE], ids=[row[0] for row in TABLE]
)
def test_what_follows(events, run):
    """Each list of events in the table results in exactly the expected run."""
    assert fold("R1", [OPENED, *events]) == replace(run, version=len(events) + 1)


def test_every_kind_is_in_the_table():
    """The table of expected runs covers every kind of event."""
    assert {OPENED.kind} | {event.kind for _, events, _ in TABLE for event in events} == set(Kind)


@pytest.mark.parametrize("events", [[], [Event(Kind.DETAILS, T0)], [replace(OPENED, person=None)]])
def test_no_opening_no_run(events):
    """A list of events that does not begin with the opening of a run is refused."""
    with pytest.raises(LookupError):
        fold("R1", events)


def test_folding_goes_on_anywhere():
    """Applying only the later events to a run gives the same run as applying all events."""
    events = [OPENED, PLANNED, APPROVED, found(OK), Event(Kind.FINISHED, T2)]
    assert [
        apply_events(fold("R1", events[:cut]), events[cut:]) for cut in range(1, len(events) + 1)
    ] == [fold("R1", events)] * len(events)


def approving(*scopes: Scope) -> Run:
    """Return a run with a plan of two lines, and approvals of these scopes."""
    plan = replace(PLAN, changes=(CHANGE, TENANT_WIDE))
    return replace(BASE, plan=plan, approvals=dict.fromkeys(scopes, APPROVAL))


MAIL, WIDE = approving(Scope.MAILBOX), approving(Scope.TENANT)


LATER = Text("c", {"expires": "26 Nov 2027"})


@pytest.mark.parametrize(
    ("run", "change", "approved"),
    [
        (MAIL, CHANGE, True),
        (MAIL, replace(CHANGE, scope=Scope.APP), True),
        (approving(*Scope), replace(CHANGE, scope=Scope.TENANT), False),
        (WIDE, CHANGE, False),
        (MAIL, TENANT_WIDE, False),
        (WIDE, TENANT_WIDE, True),
        (MAIL, replace(CHANGE, step="other"), False),
        (MAIL, replace(CHANGE, after=Text("d")), False),
        (MAIL, replace(CHANGE, after=Text("c", {"user": "another@contoso.com"})), False),
        (MAIL, replace(CHANGE, after=LATER, command="PATCH /applications/o-1"), True),
        (MAIL, replace(CHANGE, before=Text("other")), True),
        (MAIL, replace(CHANGE, before=Text("other"), overwrites=True), False),
        (MAIL, replace(CHANGE, overwrites=True), True),
        (approving(), CHANGE, False),
    ],
)
def test_an_approval_covers_its_scope(run, change, approved):
    """A change is approved if the plan shows its effect and somebody has approved its scope."""
    assert run.approved(change) is approved


@pytest.mark.parametrize(
    ("events", "tenant", "bound_to"),
    [
        ([], "", ""),
        ([SIGNED_IN], "t1", ""),
        ([SIGNED_IN, PLANNED, SIGNED_OUT], "t1", ""),
        ([SIGNED_IN, PLANNED, APPROVED, SIGNED_OUT], "t1", "t1"),
        ([SIGNED_IN, PLANNED, APPROVED, CHANGING, Event(Kind.DETAILS, T1), SIGNED_OUT], "t1", "t1"),
        ([Event(Kind.DETAILS, T1, channel=replace(CHANNEL, tenant_id="t0"))], "t0", "t0"),
    ],
)
def test_the_tenant_of_a_run(events, tenant, bound_to):
    """A run's tenant is known even after a sign-out and is required after the first approval."""
    run = fold("R1", [OPENED, *events])
    assert (run.tenant, run.required_tenant) == (tenant, bound_to)


def test_facts_and_answers():
    """A run returns the facts that steps found and the answers of people, or empty strings."""
    empty = Finding("a", State.OK, facts={"upn": ""})
    run = replace(BASE, findings={"a": empty, "b": OK}, answers={"q": Reply("yes", "", T0)})
    assert [run.fact(name) for name in ("upn", "none")] == ["u", ""]
    assert [run.answer(name) for name in ("q", "none")] == ["yes", ""]


def test_when_a_change_was_written():
    """A change was written when it was completed; an incomplete one when it was first tried.

    Only a completed one counts as applied, because a begun change may have had no effect.
    """
    begun, again = Changed((), WRONG, T1), Changed((), WRONG, T2, since=T1)
    run = replace(BASE, changed={"a": begun, "b": again, "c": Changed((), WRONG, T1, T2)})
    assert [each.written for each in run.changed.values()] == [T1, T1, T2]
    assert [run.change_applied(step) for step in "abcd"] == [False, False, True, False]


@pytest.fixture
def run(store, channel, asker):
    """Return a new run without any settled step."""
    return store.open(channel, asker, Origin("room-1", message="m-1"))


def die(redis, run, times: int) -> None:
    """Begin attempts that never end; each one first waits for the pause that it needs."""
    for _ in range(times):
        if advance.begin_attempt(redis, run):
            redis.hset(keys.run_mark(run.id, "deaths"), "at", 0)
            assert advance.begin_attempt(redis, run) == 0


def test_the_first_are_made_up_for_at_once_and_the_next_later(redis, run):
    """After the first deaths in a row the run is tried again at once, then after growing pauses.

    A pause is over if the clock is set back.
    """
    die(redis, run, min(DEATH_PAUSES_S))
    waits = []
    for _ in DEATH_PAUSES_S:
        waits.append(advance.begin_attempt(redis, run))
        redis.hincrbyfloat(keys.run_mark(run.id, "deaths"), "at", 3600)
        assert advance.begin_attempt(redis, run) == 0
    assert waits == pytest.approx([*DEATH_PAUSES_S.values()], abs=5)


def test_a_settled_step_begins_the_count_again(redis, run):
    """A run is given up after too many deaths in a row, so that no further process dies with it.

    A newly settled step sets the count of deaths back to zero, because kills at different steps of
    a setup are not the run's fault. So does an attempt that ends by itself, even with an error.
    """
    die(redis, run, MOST_DEATHS)
    further = replace(run, findings={"tenant": Finding("tenant", State.OK)})
    assert advance.begin_attempt(redis, further) == 0
    die(redis, further, MOST_DEATHS - 1)
    assert advance.begin_attempt(redis, further) == GIVEN_UP
    advance.end_attempt(redis, run.id)
    assert advance.begin_attempt(redis, further) == 0
