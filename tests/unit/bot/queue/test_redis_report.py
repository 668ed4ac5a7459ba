"""Sentences of ``doctor`` about Redis, the workers and the webhooks, with real servers."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from redis import Redis

from bot.queue import NO_CLUSTER, SENTINEL_ITSELF, connect_for_web, health, redis_report
from jobs.clock import now
from jobs.storage.connection import PORT_FILE, embedded_url
from tests.fixtures import redis_servers
from tests.fixtures.queue_state import alive, wait


@pytest.fixture
def usual(redis: Redis) -> Iterator[Redis]:
    """Valkey of the tests, whose settings are restored after the test."""
    names = ("maxmemory-policy", "appendonly", "save")
    before = {name: redis.config_get(name)[name] for name in names}
    yield redis
    for name, value in before.items():
        redis.config_set(name, value)


def test_a_good_redis(usual: Redis):
    """The report on a good Redis names its version, its writes and its append-only file."""
    found = redis_report.on_redis(usual)
    assert (found.good.startswith("answers and takes writes, version "), found.wrong) == (True, "")
    assert found.good.endswith("append-only file on")


@pytest.mark.parametrize("policy", ["allkeys-lru", "volatile-ttl"])
def test_a_redis_that_throws_away(usual: Redis, policy: str):
    """Every eviction policy but noeviction is reported as wrong, as all data have to stay."""
    usual.config_set("maxmemory-policy", policy)
    assert f"maxmemory-policy is {policy}" in redis_report.on_redis(usual).wrong


def test_a_redis_that_keeps_nothing_on_disk(usual: Redis):
    """A Redis without an append-only file and without snapshots is reported as wrong.

    Snapshots alone are reported as a doubt.
    """
    usual.config_set("appendonly", "no")
    usual.config_set("save", "")
    assert "neither an append-only file nor snapshots" in redis_report.on_redis(usual).wrong
    usual.config_set("save", "60 1")
    found = redis_report.on_redis(usual)
    assert (found.wrong, "since the last snapshot" in found.doubt) == ("", True)


@pytest.mark.parametrize(
    "refused", [["+@all", "-@admin", "-@dangerous"], ["+@all", "-info"], ["+@all", "-config"]]
)
def test_a_managed_redis_that_refuses_to_be_looked_at(
    usual: Redis, redis_url: str, refused: list[str]
):
    """A managed Redis is not reported as wrong; the report says which parts it cannot see."""
    usual.execute_command("ACL", "SETUSER", "managed", "on", ">word", "~*", *refused)
    try:
        with connect_for_web(redis_url.replace("//", "//managed:word@")) as client:
            found = redis_report.on_redis(client)
            assert (found.wrong, found.doubt) == ("", "")
            assert found.good.startswith("answers and takes writes")
            blind = "-@dangerous" in refused
            assert found.good.count("does not let the bot look at") == (2 if blind else 0)
    finally:
        usual.acl_deluser("managed")


@pytest.mark.slow
def test_a_replica_a_cluster_and_a_sentinel(tmp_path: Path):
    """A replica, a cluster and a sentinel are reported as wrong.

    Each of them answers PING, but none of them serves.
    """
    with redis_servers.pair(tmp_path) as (primary, replica):
        with redis_servers.sentinel(tmp_path, primary) as port:
            assert wrong_of(port) == SENTINEL_ITSELF
        assert "is read-only, because it is a replica" in wrong_of(replica.port)
    with redis_servers.cluster(tmp_path / "cluster") as cluster:
        assert wrong_of(cluster.port) == NO_CLUSTER


def wrong_of(port: int) -> str:
    """Return the report's error about the server at the port."""
    with connect_for_web(f"redis://127.0.0.1:{port}/0") as client:
        return redis_report.on_redis(client).wrong


def test_another_programs_redis(redis: Redis, tmp_path: Path):
    """If REDIS_URL is not set, another program's Redis is reported and nothing is written to it."""
    port = redis.connection_pool.connection_kwargs["port"]
    (tmp_path / PORT_FILE).write_text(str(port), "ascii")
    with connect_for_web(embedded_url(tmp_path)) as client:
        assert "is another program's: start the bot's own" in redis_report.on_redis(client).wrong
    assert redis.dbsize() == 0


def test_no_redis(free_port: int):
    """If no Redis answers, each line of the report says so in its own words, and none fails."""
    with connect_for_web(f"redis://127.0.0.1:{free_port}/0") as client:
        assert redis_report.on_redis(client).wrong.startswith("does not answer (ConnectionError)")


def test_missing_workers_and_waiting_events(redis: Redis):
    """If no worker lives, the report says so and names the age of the oldest event.

    If a worker lives and events wait too long, the report says that the workers are too busy or
    hang.
    """
    wait(redis, 100)
    assert "none has said in the last 30 seconds" in redis_report.on_workers(redis).wrong
    assert "events that wait: 1, the oldest for 100 s" in redis_report.on_workers(redis).wrong
    alive(redis)
    assert "too busy or hang" in redis_report.on_workers(redis).wrong


def test_workers_that_live(redis: Redis):
    """The report on living workers gives their number and their hosts."""
    alive(redis)
    found = redis_report.on_workers(redis)
    assert (found.wrong, found.good[:21], "events that wait: 0" in found.good) == (
        "",
        "1 RQ workers live, on",
        True,
    )


def test_refused_webhooks(redis: Redis):
    """The report counts refused webhooks, with their first time and their likely meaning.

    The count is only a doubt, because a stranger may cause it.
    """
    assert redis_report.on_refused_webhooks(redis).good == "none in the last day"
    health.add_refused(redis, 2)
    health.add_refused(redis, 5)
    doubt = redis_report.on_refused_webhooks(redis).doubt
    assert (
        doubt.startswith("7 with a wrong signature since"),
        "WEBEX_WEBHOOK_SECRET" in doubt,
    ) == (True, True)
    assert 0 < redis.ttl("webhooks:refused") <= health.REFUSED_KEPT_S


def test_timers_that_are_late(redis: Redis, monkeypatch: pytest.MonkeyPatch):
    """The report is wrong if nothing is handed out, and doubtful if another timer is late."""
    alive(redis)
    health.beat(redis, {"remind": 60})
    at = now()
    monkeypatch.setattr(health, "now", lambda: at + timedelta(hours=1))
    alive(redis)
    monkeypatch.setattr(health, "seen_workers", health.all_workers)
    found = redis_report.on_workers(redis)
    assert ("timers that are late: remind since" in found.doubt, found.wrong) == (True, "")
    redis.delete("figures:timers")
    assert redis_report.on_workers(redis).wrong.startswith("nothing that is due is handed out: ")
