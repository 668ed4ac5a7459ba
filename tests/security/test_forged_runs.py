"""Forged runs of an attacker who can write to Redis, and true states that are put back.

No forged event counts, and everything shows. The real web and worker processes run.
"""

import time

import pytest

from bot.processes.worker import TRAIL_S
from jobs.clock import now
from jobs.model import Channel
from jobs.runs.audit import SETTLES
from jobs.runs.run import Event, Kind
from jobs.runs.run_store import Record
from jobs.storage import codec, keys
from practice.client import does
from practice.conversation import words
from practice.patience import pace
from tests.security.redis_writer import FOREIGN, OLDER, run_of, stopped

COLLEAGUE = "colleague@contoso.com"
EVIL = "copies@evil.example"
STACK = {"env": {"REFUSALS_PER_HOUR": "1000"}}
"""Every refusal is answered, so that each attempt can be seen."""


def forwards_elsewhere(run, redis):
    """Return the run's history with another forwarding address in it."""
    lines = redis.lrange(f"run:{run}:events", 0, -1)
    address = codec.load(lines[1], Event).channel.forwarding_address.encode()
    return [line.replace(address, EVIL.encode()) for line in lines]


@pytest.mark.parametrize("scope", ["mailbox", "tenant"])
def test_a_forged_approval(planned, writer, scope):
    """A forged approval changes nothing and stops the run.

    The card, the audit trail and ``doctor`` name it. Another run of the mailbox can be planned.
    """
    walk, run, plan = planned
    writer.approve(run, plan, scope)
    stopped(walk)
    walk.people.until("the trail names it", lambda: writer.trail("foreign_event", run))
    assert (walk.writes(), writer.trail("changing", run)) == ([], [])
    for _ in range(2):  # it comes to rest: the same run handed out again is no loop
        writer.wake(run)
    walk.people.until(
        "the run is off the list", lambda: not writer.redis.zscore("due", f"run:{run}")
    )
    assert len(writer.trail("foreign_event", run)) == 1
    told = writer.command("doctor")
    assert (told.returncode, f"run:{run}:events, entry" in told.stdout) == (1, True)
    again, _ = run_of(walk.plan())  # the mailbox is free, and another run of it is planned
    assert again != run


def test_a_press_on_a_forged_run(planned, writer):
    """A real approval after a forged event is refused.

    The answer says that the bot did not make the event.
    """
    walk, run, plan = planned
    card = walk.card("a plan card", "approve")
    data = {"plan": plan, "scope": "tenant"}
    event = Event(Kind.APPROVED, now(), by="requester@contoso.com", data=data)
    writer.redis.rpush(f"run:{run}:events", codec.dump(event))
    answer = walk.press(card, "approve")
    assert FOREIGN in words(answer) or FOREIGN in words(stopped(walk))
    assert (walk.writes(), writer.trail("approved", run)) == ([], [])


def test_an_approval_of_another_run(planned, writer, new_walk):
    """An approval of one run that is copied to another run does not count and stops that run."""
    walk, run, plan = planned
    other = new_walk("service@contoso.com")
    other_run, _ = run_of(other.plan())
    other.press(other.card("a plan card", "approve"), "approve")
    approvals = [
        raw
        for raw in writer.redis.lrange(f"run:{other_run}:events", 0, -1)
        if codec.load(raw, Event).kind is Kind.APPROVED
    ]
    other.type(f"/cancel {other.mailbox}")
    written = walk.writes()
    writer.redis.rpush(f"run:{run}:events", approvals[0])
    writer.wake(run)
    stopped(walk)
    assert walk.writes() == written
    assert (plan != "", writer.trail("changing", run)) == (True, [])


def test_another_forwarding_address(planned, writer):
    """If the address in a run's history is changed, a later approval does not count.

    Nothing is changed in the tenant, and ``doctor`` names the entry.
    """
    walk, run, _ = planned
    card = walk.card("a plan card", "approve")
    lines = forwards_elsewhere(run, writer.redis)
    for place, line in enumerate(lines):
        writer.redis.lset(f"run:{run}:events", place, line.decode())
    writer.wake(run)
    walk.press(card, "approve")
    assert walk.writes() == []
    assert writer.trail("approved", run) == []
    assert writer.trail("changing", run) == []
    assert f"run:{run}:events, entry" in writer.command("doctor").stdout


