"""Rotation of ENCRYPTION_KEYS, and a restored backup, in the middle of a setup.

The real processes run. The steps are those of docs/operations.md.
"""

import shlex
import shutil

import pytest
from cryptography.fernet import Fernet

from bot.processes import redis_server
from practice.client import does
from practice.conversation import apps
from tests.chaos.conftest import open_run
from tests.fixtures.stacks import operator

PRODUCT = ("web", "worker")

CARDS_MAY_LAG = {"test_a_backup_that_is_restored_in_the_middle_of_a_setup"}


def with_keys(stack, *encryption_keys):
    """Restart web and worker with these keys. Both are stopped before the first one starts."""
    for name in PRODUCT:
        stack.processes[name].stop()
        stack.processes[name].env["ENCRYPTION_KEYS"] = ",".join(encryption_keys)
    for name in PRODUCT:
        stack.start(name)


def line_of(report, name):
    """Return the line of a report that has this name in it."""
    return next((line for line in report.splitlines() if name in line), "")


def to_the_rehearsal(walk):
    """Play a setup from the consent to the offer of a rehearsal.

    The one-time page shows the sealed client secret on the way. At the end every object exists
    once.
    """
    walk.consent(60)
    walk.fill_in()
    assert "rehearse" in does(walk.offer(60))
    tenant = walk.people.tenant()
    policies = [each for each in tenant["outbound_policies"] if not each["IsDefault"]]
    assert (len(apps(walk.people)), len(policies), len(tenant["outbound_rules"])) == (1, 1, 1)


def test_keys_are_rotated_in_the_middle_of_a_setup(stack, walk):
    """A setup that was planned under the old key goes on with the new key alone.

    The command ``rekey`` runs while the approved run makes its changes. The command ``doctor`` says
    before and after whether the old key is needed.
    """
    plan = walk.plan()
    old, new = stack.processes["worker"].env["ENCRYPTION_KEYS"], Fernet.generate_key().decode()
    with_keys(stack, new, old)
    assert "under an older key of ENCRYPTION_KEYS" in line_of(
        operator(stack, "doctor").stdout, " runs:"
    )
    walk.approve(plan)
    walk.people.until("the first change", walk.writes)
    done = operator(stack, "rekey")
    assert (done.returncode, done.stdout.splitlines()[-1].partition(":")[0]) == (
        0,
        "Everything is under the first key. OLD can be removed from ENCRYPTION_KEYS=NEW,OLD",
    ), done.stdout + done.stderr
    assert " 0 written again" not in line_of(done.stdout, "runs:")
    assert " 0 written again" not in line_of(done.stdout, "sealed values:")
    assert "nothing needs an older key" in line_of(operator(stack, "doctor").stdout, " runs:")
    with_keys(stack, new)
    to_the_rehearsal(walk)
    assert operator(stack, "audit", "--full").returncode == 0
    assert operator(stack, "rekey").returncode == 0


@pytest.fixture
def elsewhere(stack):
    """Data folder of the stack's Redis, in which a backup is restored."""
    return stack.processes["redis"].folder / "data"


def restore(stack, people, backup, folder):
    """Start Redis with a snapshot as its data.

    At first the server has no append-only file, so that it reads the snapshot. Then the server
    writes that file and is started as usual.
    """
    shutil.rmtree(folder)
    folder.mkdir(mode=0o700)
    shutil.copy(backup, folder / "dump.rdb")
    server = stack.processes["redis"]
    usual = server.command
    line = shlex.join(redis_server.command(stack.ports.redis, folder))
    server.command = line.replace("--appendonly yes", "--appendonly no")
    stack.start("redis")
    with stack.redis() as redis:
        redis.config_set("appendonly", "yes")
        people.until("the append-only file is written", lambda: is_written(redis))
    server.stop()
    server.command = usual
    stack.start("redis")


def is_written(redis):
    """Return whether the append-only file has everything that the snapshot had."""
    state = redis.info("persistence")
    under_way = state["aof_rewrite_in_progress"] or state["aof_rewrite_scheduled"]
    return not under_way and state["aof_last_bgrewrite_status"] == "ok"


def test_a_backup_that_is_restored_in_the_middle_of_a_setup(
    stack, people, walk, elsewhere, tmp_path
):
    """A run goes on from its state in the backup that was restored.

    An object that the run has made since the backup is not made a second time.
    """
    walk.approve(walk.plan())
    people.until("the first change", walk.writes)
    with stack.redis() as redis:
        made, known = len(walk.writes()), redis.llen(f"run:{open_run(redis)}:events")
        redis.save()
        shutil.copy(elsewhere / "dump.rdb", tmp_path)
        people.until("a later change", lambda: len(walk.writes()) > made)
        for name in ("worker", "web", "redis"):
            stack.processes[name].stop()
    restore(stack, people, tmp_path / "dump.rdb", elsewhere)
    with stack.redis() as redis:
        assert redis.llen(f"run:{open_run(redis)}:events") >= known
    for name in PRODUCT:
        stack.start(name)
    to_the_rehearsal(walk)
    assert operator(stack, "audit", "--full").returncode == 0
    assert "every entry was made by this bot" in line_of(operator(stack, "doctor").stdout, " runs:")
