"""States of a run and of the audit trail that were true once, put back into Redis by an attacker.

The real web and worker processes run.
"""

from __future__ import annotations

import time
from collections.abc import Callable

from jobs.runs.audit import SETTLES
from jobs.runs.run import Event, Kind
from jobs.storage import codec, keys
from practice.conversation import Walk
from tests.security.redis_writer import OLDER, Writer, stopped

NewWalk = Callable[..., Walk]


def test_the_trail_is_set_back(
    planned: tuple[Walk, str, str], writer: Writer, new_walk: NewWalk
) -> None:
    """An earlier true state of the trail, with its true seal, is noticed by the running worker.

    The log, ``doctor``, ``audit --full`` and the card of ``/audit`` name the loss.
    """
    walk, _, _ = planned
    lines, head = writer.redis.lrange("audit:entries", 0, -1), writer.redis.get("audit:head")
    for mailbox in ("service@contoso.com", "info@contoso.com"):  # seen, and seen again later
        other = new_walk(mailbox)
        other.ask()
        other.type(f"/cancel {mailbox}")
        time.sleep(2 * SETTLES.total_seconds())
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


def test_an_older_state_of_a_run(planned: tuple[Walk, str, str], writer: Writer) -> None:
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
    walk.people.look()
    walk.since = walk.people.change
    walk.type(f"/undo {walk.mailbox}")
    walk.open(walk.card("a sign-in card", "ask_administrator", link=True))
    walk.approve(walk.card("the plan of the undo", "approve"))
    walk.saying("is disconnected", 90)
    assert f"run:{run}:events" not in writer.command("doctor").stdout
    tenant, made = walk.people.control("GET", "tenants/contoso.com"), walk.writes()
    writer.redis.delete(f"run:{run}:events")
    writer.redis.rpush(f"run:{run}:events", *lines[: approved + 1])
    writer.redis.set(f"sealed:session:{run}", session)
    writer.redis.zadd("runs:open", {run: time.time()})
    writer.wake(run)
    stopped(walk, OLDER)
    assert (walk.people.control("GET", "tenants/contoso.com"), walk.writes()) == (tenant, made)
    assert f"run:{run}:events without entry" in writer.command("doctor").stdout
    told = writer.command("audit", "--full")
    assert (told.returncode, f"run:{run}:events without entry" in told.stderr) == (1, True)