def test_an_approval_without_its_entry(planned, writer):
    """If the audit trail is deleted after the approval, nothing more is changed.

    The card says that the approval is not in the trail.
    """
    walk, run, _ = planned
    walk.approve()
    consent = walk.card("a consent card", "look_again", link=True, seconds=40)
    lease = f"run:{run}:lease"
    walk.people.until("no worker has the run", lambda: not writer.redis.exists(lease))
    writer.redis.delete("audit:entries", "audit:head")
    made = len(writer.trail("changing", run))
    walk.open(consent)
    walk.wait(
        "that the approval is not in the trail",
        lambda each: "approval of this run is not in the audit trail" in words(each),
        60,
    )
    assert (made, writer.trail("changing", run)) == (0, [])
    assert [each["data"]["cause"] for each in writer.trail("problem", run)] == [
        "approval_not_audited"
    ]


def test_a_forged_entry_of_the_trail(planned, writer):
    """A forged entry of the audit trail approves no plan.

    The command ``audit`` says that the trail is broken.
    """
    walk, run, plan = planned
    last = codec.load(writer.redis.lrange("audit:entries", 0, -1)[-1], dict)
    forged = {**last, "what": "approved", "run": run, "data": {"plan": plan, "scope": "mailbox"}}
    writer.redis.rpush("audit:entries", codec.dump({**forged, "n": last["n"] + 1}))
    writer.wake(run)
    told = writer.command("audit")
    assert (told.returncode, "The trail is broken at entry" in told.stderr) == (1, True)
    walk.type(f"/cancel {walk.mailbox}")
    assert (walk.writes(), writer.command("audit").returncode) == ([], 1)  # for good
    writer.redis.delete("audit:entries", "audit:head")


def test_a_forged_record_of_a_channel(planned, writer, new_walk):
    """A check takes nothing from a forged record of a channel, and ``doctor`` names the record.

    The channel was never connected. The record puts it into a space, with an address of the
    intruder.
    """
    _, run, _ = planned
    walk = new_walk("info@contoso.com", requester=COLLEAGUE)
    channel = Channel(walk.mailbox, f"https://{EVIL.partition('@')[2]}/callback", EVIL)
    record = codec.dump(Record(run, now(), channel))
    room = writer.trail("opened", run)[0]["room"]
    forged = f"channel:{walk.mailbox}:proof"
    writer.redis.set(forged, record)
    writer.redis.sadd(f"space:{room}:channels", walk.mailbox)
    try:
        answer = walk.type(f"/check {walk.mailbox}")
        told = writer.command("doctor").stdout
        events = [
            raw
            for key in writer.redis.scan_iter("run:*:events")
            for raw in writer.redis.lrange(key, 0, -1)
        ]
    finally:
        writer.redis.delete(forged, f"space:{room}:channels")
    assert (forged in told, EVIL in words(answer)) == (True, False)
    own = [raw for raw in events if walk.mailbox.encode() in raw]
    assert [raw for raw in own if EVIL.encode() in raw] == []


def test_entries_of_lists_and_locks(planned, writer):
    """Unknown runs and events on the queue of what is due do no harm.

    A lock that the intruder takes only delays the run.
    """
    walk, run, _ = planned
    event = {"event": {"resource": "messages", "id": "m-1"}, "arrived": now()}
    writer.redis.set("event:forged", codec.dump(event))
    for member in ("event:forged", "run:NOSUCH", "draw:NOSUCH"):
        writer.redis.zadd("due", {member: time.time()})
    writer.redis.set(f"run:{run}:lease", "somebody", px=2000)
    before = writer.redis.llen(f"run:{run}:events")
    writer.wake(run)
    walk.people.until("NOSUCH is gone", lambda: not writer.redis.zscore("due", "run:NOSUCH"))
    walk.people.until("the lock has ended", lambda: not writer.redis.exists(f"run:{run}:lease"))
    assert (writer.redis.llen(f"run:{run}:events"), walk.writes()) == (before, [])
    assert walk.mailbox in words(walk.type("/status"))
    writer.redis.zrem("due", "event:forged")
    writer.redis.delete("event:forged")


