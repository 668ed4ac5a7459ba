"""Upgrade and downgrade of one version, host by host, in the middle of a setup.

The earlier version is the commit that ``UPGRADE_FROM`` names, such as a tag, or the one before the
last change of the product, if its data has the same layout. A clone without that commit, such as one
of depth 1, skips the test. The hosts are those of ``test_several_hosts.py``.
"""

import io
import os
import re
import subprocess
import tarfile

import pytest
from redis import Redis

from jobs.storage import generation
from practice.chaos import judge
from practice.chaos.lane import QUICK, PatientWalk
from practice.conversation import apps, fresh, space
from practice.environment import ROOT
from tests.fixtures.hosts import IN_URL, WEBS, WORKERS, Hosts
from tests.fixtures.networks import has_networks
from tests.fixtures.stacks import operator

pytestmark = pytest.mark.skipif(
    not has_networks(), reason="networks of one's own need root or user namespaces, and Python 3.12"
)
PRODUCT = ("bot", "jobs", "adaptive_cards")
SCHEMA = "jobs/storage/generation.py"
APPS = {"prefix": "/graph/v1.0/applications", "times": 1, "delay_s": 2.0}

CARDS_MAY_LAG = {
    "test_an_upgrade_and_a_downgrade_in_the_middle_of_a_setup",
    "test_a_run_goes_on_after_an_upgrade_in_every_stage",
}
MAILBOX = "support@contoso.com"
STAGES = ("form", "sign-in", "plan", "consent", "connect", "rehearsal", "test mail", "answer")
"""What a setup waits for when the version changes."""


def git(*words):
    """Return the answer of git about this project, or an empty one if git fails."""
    line = ["git", "-C", str(ROOT), *words]
    try:
        return subprocess.run(line, capture_output=True, check=True).stdout  # noqa: S603  our own
    except (OSError, subprocess.CalledProcessError):
        return b""


def layout(commit):
    """Return the layout number of the data in a product version, or 0 if it cannot be read."""
    found = re.search(rb"^LAYOUT = (\d+)$", git("show", f"{commit}:{SCHEMA}"), re.MULTILINE)
    return int(found[1]) if found else 0


def checkout(commit, folder):
    """Write the product of a version into the folder, and return the folder."""
    with tarfile.open(fileobj=io.BytesIO(git("archive", commit, *PRODUCT))) as archive:
        archive.extractall(folder, filter="data")
    return folder


@pytest.fixture(scope="module")
def earlier(tmp_path_factory):
    """Folder with the code of an earlier version whose data has the layout of this version."""
    line = ("rev-list", "--first-parent", "--skip=1", "-n1", "HEAD", "--", *PRODUCT)
    commit = os.environ.get("UPGRADE_FROM") or git(*line).decode().strip()
    if not commit:
        pytest.skip(
            "this clone has no earlier version of the product: get it by `git fetch --unshallow`"
        )
    if layout(commit) != generation.LAYOUT:
        pytest.skip("the data of the version before this one has another layout")
    return checkout(commit, tmp_path_factory.mktemp("earlier"))


@pytest.fixture(scope="module")
def stack(earlier):
    """All hosts, running the earlier version."""
    with Hosts(earlier, practice=QUICK) as running:
        yield running


def move(stack, code):
    """Stop one host after the other and start it with another version.

    Return the exit codes of the stopped hosts.
    """
    codes: list[int | None] = []
    for name in (*WORKERS, *WEBS):
        codes.append(stack.stop_host(name))
        stack.start_host(name, code)
    return codes


def versions(stack):
    """Return the folders whose code the hosts run."""
    return {stack.processes[name].env["PYTHONPATH"] for name in (*WORKERS, *WEBS)}


def test_an_upgrade_and_a_downgrade_in_the_middle_of_a_setup(stack, people, earlier):
    """A run of the earlier version goes on in this version, and then in the earlier one again.

    The run ends with one of each object. Every host stopped with exit code 0, and the audit trail
    is whole.
    """
    fresh(people)
    walk = PatientWalk(people, MAILBOX, space(people))
    plan = walk.plan()
    people.control("POST", "faults", APPS)
    walk.approve(plan)
    people.until("a call is held", lambda: not people.control("GET", "faults")["items"], 20)
    up, now_running = move(stack, ROOT), versions(stack)
    walk.consent(60)
    walk.fill_in()
    down = move(stack, earlier)
    walk.rehearse()
    walk.answer()
    walk.done()
    left = judge.left(people, walk)
    doubles = sum(count - 1 for count in left.made.values()) + max(0, left.mails - 1)
    assert (now_running, versions(stack)) == ({str(ROOT)}, {str(earlier)})
    assert up + down == [0] * 10
    assert (doubles, len(apps(people)), left.mails) == (0, 1, 1)
    here = {"REDIS_URL": in_redis(stack), "PYTHONPATH": str(ROOT)}
    assert operator(stack, "audit", "--full", **here).returncode == 0


def parts(walk):
    """Return the parts of a setup, each of which ends when the run waits for the next one."""
    return (
        walk.ask,
        lambda: fill_in_first_card(walk),
        lambda: walk.open(walk.card("a sign-in card", "ask_administrator", link=True)),
        walk.approve,
        walk.consent,
        walk.fill_in,
        walk.rehearse,
        walk.task,
        walk.answer,
        walk.done,
    )


def fill_in_first_card(walk):
    """Fill in the first card as the requester."""
    given = {"check_login": "yes", **walk.right()}
    walk.people.press(walk.requester, walk.card("the first card", "intake"), "intake", given)


@pytest.mark.parametrize("stage", STAGES)
def test_a_run_goes_on_after_an_upgrade_in_every_stage(stack, people, earlier, stage):
    """A run that the earlier version began goes on in this version, whatever it waits for."""
    fresh(people)
    with Redis.from_url(in_redis(stack)) as redis:
        redis.delete(*redis.scan_iter(f"*{MAILBOX}*"), "unused")
    move(stack, earlier)
    walk, done = PatientWalk(people, MAILBOX, space(people)), STAGES.index(stage) + 1
    for part in parts(walk)[:done]:
        part()
    move(stack, ROOT)
    for part in parts(walk)[done:]:
        part()
    left = judge.left(people, walk)
    assert (set(left.made.values()), len(apps(people)), left.mails) == ({1}, 1, 1)


def in_redis(stack):
    """Return the address of Redis on this machine, where it is reached without TLS."""
    return f"redis://:{IN_URL}@127.0.0.1:{stack.ports.redis}/0"
