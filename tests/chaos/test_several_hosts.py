"""Two web hosts and three worker hosts on one Redis with TLS and a password.

Each host has a network and process numbers of its own.
"""

import time
from collections import Counter

import pytest

from practice.chaos import judge
from practice.chaos.lane import QUICK, PatientWalk
from practice.conversation import apps, fresh, space
from tests.chaos.test_two_hosts import answers
from tests.fixtures.hosts import WEBS, WORKERS, Hosts
from tests.fixtures.networks import has_networks
from tests.fixtures.waiting import until

pytestmark = pytest.mark.skipif(
    not has_networks(), reason="networks of one's own need root or user namespaces, and Python 3.12"
)
MANY = 12
HELD_S = 2.0
APPS = {"prefix": "/graph/v1.0/applications", "times": 1, "delay_s": HELD_S}


@pytest.fixture(scope="module")
def stack():
    """All hosts, with short delays of replication."""
    with Hosts(practice=QUICK) as running:
        yield running


@pytest.fixture
def walk(stack, people):
    """Walk that waits as long as a recovery may take; every host runs again at the end."""
    fresh(people)
    made = PatientWalk(people, "support@contoso.com", space(people))
    yield made
    people.control("DELETE", "faults")
    for name in (*WEBS, *WORKERS):
        if not stack.processes[name].alive:
            stack.processes[name].stop()
            stack.start_host(name)
    made.type(f"/cancel {made.mailbox}")


def say_many(people, walk):
    """Send many commands at once, and return the ids of the messages."""
    return [people.say(walk.requester, "/help", walk.room)["id"] for _ in range(MANY)]


def shared(stack):
    """Return how many jobs each host has done once more than one host has done any."""
    done = stack.jobs_done()
    return done if len([name for name, count in done.items() if count]) > 1 else None


def expect_one_answer_each(people, said):
    """Wait until each message has exactly one answer."""
    people.until("all are answered", lambda: len(answers(people, said)) == MANY, 60)
    time.sleep(HELD_S)
    assert answers(people, said) == Counter(dict.fromkeys(said, 1))


def begin(stack, people, walk, **brief):
    """Approve a plan, and return the host that works on its run.

    One of the run's calls is held meanwhile.
    """
    plan = walk.plan(**brief)
    people.control("POST", "faults", APPS)
    walk.approve(plan)
    people.until("a call is held", lambda: not people.control("GET", "faults")["items"], 20)
    return until(stack.holder, "a host that has the run")


def expect_one_of_each(people, walk):
    """Assert that every object and the test mail exist once."""
    left = judge.left(people, walk)
    doubles = sum(count - 1 for count in left.made.values()) + max(0, left.mails - 1)
    assert (doubles, len(apps(people)), left.mails) == (0, 1, 1)
    assert set(left.secrets.values()) == {1}


def test_the_hosts_share_the_work(stack, people, walk):
    """The bot has each webhook once, both web hosts are ready, and several worker hosts do jobs."""
    hooks = people.control("GET", "webex/webhooks")["items"]
    expect_one_answer_each(people, say_many(people, walk))
    ready = [page.status_code for name in WEBS if (page := stack.page(name, "/readyz"))]
    people.until("several hosts have said how much they did", lambda: shared(stack), 40)
    assert sorted(hook["resource"] for hook in hooks) == [
        "attachmentActions",
        "memberships",
        "messages",
    ]
    assert ready == [200, 200]


def test_a_web_host_is_killed(stack, people, walk):
    """After one web host is killed, every command is answered once through the other."""
    stack.kill_host("web1")
    expect_one_answer_each(people, say_many(people, walk))


def test_the_host_that_works_on_a_run_is_killed(stack, people, walk):
    """If the host that works on a run is killed, another host takes the run over.

    The setup ends with one of each object.
    """
    lost = begin(stack, people, walk)
    stack.kill_host(lost)
    until(lambda: stack.holder() not in {"", lost}, "another host")
    walk.to_the_proof()
    expect_one_of_each(people, walk)
