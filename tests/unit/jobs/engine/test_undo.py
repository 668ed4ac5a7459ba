"""The changes that an undo remembers, their order, and late calls of an interrupted worker."""

from datetime import UTC, datetime, timedelta

import pytest

from jobs.clock import now
from jobs.clouds.http import PATIENCE
from jobs.engine.engine import Engine
from jobs.engine.findings import SETTLES_FOR
from jobs.engine.step import Undoable
from jobs.engine.undo import CALL_LASTS, Reversal, ids_of, recall
from jobs.model import Change, Channel, Finding, Person, Reason, RunKind, Scope, State, Text, Turn
from jobs.runs.fold import apply_events
from jobs.runs.run import UNDOES, Changed, Event, Kind, RecordedChange, Run, undid
from jobs.runtime import no_listener
from jobs.steps import all_steps, steps_of
from tests.fixtures.copies import replace

AT = datetime(2026, 11, 25, 9, 0, tzinfo=UTC)
OFF, ON, UNSET = ({"disabled": value} for value in ("true", "false", ""))
STEP = "smtp_auth"


LINE = Change(STEP, "M2", Text("step.smtp_auth"), Text("b"), Text("a"), Scope.MAILBOX, "x")


def line(before: str) -> Change:
    """Return a change of SMTP AUTH, with this text for the state before it."""
    return replace(LINE, before=Text(before))


def run(
    name: str,
    was: dict[str, str],
    left: dict[str, str],
    kind: str = "setup",
    *,
    done: bool = True,
    before: str = "b",
) -> Run:
    """Return a run that has changed SMTP AUTH."""
    wrong, asker = Finding(STEP, State.WRONG, values=was), Person("p", "a@contoso.com")
    changed = {STEP: Changed((line(before),), wrong, AT, AT if done else None, left)}
    return Run(name, Channel("support@contoso.com"), asker, AT, RunKind(kind), changed=changed)


def past(
    *runs: str, was: dict[str, str], left: dict[str, str], before: str = "b", change: str = ""
) -> tuple[RecordedChange, ...]:
    """Return one remembered change, as a tuple."""
    return (RecordedChange(STEP, line(change or before), Text(before), was, left, runs),)


def undo_of(only: str, *, was: dict[str, str], left: dict[str, str]) -> Run:
    """Return an undo that has reversed only the run with this ID."""
    undone = run("U", {}, was, "undo")
    return replace(undone, past={STEP: past(only, was=was, left=left)[0]}, known={UNDOES: only})


FIRST = run("A", UNSET, OFF, before="first")
SECOND = run("B", OFF, ON, "fix", before="second")
ALONE, KILLED = run("A", UNSET, ON), run("U", {}, {}, "undo", done=False)
SAW_IT = replace(KILLED, findings={STEP: Finding(STEP, State.OK)})
OF_SECOND = undo_of("B", was=OFF, left=ON)
RECALLED = {
    "nothing": ([], ()),
    "one run": ([ALONE], past("A", was=UNSET, left=ON)),
    "two runs that follow each other go back to before the first": (
        [FIRST, SECOND],
        past("A", "B", was=UNSET, left=ON, before="first", change="second"),
    ),
    "what somebody else set between two runs is kept": (
        [ALONE, SECOND],
        past("B", was=OFF, left=ON, before="second"),
    ),
    "an undo has put it back": ([ALONE, run("U", {}, UNSET, "undo")], ()),
    "an undo that was killed after the change has seen that it is back": ([ALONE, SAW_IT], ()),
    "an undo that was killed before it was sure counts for nothing": (
        [ALONE, KILLED],
        past("A", was=UNSET, left=ON),
    ),
    "a setup after an undo goes back to before itself": (
        [run("A", OFF, ON), run("U", {}, OFF, "undo"), run("B", UNSET, ON)],
        past("B", was=UNSET, left=ON),
    ),
    "a run that read nothing back is part of the row": (
        [run("A", UNSET, {}, before="first"), SECOND],
        past("A", "B", was=UNSET, left=ON, before="first", change="second"),
    ),
    "without values nothing can be put back": ([run("A", {}, {})], ()),
    "the undo of one run leaves the earlier one to be undone": (
        [FIRST, SECOND, OF_SECOND],
        past("A", was=UNSET, left=OFF, before="first"),
    ),
    "after the undo of one run, a value that somebody else had set before it is only named": (
        [ALONE, run("B", OFF, ON, "fix"), OF_SECOND],
        past("A", was=UNSET, left=ON),
    ),
    "a value set by somebody else after the undo of one run is kept": (
        [FIRST, SECOND, OF_SECOND, run("C", UNSET, ON, "fix", before="third")],
        past("C", was=UNSET, left=ON, before="third"),
    ),
}


