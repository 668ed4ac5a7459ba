"""Setups during outages of Redis, a deploy, a wait of a day, and many jobs for one run.

Redis is down, full or empty.
"""

import contextlib
import resource
import shlex
import signal
import time

import pytest
from redis.exceptions import ResponseError

from bot.processes import redis_server
from bot.queue import RUNS, make_queue
from practice.client import NotSeenError, does
from practice.conversation import apps, fresh, words
from tests.chaos.conftest import open_run
from tests.fixtures.waiting import LIMIT_S

HOLD_S = 2.0
DAY_S = 24 * 3600
FULL_S = 3.0
CARDS_MAY_LAG = {"test_redis_without_its_data"}
LAST_WRITE = "exchange.New-HostedOutboundSpamFilterRule"
PRINCIPALS = {"prefix": "/graph/v1.0/servicePrincipals", "method": "POST"}


def _one_of_each(people, walk, secrets=1):
    """Assert that the setup has made each object once.

    M4 does not wait for people, so the rule of M4 may come after the form. The tenant shows that it
    has come. A card need not: after nine edits it leaves out small news.
    """
    people.until("the rule of M4", lambda: people.tenant()["outbound_rules"], 60)
    tenant, app = people.tenant(), apps(people)
    principals = [each for each in tenant["service_principals"] if each["appId"] == app[0]["appId"]]
    grants = [each for each in tenant["grants"] if each["clientId"] == principals[0]["id"]]
    policies = [each for each in tenant["outbound_policies"] if not each["IsDefault"]]
    made = app, app[0]["passwordCredentials"], principals, policies, tenant["outbound_rules"]
    assert [len(each) for each in made] == [1, secrets, 1, 1, 1], walk.writes()
    assert len(grants) == len({each["resourceId"] for each in grants}), walk.writes()


def _held(people, fault, walk, plan):
    """Approve the plan, and wait until the cloud has a call whose answer it holds back."""
    people.control("POST", "faults", {"times": 1, **fault})
    walk.approve(plan)
    people.until("the call is held", lambda: not people.control("GET", "faults")["items"], 20)


def test_deploy_in_the_middle(stack, people, walk):
    """After SIGTERM, worker and web end by themselves, and the run goes on after the next start.

    The side effect that is under way is finished first.
    """
    _held(people, {"delay_s": HOLD_S, **PRINCIPALS}, walk, walk.plan(profile="least"))
    assert [stack.processes[name].stop(LIMIT_S) for name in ("worker", "web")] == [0, 0]
    stack.start("web")
    stack.start("worker")
    walk.form(60)
    _one_of_each(people, walk)


def test_web_killed(stack, people, walk):
    """A run continues after the web process was killed while the approval arrived.

    Webex delivers the press again, or a person presses again.
    """
    plan = walk.plan(profile="least")
    stack.kill("web", signal.SIGKILL, whole=True)
    stack.processes["web"].stop()
    walk.approve(plan)
    stack.start("web")
    with contextlib.suppress(NotSeenError):
        people.until("the first change", walk.writes, 10)
    if not walk.writes():
        walk.approve(plan)  # Webex has given up: who got no answer presses again
    walk.form(60)
    _one_of_each(people, walk)


def test_redis_killed_with_its_data(stack, people, walk):
    """The run goes on if Redis is killed during an approval and restarts with its data on disk."""
    walk.approve(walk.plan(profile="least"))
    stack.kill("redis", signal.SIGKILL, whole=True)
    time.sleep(1)
    stack.processes["redis"].stop()
    stack.start("redis")
    walk.form(60)
    _one_of_each(people, walk)
    assert "No run is in progress" not in words(walk.type("/status"))


def test_redis_full(people, walk, redis):
    """The run goes on as soon as a full Redis accepts writes again."""
    walk.approve(walk.plan(profile="least"))
    people.until("the first change", walk.writes)
    redis.config_set("maxmemory", 1)
    time.sleep(FULL_S)
    redis.config_set("maxmemory", 0)
    walk.form(60)
    _one_of_each(people, walk)


@pytest.fixture
def full_disk(stack, redis):
    """Return a function that stops Redis from writing to its append-only file.

    A limit on the file size imitates a full disk. The limit's signal is ignored, so a write fails
    as it does on a full disk. It lasts until the limit is removed or the test ends.
    """
    server = stack.processes["redis"]
    usual = server.command
    line = shlex.join(redis_server.command(stack.ports.redis, server.folder / "data"))
    stack.processes["redis"].stop()
    deaf = f"trap '' XFSZ; exec {line}"
    server.command = f"sh -c {shlex.quote(deaf)}"
    stack.start("redis")
    yield lambda: _limit(redis, max(each.stat().st_size for each in server.folder.rglob("*.aof")))
    server.stop()
    server.command = usual
    stack.start("redis")


