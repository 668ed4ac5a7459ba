"""Check of a channel, silent clouds, stale reads, and the finding of a cloud's error."""

import asyncio
from dataclasses import dataclass, field, replace
from datetime import timedelta
from types import SimpleNamespace

import pytest

from jobs.clock import now
from jobs.clouds import calls, errors
from jobs.clouds.errors import CloudReply
from jobs.engine.engine import STALE_S, Engine
from jobs.engine.inspector import AGAIN_S, LONGEST_PAUSE_S, finding_from_error, may_be_replication
from jobs.engine.step import Diagnosis, Probe, Step, StepContext
from jobs.model import Access, Account, Finding, State, Text, Turn, verbatim
from jobs.runs.run import Event, Kind
from jobs.runtime import no_listener
from jobs.steps.connect_form import ConnectIds
from jobs.steps.forwarding import Forwarding, OutboundPolicy


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
    named = {step.name: step for step in steps}
    return Engine(ctx, named, listener, lambda: True).check({Access.NONE})


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


SAID = CloudReply("graph", 503, "ServiceUnavailable", "Try later")


@pytest.mark.parametrize("kind", [errors.Transient, errors.MalformedAnswer])
@pytest.mark.parametrize("waits", [0, 3, len(AGAIN_S) - 1])
def test_what_may_pass_is_tried_again(given, kind, waits):
    """A step whose error may pass by itself is tried again, after longer and longer pauses."""
    run = given(waits={"ids": waits}).run
    found = finding_from_error(ConnectIds(), kind("service_unavailable", SAID), run)
    told = found.state, found.waiting_for, found.cause, found.seen
    assert told == (State.UNKNOWN, Turn.TIME, "service_unavailable", verbatim("Try later"))
    assert abs((found.until - now()).total_seconds() - AGAIN_S[waits]) < 1


@pytest.mark.parametrize(
    ("asked", "pause"), [(None, 30), (7.0, 30), (90.0, 90), (99_999_999.0, LONGEST_PAUSE_S)]
)
def test_retry_after_is_the_least_that_is_waited(given, asked, pause):
    """A cloud that asks for a longer pause than our own gets it, up to an hour."""
    error = errors.Transient("throttled", replace(SAID, retry_after=asked))
    found = finding_from_error(ConnectIds(), error, given(waits={"ids": 2}).run)
    assert abs((found.until - now()).total_seconds() - pause) < 1


@pytest.mark.parametrize(
    ("error", "waits"),
    [
        (errors.Transient("throttled", SAID), len(AGAIN_S)),
        (errors.Forbidden("not_allowed", SAID), 0),
        (errors.Rejected("x", SAID), 0),
    ],
)
def test_everything_else_is_a_persons_turn(given, error, waits):
    """An error that cannot pass by itself is the administrator's turn.

    An error that persists after seven tries is the administrator's turn as well.
    """
    found = finding_from_error(ConnectIds(), error, given(waits={"ids": waits}).run)
    told = found.state, found.waiting_for, found.until
    assert told == (State.UNKNOWN, Turn.ADMINISTRATOR, None)


@pytest.mark.parametrize(
    ("said", "words"),
    [
        (CloudReply("graph", code="C"), verbatim("C")),
        (CloudReply("graph"), Text("cause.not_found")),
    ],
)
def test_an_error_without_words_is_told_by_its_code(given, said, words):
    """An error without a message shows the cloud's code, or else our own text for its cause."""
    assert (
        finding_from_error(ConnectIds(), errors.NotFound("not_found", said), given().run).seen
        == words
    )


BEGUN = Event(Kind.CHANGING, now(), step="application", finding=Finding("application", State.WRONG))


NOT_READY = errors.NotReplicatedYet("directory_settling", CloudReply("graph", 400))


NOT_THERE = errors.NotFound("not_found", CloudReply("graph", 404))


AT_EXCHANGE = errors.NotFound("not_found", CloudReply("exchange", 404))


@pytest.mark.parametrize(
    ("error", "ago", "settling"),
    [
        (NOT_THERE, {"application": 10}, True),
        (NOT_THERE, {"application": 121}, False),
        (NOT_THERE, {}, False),
        (
            errors.Rejected("client_secret_wrong", CloudReply("entra", 401)),
            {"application": 119},
            True,
        ),
        (NOT_READY, {"application": 121}, True),
        (NOT_READY, {"application": 299}, True),
        (NOT_READY, {"application": 301}, False),
        (errors.Rejected("redirect_uri_mismatch", SAID), {"application": 10}, False),
        (AT_EXCHANGE, {"application": 10}, False),
        (AT_EXCHANGE, {"outbound_policy": 299, "forwarding": 0}, True),
        (AT_EXCHANGE, {"outbound_policy": 301, "forwarding": 0}, False),
        (AT_EXCHANGE, {}, False),
        (
            errors.Rejected("request_rejected", CloudReply("exchange", 400)),
            {"outbound_policy": 10},
            False,
        ),
    ],
)
def test_what_a_write_of_ours_explains(given, error, ago, settling):
    """An error right after our write counts as replication delay only if the cloud replicates.

    It counts for two minutes (checklist J7), or for five if the directory itself says that it is
    settling, and for a new policy that Exchange does not find. A mailbox that Exchange does not
    find is really missing.
    """
    changed = {name: now() - timedelta(seconds=seconds) for name, seconds in ago.items()}
    run = given(changed=changed).run
    assert may_be_replication(error, run, OutboundPolicy()) is settling
    anywhere = settling and error.service != "exchange"
    assert may_be_replication(error, run, Forwarding()) is anywhere
    assert may_be_replication(error, run) is anywhere


@pytest.mark.parametrize(("tries", "settling"), [((310, 200, 1), False), ((290, 200, 1), True)])
def test_trying_again_does_not_open_the_window_again(given, tries, settling):
    """The five minutes of a possible replication delay begin with the first try of a change.

    Further tries do not prolong them.
    """
    times = [now() - timedelta(seconds=ago) for ago in tries]
    events = tuple(replace(BEGUN, at=at) for at in times)
    assert may_be_replication(NOT_READY, given(events=events).run) is settling


LETS_IN = [
    errors.SignInNeeded("exchange_consent_missing", CloudReply("exchange", 401)),
    errors.Forbidden("exchange_role_missing", CloudReply("exchange", 403)),
    errors.Forbidden("directory_role_missing", CloudReply("graph", 403)),
    errors.Forbidden("not_allowed", CloudReply("graph", 403)),
]


@pytest.mark.parametrize("error", LETS_IN)
@pytest.mark.parametrize(
    ("signed_in", "changed", "settling"),
    [(119, None, True), (121, None, False), (300, 119, True), (300, 121, False)],
)
def test_what_a_sign_in_or_a_change_of_a_moment_ago_explains(
    given, error, signed_in, changed, settling
):
    """A missing role or consent may be a replication delay, for two minutes.

    The two minutes begin with a sign-in or with a change of the run.
    """
    account = Account("tenant-1", "oid-1", "admin@contoso.com")
    events = (Event(Kind.SIGNED_IN, now() - timedelta(seconds=signed_in), account=account),)
    made = {"smtp_grant": now() - timedelta(seconds=changed)} if changed else {}
    assert may_be_replication(error, given(events=events, changed=made).run) is settling


def test_a_change_that_was_refused_is_no_reason_for_its_refusal(given):
    """A change that was only begun has changed nothing, so it does not explain a missing role."""
    begun = replace(BEGUN, at=now())
    assert may_be_replication(LETS_IN[2], given(events=(begun,)).run) is False
