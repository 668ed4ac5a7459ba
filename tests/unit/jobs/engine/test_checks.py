"""Check of a channel: what it saves, silent clouds, and reads that may be stale."""

import asyncio
from dataclasses import dataclass, field
from datetime import timedelta
from types import SimpleNamespace

import pytest

from jobs.clock import now
from jobs.clouds import calls
from jobs.engine.engine import STALE_S, Engine
from jobs.engine.step import Diagnosis, Probe, Step, StepContext
from jobs.model import Access, State, Text
from jobs.runs.run import Event, Kind
from jobs.runtime import no_listener


@dataclass
class Counting:
    """Listener that records the number of findings at each change of the run."""

    ctx: StepContext
    found: list[int] = field(default_factory=list)

    def __call__(self, run_id: str) -> None:
        """Record the number of findings, without the finding with which every run begins."""
        self.found.append(len(self.ctx.store.load(run_id).findings) - 1)


class Look(Probe):
    """Probe whose cloud answers after ``seconds`` seconds."""

    article_row = "X"

    def __init__(self, name: str, seconds: float = 0.0, access: Access = Access.NONE) -> None:
        self.name, self.diagnosis, self.seconds = name, Diagnosis(access=access), seconds

    async def inspect(self, ctx: StepContext):
        """Return that all is well, after the pause."""
        with calls.request_to("exchange"):
            await asyncio.sleep(self.seconds)
        return self.ok()


def checked(ctx: StepContext, *steps: Step, listener=no_listener):
    """Return a check of these steps without any access, to be carried out."""
    named, ctx.access = {step.name: step for step in steps}, Access.NONE
    return Engine(ctx, named, listener, lambda: True).check()


def test_what_is_left_out_holds_up_nobody(given, carry_out):
    """Thirty skipped steps are saved at once, before the first inspection.

    They do not wait for that inspection.
    """
    ctx = given(kind="check")
    left = [Look(f"admin{number}", access=Access.ADMIN) for number in range(30)]
    heard = Counting(ctx)
    carry_out(checked(ctx, Look("quick"), Look("slow", 0.3), *left, listener=heard))
    assert heard.found == [30, 31, 32]
    shown = [ctx.run.findings[name].state for name in ("admin0", "quick", "slow")]
    assert shown == [State.SKIPPED, State.OK, State.OK]


def test_what_is_seen_at_once_is_saved_at_once(given, carry_out):
    """Ten answers that come at the same moment are saved in fewer than four writes."""
    ctx = given(kind="check")
    heard = Counting(ctx)
    probes = [Look(f"probe{number}") for number in range(10)]
    carry_out(checked(ctx, *probes, listener=heard))
    assert (heard.found[-1], len(heard.found) < 4) == (10, True)


@pytest.fixture(autouse=True)
def loops_time(monkeypatch) -> None:
    """Let the watch for silent clouds use the event loop's clock, which skips pauses."""
    time = SimpleNamespace(monotonic=lambda: asyncio.get_running_loop().time())
    monkeypatch.setattr(calls, "time", time)


def told(ctx: StepContext) -> list[str]:
    """Return the names of the silent clouds in each event of the kind ``SILENT``."""
    events: list[Event] = ctx.store.events(ctx.run.id)
    return [event.data["services"] for event in events if event.kind is Kind.SILENT]


@pytest.mark.parametrize(("seconds", "expected"), [(60.0, ["exchange"]), (1.0, [])])
def test_a_cloud_that_does_not_answer_is_named_within_seconds(given, carry_out, seconds, expected):
    """A cloud that does not answer is named long before the finding.

    A cloud that answers after a second is not named.
    """
    ctx = given(kind="check")
    carry_out(checked(ctx, Look("slow", seconds)))
    assert (told(ctx), "slow" in ctx.run.findings) == (expected, True)


def test_a_check_of_many_channels_tells_nothing(given, carry_out):
    """A check of many channels names no silent clouds.

    Its card has a line for each channel, and no room for clouds.
    """
    ctx = given(kind="check")
    ctx.many = True
    carry_out(checked(ctx, Look("slow", 60.0)))
    assert told(ctx) == []


SHOWN, NOT_SHOWN = State.OK, State.WRONG


class Grant(Step):
    """Step that shows the next of its scripted states at each look."""

    name, diagnosis = "grant", Diagnosis(access=Access.NONE)

    def __init__(self, row: str, *looks: State, replicates: bool = False) -> None:
        self.article_row, self.replicates, self.looks = row, replicates, list(looks)

    async def inspect(self, ctx: StepContext):
        """Return the next scripted state; the last one is repeated."""
        state = self.looks.pop(0) if len(self.looks) > 1 else self.looks[0]
        wrong = self.wrong(Text("seen.none"), cause="consent_missing")
        return self.ok() if state is State.OK else wrong


def written(given, minutes: float) -> None:
    """Record a setup of the channel that wrote so many minutes ago and has ended."""
    ctx = given(changed={"smtp_grant": now() - timedelta(minutes=minutes)})
    ctx.store.end(ctx.run, Event(Kind.FINISHED, now()))


@pytest.mark.parametrize(
    ("minutes", "grant", "state", "waited"),
    [
        (1, Grant("E2", NOT_SHOWN, SHOWN), State.OK, STALE_S),
        (1, Grant("E2", NOT_SHOWN, NOT_SHOWN, SHOWN), State.WRONG, STALE_S),
        (1, Grant("E2", SHOWN, NOT_SHOWN), State.OK, 0),
        (6, Grant("E2", NOT_SHOWN, SHOWN), State.WRONG, 0),
        (1, Grant("M2", NOT_SHOWN, SHOWN), State.WRONG, 0),
        (1, Grant("M2", NOT_SHOWN, SHOWN, replicates=True), State.OK, STALE_S),
    ],
)
def test_what_was_written_is_read_once_more(given, carry_out, minutes, grant, state, waited):
    """A recent write that the directory does not show is read once more, after a pause.

    A setting in Exchange is not read again, because only new objects replicate there.
    """
    written(given, minutes)
    ctx = given(kind="check")
    seconds = carry_out(checked(ctx, grant))
    assert (ctx.run.findings["grant"].state, seconds) == (state, pytest.approx(waited, abs=0.4))


def test_of_many_channels_all_is_read_once(given, carry_out):
    """A check of many channels reads everything once.

    A second read would be answered from memory.
    """
    written(given, 1)
    ctx = given(kind="check")
    ctx.many = True
    assert carry_out(checked(ctx, Grant("E2", NOT_SHOWN, SHOWN))) < STALE_S
    assert ctx.run.findings["grant"].state is State.WRONG
