"""Sample of the pauses of ``make chaos``: a worker is stopped, and goes on after its run is over.

Laptop sleep, a paused virtual machine and swapping look the same as the SIGSTOP that is sent here.
"""

import json
import re
from dataclasses import replace

import pytest

from practice.chaos import judge
from practice.chaos.killer import Pauser
from practice.chaos.kills import EFFECTS, QUESTIONS, Kill, Victim, When
from practice.chaos.lane import QUICK, PatientWalk, undo
from practice.chaos.relay import Relay
from practice.conversation import fresh, space
from practice.patience import patient
from tests.fixtures.stacks import log_of

MAILBOX = "support@contoso.com"
BEFORE_THE_BODY = 3
"""Number of earlier questions for the lease: by the engine, and twice by the client of Exchange."""
FORWARDING = next(effect for effect in EFFECTS if effect.name == "M3 forwarding")


@pytest.fixture(scope="module")
def relay():
    """Relay between the product and Redis, as in ``make chaos``."""
    with Relay() as made:
        yield made


@pytest.fixture(scope="module")
def stack(relay):
    """Stack with short delays of replication, as in ``make chaos``."""
    with relay.stack(QUICK) as running:
        yield running


@pytest.fixture
def walk(stack, people):
    """Walk that waits as long as a recovery may take; a second worker is stopped at the end."""
    fresh(people)
    yield PatientWalk(people, MAILBOX, space(people))
    people.control("DELETE", "faults")
    stack.stop_second()


@pytest.fixture(scope="module")
def connected(stack, people):
    """Walk whose mailbox is connected."""
    fresh(people)
    walk = PatientWalk(people, MAILBOX, space(people))
    walk.approve(walk.plan())
    walk.to_the_proof()
    return walk


def mailbox(people):
    """Return the mailbox as an administrator sees it."""
    return people.tenant()["users"][MAILBOX]["mailbox"]


def trail(redis):
    """Return the entries of the audit trail."""
    return [json.loads(line) for line in redis.lrange("audit:entries", 0, -1)]


def over_and_failed(stack, since):
    """Return why the worker gave up attempts on runs, and its log lines about failed runs and jobs.

    The search begins after the first ``since`` characters of the log.
    """
    log = log_of(stack)[since:]
    lines = [json.loads(line) for line in log.splitlines() if line.startswith("{")]
    over = [line["why"] for line in lines if line["event"] == "this attempt on the run is over"]
    return over, [line for line in lines if re.search("run failed|job failed", line["event"])]


def test_a_worker_that_goes_on_after_an_undo_changes_nothing(stack, people, walk):
    """A worker that was stopped in a run changes nothing when it goes on after the run's undo.

    It is stopped in the call that sets the forwarding, while another host finishes and undoes the
    setup. SMTP AUTH was the next change of its run, and stays as it was before. No event follows
    the end of a run. The change that the worker had sent is in the audit trail, and its job does
    not fail: it has lost its lease, and its run is over, whichever it asks for first.
    """
    plan, before, since = walk.plan(), mailbox(people), len(log_of(stack))
    pauser = Pauser(stack, (Kill(Victim.HOST, FORWARDING, When.BEFORE),))
    pauser.start()
    walk.approve(plan)
    assert pauser.stopped.wait(patient(60)), stack.logs()
    walk.to_the_proof()
    changed = mailbox(people)
    undo(walk)
    undone, written = mailbox(people), judge.written(people)
    pauser.stop()
    pauser.thaw()
    with stack.redis() as redis:
        late = judge.after_ends(redis)
        told = [entry["step"] for entry in trail(redis) if entry["what"] == "changed_late"]
    assert changed != before == undone
    assert mailbox(people) == before
    assert judge.written(people) - written == 0
    assert late == 0
    assert "forwarding" in told
    assert over_and_failed(stack, since) in ((["LeaseLostError"], []), (["RunEndedError"], []))


@pytest.mark.parametrize(
    "question",
    [
        *(pytest.param(each, marks=pytest.mark.slow, id=each.name) for each in QUESTIONS[:-1]),
        pytest.param(QUESTIONS[-1], id=QUESTIONS[-1].name),
    ],
)
def test_a_worker_that_is_stopped_at_a_question_for_its_lease_changes_nothing(
    stack, people, relay, connected, question
):
    """A worker that is stopped while it asks for its lease sends nothing after the end of its run.

    The command, or Redis' answer, is on its way while the run is cancelled. It is the last question
    before the body of the only call of a fix.
    """
    people.mailbox(MAILBOX, smtp_auth_disabled=True)
    plan, before = connected.planned("/fix"), judge.written(people)
    asked = Kill(Victim.HOST, question=replace(question, skip=BEFORE_THE_BODY))
    pauser = Pauser(stack, (asked,), relay)
    pauser.start()
    connected.approve(plan)
    assert pauser.stopped.wait(patient(60)), stack.logs()
    connected.type(f"/cancel {MAILBOX}")
    pauser.stop()
    pauser.thaw()
    stack.stop_second()
    with stack.redis() as redis:
        assert (judge.written(people) - before, judge.after_ends(redis)) == (0, 0), stack.logs()
    assert mailbox(people)["smtp_auth_disabled"]