def test_what_cannot_be_prevented_shows(planned, writer):
    """Deleted events cannot be prevented, but they show.

    A run whose approval is deleted is stopped, also if it is off the queue of what is due until the next press.
    A deleted run is unknown, and the audit trail has it.
    """
    walk, run, _ = planned
    writer.redis.set(keys.run_lock(run), "held", px=60_000)  # no worker acts on the approval yet
    walk.press(walk.card("a plan card", "approve_tenant"), "approve_tenant")
    lines = writer.redis.lrange(f"run:{run}:events", 0, -1)
    approved = next(
        place for place, raw in enumerate(lines) if codec.load(raw, Event).kind is Kind.APPROVED
    )
    writer.redis.ltrim(f"run:{run}:events", 0, approved - 1)
    writer.redis.zrem("due", f"run:{run}")
    writer.redis.delete(keys.run_lock(run))
    walk.press(walk.card("a plan card", "approve"), "approve")
    stopped(walk, OLDER)
    assert (walk.writes(), len(writer.trail("approved", run))) == ([], 2)
    again, _ = run_of(walk.plan())
    writer.redis.delete(f"run:{again}:events")
    gone = walk.press(walk.card("a card of the run", "cancel"), "cancel")
    assert "does not know" in words(gone) or does(gone) == set()
    assert len(writer.trail("opened", again)) == 1


def test_the_trail_is_set_back(planned, writer, new_walk):
    """An earlier true state of the trail, with its true seal, is noticed by the running worker.

    The log, ``doctor``, ``audit --full`` and the card of ``/audit`` name the loss.
    """
    walk, _, _ = planned
    lines, head = writer.redis.lrange("audit:entries", 0, -1), writer.redis.get("audit:head")
    for mailbox in ("service@contoso.com", "info@contoso.com"):  # seen, and seen again later
        other = new_walk(mailbox)
        other.ask()
        other.type(f"/cancel {mailbox}")
        time.sleep(1.5 * max(TRAIL_S, SETTLES.total_seconds() * pace()))
    before = len(writer.trail("audit_doubted"))
    with writer.redis.pipeline() as pipe:
        pipe.delete("audit:entries").rpush("audit:entries", *lines).set("audit:head", head)
        pipe.execute()
    walk.people.until("the doubt", lambda: len(writer.trail("audit_doubted")) > before, 90)
    walk.type("/audit")
    walk.saying("The trail is broken at entry")
    assert "WRONG  audit trail: broken at entry" in writer.command("doctor").stdout
    assert writer.command("audit", "--full").returncode == 1
    assert "audit entries are missing" in writer.stack.processes["worker"].log.read_text()


def test_an_older_state_of_a_run(planned, writer):
    """An approved run that was canceled and undone changes nothing if somebody brings it back.

    Its true events up to the approval, its sign-in and its place on the queue of what is due are brought back.
    The space is told that the run was stopped, and ``doctor`` and ``audit --full`` name the run.
    """
    walk, run, _ = planned
    walk.approve()
    walk.card("a consent card", "look_again", link=True, seconds=60)
    lease = keys.run_lock(run)
    walk.people.until("no worker has the run", lambda: not writer.redis.exists(lease))
    lines = writer.redis.lrange(f"run:{run}:events", 0, -1)
    session = writer.redis.get(f"sealed:session:{run}")
    approved = max(
        place for place, raw in enumerate(lines) if codec.load(raw, Event).kind is Kind.APPROVED
    )
    walk.type(f"/cancel {walk.mailbox}")
    walk.approve(walk.planned("/undo"))
    walk.saying("is disconnected", 90)
    assert f"run:{run}:events" not in writer.command("doctor").stdout
    tenant, made = walk.people.tenant(), walk.writes()
    writer.redis.delete(f"run:{run}:events")
    writer.redis.rpush(f"run:{run}:events", *lines[: approved + 1])
    writer.redis.set(f"sealed:session:{run}", session)
    writer.redis.zadd("runs:open", {run: time.time()})
    writer.wake(run)
    stopped(walk, OLDER)
    assert (walk.people.tenant(), walk.writes()) == (tenant, made)
    assert f"run:{run}:events without entry" in writer.command("doctor").stdout
    told = writer.command("audit", "--full")
    assert (told.returncode, f"run:{run}:events without entry" in told.stderr) == (1, True)