@pytest.mark.parametrize(("runs", "wanted"), RECALLED.values(), ids=RECALLED)
def test_what_is_remembered(runs, wanted):
    """An undo goes back through the earlier runs of a channel.

    It goes back as long as each run found the value that the run before it had left.
    """
    assert recall(runs, all_steps()) == wanted


def test_one_run_alone_is_remembered():
    """The undo of one run knows only what that run changed, until it is undone."""
    wanted = past("B", was=OFF, left=ON, before="second")
    assert recall([FIRST, SECOND], all_steps(), "B") == wanted
    assert recall([FIRST, SECOND], all_steps(), "C") == ()
    assert recall([FIRST, SECOND, OF_SECOND], all_steps(), "B") == ()


def test_ids_come_from_the_newest_run_that_knew_them(given):
    """Each ID comes from the newest run that knew it, and an undo takes no other facts along."""
    first = given(facts={"object_id": "old", "sp_id": "sp", "upn": "u", "expires": "e"}).run
    newer = {"x": Finding("x", State.OK, facts={"object_id": "new"})}
    second = Run("B", first.channel, first.requester, AT, findings=newer)
    assert ids_of([first, second]) == {"object_id": "new", "sp_id": "sp"}


def undo(given, *names: str, **found: State) -> Run:
    """Return an undo of these steps, with the states that it has found."""
    pasts = tuple(
        RecordedChange(name, line("b"), Text("b"), {"x": ""}, {"x": "1"}, ("A",)) for name in names
    )
    recalled = Event(Kind.RECALLED, AT, data={"sp_id": "sp-1"}, past=pasts)
    events = [
        Event(Kind.FOUND, AT, step=name, finding=Finding(name, state))
        for name, state in found.items()
    ]
    return given(kind="undo", events=(recalled, *events)).run


def test_the_way_back_is_the_other_way_round(given):
    """Each reversal waits for every step that is built on it, directly or indirectly.

    Steps without a change are left out.
    """
    built_on = {
        "application": "service_principal client_secret mail_send smtp_grant check_secret",
        "service_principal": "smtp_grant",
        "mail_send": "client_secret check_secret",
        "client_secret": "check_secret",
        "smtp_grant": "",
        "check_secret": "",
        "outbound_policy": "",
        "customization": "outbound_policy",
    }
    steps = steps_of(undo(given, *built_on))
    assert {name: set(step.after) for name, step in steps.items()} == {
        name: set(others.split()) for name, others in built_on.items()
    }


@pytest.mark.parametrize(
    ("found", "is_undone"),
    [
        ({STEP: State.WARNING, "forwarding": State.OK}, True),
        ({STEP: State.WARNING, "forwarding": State.SKIPPED}, False),
        ({}, False),
    ],
)
def test_whether_anything_is_back(given, found, is_undone):
    """An undo takes the channel away if it reverses a change, and if it is not that of one run.

    The IDs from earlier runs are facts of an undo, and its steps read them as in any run.
    """
    whole = undo(given, STEP, "forwarding", **found)
    assert whole.fact("sp_id") == "sp-1"
    assert undid(whole) is is_undone
    assert not undid(replace(whole, known={UNDOES: "A"}))


class Switch(Undoable):
    """Step whose value an undo restores, with scripted states; the last one is repeated."""

    name, article_row, group = STEP, "M2", "exchange"

    def __init__(self, *shows: State) -> None:
        self.shows, self.undone = list(shows), 0

    async def inspect(self, ctx) -> Finding:
        """Fail, because an undo does not use this method."""
        raise NotImplementedError

    async def inspect_undo(self, ctx, past: RecordedChange) -> Finding:
        """Return the finding for the next scripted state."""
        state = self.shows.pop(0) if len(self.shows) > 1 else self.shows[0]
        return Finding(self.name, state, seen=Text("seen.ok"))

    def undo_command(self, ctx, past: RecordedChange) -> str:
        """Return a placeholder instead of a command."""
        return "x"

    async def undo(self, ctx, past: RecordedChange) -> None:
        """Count the calls."""
        self.undone += 1


