"""What a process has of its own: the lines of its log, and its locks."""

import json
import subprocess
import sys
import textwrap

import pytest

from bot import logs
from jobs.storage import locks
from jobs.storage.locks import LockKind, LockName, renewed_lock
from tests.fixtures.waiting import ran

SECRET = "Zx8Q~made.up-secret_0123456789abcdefghij"
PREPARED = """
import logging, structlog
from bot import logs
logs.configure("INFO")
"""


def written(source):
    """Run code in a process with the product's logging and return its stderr.

    The code can use ``SECRET`` for the secret.
    """
    code = PREPARED + f"SECRET = {SECRET!r}\n" + textwrap.dedent(source)
    return ran(sys.executable, "-c", code, check=True).stderr


def test_a_line_is_one_json_object():
    """Line breaks and control characters in a value cannot make up a second line."""
    lines = written("""
        with structlog.contextvars.bound_contextvars(job="job-1"):
            structlog.get_logger("bot.test").info("hello", room="a\\r\\nb\\x1b[31m", token=SECRET)
    """).splitlines()
    entry = json.loads(lines[0])
    assert (len(lines), entry.pop("timestamp")[:2]) == (1, "20")
    assert entry == {
        "event": "hello",
        "level": "info",
        "logger": "bot.test",
        "job": "job-1",
        "room": "a\r\nb\x1b[31m",
        "token": logs.GONE,
    }


def test_other_peoples_logs_and_tracebacks_are_cleaned_too():
    """A library's own log line, its arguments and the traceback go through the same cleaning."""
    line = written("""
        try:
            int(f"client_secret={SECRET}")
        except ValueError:
            logging.getLogger("some.library").exception("request with %s", f"Bearer {SECRET}")
    """)
    assert ("ValueError" in line, SECRET in line) == (True, False)


def test_values_within_values_are_cleaned():
    """A secret inside a mapping, a list or an object is removed from the log."""
    line = written("""
        body = {"client_secret": SECRET, "list": [f"code={SECRET}"]}
        structlog.get_logger("bot.test").info("x", body=body, error=ValueError(f"Bearer {SECRET}"))
    """)
    assert SECRET not in line
    assert json.loads(line)["body"] == {"client_secret": logs.GONE, "list": [f"code={logs.GONE}"]}


@pytest.mark.parametrize(("level", "least"), [("debug ", "debug"), ("LOUD", "info")])
def test_a_level_is_read(level, least):
    """Spaces around a log level are ignored, and an unknown one counts as INFO.

    It does not stop the command that would complain about it.
    """
    line = written(f"""
        logs.configure({level!r})
        logging.getLogger("x").debug("debug")
        logging.getLogger("x").info("info")
    """)
    assert json.loads(line.splitlines()[0])["event"] == least


def test_lines_of_the_audit_trail_do_not_depend_on_the_level():
    """Lines of the audit trail are logged at every level.

    They are the record of the trail outside Redis (docs/audit.md). RQ's housekeeping is not logged.
    """
    lines = written("""
        logs.configure("ERROR")
        structlog.get_logger("jobs.runs.audit").info("audit", n=1)
        structlog.get_logger("jobs.advance").info("something else")
        logs.configure("INFO")
        logging.getLogger("rq.worker").info("cleaning registries")
        logging.getLogger("rq.worker").warning("a work horse died")
    """).splitlines()
    assert [json.loads(line)["event"] for line in lines] == ["audit", "a work horse died"]


LEASE, DRAW = LockName(LockKind.RUN, "R1"), LockName(LockKind.DRAW, "R1")
TAKE = """
import sys
from redis import Redis
from jobs.storage.locks import LockKind, LockName, renewed_lock
lease = LockName(LockKind.RUN, "R1")
holding = renewed_lock(Redis.from_url(sys.argv[1]), lease, 60)
assert holding.__enter__()
print("taken", flush=True)
sys.stdin.read()
"""


@pytest.fixture
def holder(spawn, redis, redis_url):
    """Process that has taken the lock."""
    process = spawn("-c", TAKE, redis_url, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert process.stdout.readline() == b"taken\n"
    return process


def test_what_a_killed_process_held_is_free(holder, redis):
    """A lock is released once its process was killed, although it had a minute left.

    It is not released before.
    """
    with renewed_lock(redis, LEASE, 5) as held:
        assert (locks.release_dead(redis), held) == ((), None)
    holder.kill()
    holder.wait()
    assert locks.release_dead(redis) == (LEASE,)
    with renewed_lock(redis, LEASE, 5) as held:
        assert held is not None


def test_the_remains_of_a_process_are_dead(holder, redis):
    """A killed process that was not waited for still has its number, but counts as dead."""
    holder.kill()
    for _ in range(200):
        if freed := locks.release_dead(redis):
            break
    assert freed == (LEASE,)


def test_a_process_of_another_machine_is_not_known_to_be_dead(redis):
    """A lock of another machine's process is not released, because its number means nothing here.

    The lock ends by itself.
    """
    redis.set("run:R1:lease", "other-boot pid:[1]/999999/1/aa", ex=60)
    redis.hset("locks:held", "run:R1", "other-boot pid:[1]/999999/1/aa")
    assert (locks.release_dead(redis), redis.exists("run:R1:lease")) == ((), 1)


def test_another_process_with_the_same_number_is_not_the_holder(holder, redis):
    """A lock's holder is dead if the process with its number was started at another time."""
    place, pid, started, rest = (redis.get("run:R1:lease") or b"").decode().split("/")
    assert locks.is_dead(f"{place}/{pid}/{int(started) - 1}/{rest}")
    assert not locks.is_dead(f"{place}/{pid}/{started}/{rest}")


def test_a_lock_that_ran_out_is_not_taken_from_the_next(redis):
    """A late release takes no lock from its present holder.

    The cleanup of a dead process does not either.
    """
    with renewed_lock(redis, DRAW, 60):
        place, pid, _, rest = (redis.get("draw:R1") or b"").decode().split("/")
        redis.set("draw:R1", "the next")
    assert redis.hgetall("locks:held") == {}
    redis.hset("locks:held", "draw:R1", f"{place}/{pid}/1/{rest}")
    assert locks.release_dead(redis) == (DRAW,)
    assert redis.get("draw:R1") == b"the next"
    assert redis.hgetall("locks:held") == {}


def test_a_lock_of_a_kind_that_is_not_known(redis):
    """A dead lock of an unknown kind, from a newer version, leaves the list and is not reported."""
    with renewed_lock(redis, DRAW, 60):
        place, pid, _, rest = (redis.get("draw:R1") or b"").decode().split("/")
    redis.hset("locks:held", "tomorrow:R1", f"{place}/{pid}/1/{rest}")
    assert (locks.release_dead(redis), redis.hgetall("locks:held")) == ((), {})