def _limit(redis, size):
    """Set the size of the largest file that Redis may write."""
    resource.prlimit(
        int(redis.info("server")["process_id"]),
        resource.RLIMIT_FSIZE,
        (size, resource.RLIM_INFINITY),
    )


def test_redis_whose_disk_is_full(people, walk, redis, full_disk):
    """The run goes on after Redis could not write its append-only file for a while.

    Redis refuses writes as long as its disk is full.
    """
    walk.approve(walk.plan(profile="least"))
    people.until("the first change", walk.writes)
    full_disk()
    with pytest.raises(ResponseError, match="MISCONF"):
        people.until("a write is refused", lambda: redis.set("full", "x") and False, 10)
    time.sleep(FULL_S)
    _limit(redis, resource.RLIM_INFINITY)
    walk.form(60)
    _one_of_each(people, walk)


def test_redis_without_its_data(people, walk, redis):
    """After Redis loses all data, the next setup adopts the objects in the tenant.

    The bot says in the space that its data is lost. Old buttons say that their run is not known.
    Only the secret is created again, because the first one can no longer be read. The plan names
    the first one.
    """
    walk.approve(walk.plan(profile="least"))
    looked = int(redis.hget("generation", "count"))
    form = walk.form()
    people.until("the last write", lambda: LAST_WRITE in walk.writes(), 60)
    # a look that began before the plan may still end; the next one sees the run
    seen = "a whole look at the run"
    people.until(seen, lambda: int(redis.hget("generation", "count")) > looked + 1, 40)
    redis.flushall()
    assert "The run of this card is no longer known here" in words(walk.press(form, "token_saved"))
    told = "The bot has lost its data about support@contoso.com"
    people.until(
        "the space is told",
        lambda: [each for each in people.messages.values() if told in words(each)],
        30,
    )
    before = walk.writes()
    walk.since, walk.revealed = people.change, False
    plan = walk.plan(profile="least")
    assert "2 changes to approve" in words(plan)  # two secrets: one to show, one for rehearsing
    assert 'The bot has no record of "Webex Connect ' in words(plan)
    walk.approve(plan)
    assert walk.secret(walk.form())
    assert walk.writes()[len(before) :] == ["graph.add_password"]
    _one_of_each(people, walk, secrets=2)


def test_a_day_of_waiting(stack, people, walk, redis):
    """A run that waits 24 hours for M5 is put aside, survives restarts, and continues on time.

    The worker and Redis are restarted meanwhile. The space reads of the wait, also while it is
    asked for the rehearsal.
    """
    people.control("PUT", "settings", {"customization_s": DAY_S})
    fresh(people, dehydrated=True)
    walk.approve(walk.plan(profile="least"))
    told = "Microsoft is applying the customization. This can take up to 24 hours."
    assert "rehearse" in does(
        walk.saying(f"Also: Outbound spam policy for this sender: {told}", 30)
    )
    walk.skip()
    shown = walk.saying("◇  M4  Outbound spam policy  waiting\n", 30)
    assert (told in words(shown), "cancel" in does(shown)) == (True, True)
    walk.form()
    run_id = open_run(redis)
    stack.restart("worker")
    stack.restart("redis")
    assert redis.zscore("due", f"run:{run_id}")
    people.control("PUT", "settings", {"customization_s": 0.0})
    # A try that began before would put the run off once more as it ends.
    people.until("nobody works on the run", lambda: not redis.exists(f"run:{run_id}:lease"))
    redis.zadd("due", {f"run:{run_id}": time.time()})  # the day is over
    _one_of_each(people, walk)


def test_many_workers_on_one_run(people, walk, redis):
    """A run that is queued twenty times at once still makes each object once.

    The run also loses its lease, as by a jump of the clock.
    """
    _held(people, {"late_s": HOLD_S, **PRINCIPALS}, walk, walk.plan(profile="least"))
    run_id, queue = open_run(redis), make_queue(redis, RUNS)
    for number in range(20):
        queue.enqueue("jobs.advance.advance", run_id, result_ttl=0)
        if number == 10:
            redis.delete(f"run:{run_id}:lease")
    walk.form(60)
    _one_of_each(people, walk)