def reversal(step: Switch, begun: datetime | None) -> Reversal:
    """Return the undo of a change whose last try began at ``begun`` and was interrupted.

    If ``begun`` is None, the change was not interrupted.
    """
    past = RecordedChange(STEP, LINE, Text("b"), {"x": ""}, {"x": "1"}, ("A",), begun)
    return Reversal(step, past, ())


async def test_a_value_that_is_back_is_looked_at_once_more(given):
    """A restored value is inspected once more as soon as no late call can be under way anymore.

    Such a call would be from a worker that was interrupted during the change.
    """
    begun = now() - timedelta(seconds=30)
    finding = await reversal(Switch(State.OK), begun).inspect(given())
    told = finding.state, finding.waiting_for, finding.seen
    assert told == (State.WAITING, Turn.TIME, Text("seen.undo_late"))
    assert abs(finding.until - (begun + CALL_LASTS)) < timedelta(seconds=1)


@pytest.mark.parametrize("ago", [None, CALL_LASTS, timedelta(days=-1)])
async def test_nothing_late_is_waited_for_where_nothing_can_come(given, ago):
    """An undo does not wait for late calls if none can come.

    Otherwise every undo would take a minute and a half, or hours after the clock was set back.
    """
    step = reversal(Switch(State.OK), now() - ago if ago else None)
    assert (await step.inspect(given())).state is State.OK


@pytest.mark.parametrize("state", [State.WRONG, State.WARNING])
async def test_what_is_not_back_is_said_at_once(given, state):
    """A value that is not restored yet is reported at once.

    The undo must restore it, or must leave it because it is somebody else's value.
    """
    assert (await reversal(Switch(state), now()).inspect(given())).state is state


def test_a_call_that_arrives_during_the_undo_is_undone_too(carry_out, given, pass_time):
    """A late call that overwrites the restored value is undone too.

    The second inspection sees the late value, and the undo restores the value once more.
    """
    step = Switch(State.WRONG, State.OK, State.WRONG, State.WRONG, State.OK)
    ctx, back = given(kind="undo"), reversal(step, now())
    lines = back.plan(ctx, back.wrong(Text("seen.ok")))
    planned = Event(Kind.PLANNED, now(), data={"plan": "p"}, changes=lines)
    approved = Event(Kind.APPROVED, now(), data={"plan": "p", "scope": "mailbox"})
    ctx.store.append(ctx.run.id, planned, approved)
    worker = Engine(ctx, {STEP: back}, no_listener, lambda: True)
    seen = []
    for seconds in (0, CALL_LASTS.total_seconds(), SETTLES_FOR.total_seconds()):
        pass_time(seconds)
        carry_out(worker.apply_plan())
        found = ctx.run.findings[STEP]
        seen.append((step.undone, found.state, found.reason or found.seen))
    assert seen == [
        (1, State.WAITING, Text("seen.undo_late")),
        (1, State.WAITING, Reason.REPLICATION),
        (2, State.OK, Text("seen.ok")),
    ]


@pytest.mark.parametrize(
    ("tries", "interrupted"),
    [
        ("begun done", False),
        ("begun", True),
        ("begun begun done", True),
        ("begun done begun done", False),
        ("begun begun done begun done", False),
    ],
)
def test_which_changes_were_interrupted(given, tries, interrupted):
    """A change counts as interrupted if its last try was never completed.

    It also counts as interrupted if the try before that one was never completed.
    """
    before = Finding(STEP, State.WRONG, values={"disabled": ""})
    events = {
        "begun": Event(Kind.CHANGING, now(), step=STEP, finding=before, changes=(LINE,)),
        "done": Event(Kind.CHANGED, now(), step=STEP),
    }
    run = apply_events(given().run, [events[word] for word in tries.split()])
    (recalled,) = recall([run], all_steps())
    assert (recalled.interrupted is not None) is interrupted


def test_no_call_lasts_longer_than_its_client_waits():
    """The longest time of a call is the time that the client allows for a request to Microsoft."""
    assert CALL_LASTS.total_seconds() == PATIENCE.total_s
