"""Lines of ``doctor`` about Redis, the workers, the webhooks, the watch and the clock."""

from dataclasses import replace
from datetime import timedelta
from email.utils import formatdate

import pytest
from redis import Redis
from redis.exceptions import ConnectionError as RedisConnectionError

from bot.doctor import examine, on_clock, on_redis, on_refused_webhooks, on_watch, on_workers
from bot.queue import connect_for_web, health
from bot.queue.health import REFUSALS
from bot.web.wsgi import REFUSED_KEPT_S, Webhooks
from jobs.clock import now
from jobs.clouds.clock_skew import METER, MICROSOFT, WEBEX, Meter
from jobs.mail import watch_mail
from jobs.runs.run_store import RunStore
from jobs.storage.counters import COUNTERS, EVENTS_REFUSED
from tests.fixtures import redis_servers
from tests.fixtures.parsed import table
from tests.fixtures.queue_state import alive, wait
from tests.unit.bot.doctor_line import line_of
from tests.unit.bot.watched import BROKEN, GOOD, MAILBOX, look, watch

SAID = table("doctor")

MINUTES = timedelta(minutes=1)


@pytest.fixture
def usual(redis):
    """Valkey of the tests, whose settings are restored after the test."""
    names = ("maxmemory-policy", "appendonly", "save")
    before = {name: redis.config_get(name)[name] for name in names}
    yield redis
    for name, value in before.items():
        redis.config_set(name, value)


@pytest.mark.parametrize(("settings", "begins", "ends"), SAID["redis"])
def test_redis_as_it_is_set(usual, settings, begins, ends):
    for name, value in settings.items():
        usual.config_set(name, value)
    line = line_of(on_redis, usual)
    assert (line.startswith(begins), line.endswith(ends)) == (True, True)


@pytest.mark.parametrize(
    ("refused", "blind"),
    [(["+@all", "-@admin", "-@dangerous"], 2), (["+@all", "-info"], 0), (["+@all", "-config"], 0)],
)
def test_a_managed_redis_that_refuses_to_be_looked_at(usual, redis_url, refused, blind):
    usual.execute_command("ACL", "SETUSER", "managed", "on", ">word", "~*", *refused)
    try:
        with connect_for_web(redis_url.replace("//", "//managed:word@")) as client:
            line = line_of(on_redis, client)
    finally:
        usual.acl_deluser("managed")
    assert line.startswith("ok answers and takes writes")
    assert line.count("does not let the bot look at") == blind


def line_about(url: str) -> str:
    with connect_for_web(url) as client:
        return line_of(on_redis, client)


@pytest.mark.slow
def test_a_replica_a_cluster_and_a_sentinel(tmp_path):
    """Each of them answers PING, but none of them serves."""
    with redis_servers.pair(tmp_path) as (primary, replica):
        with redis_servers.sentinel(tmp_path, primary) as port:
            assert line_about(f"redis://127.0.0.1:{port}/0") == f"WRONG {REFUSALS['sentinel']}"
        line = line_about(f"redis://127.0.0.1:{replica.port}/0")
        assert line.startswith("WRONG is read-only, because it is a replica")
    with redis_servers.cluster(tmp_path / "cluster") as cluster:
        assert line_about(f"redis://127.0.0.1:{cluster.port}/0") == f"WRONG {REFUSALS['cluster']}"


def test_no_redis(free_port):
    line = line_about(f"redis://127.0.0.1:{free_port}/0")
    assert line.startswith("WRONG does not answer (ConnectionError)")


def test_workers_and_waiting_events(redis):
    wait(redis, 100)
    line = line_of(on_workers, redis)
    assert line.startswith("WRONG none has said in the last 30 seconds")
    assert line.endswith("events that wait: 1, the oldest for 100 s")
    alive(redis)
    assert "too busy or hang" in line_of(on_workers, redis)
    redis.flushdb()
    alive(redis)
    line = line_of(on_workers, redis)
    assert line.startswith("ok 1 RQ workers live, on")
    assert line.endswith("events that wait: 0")


def test_refused_webhooks(redis):
    """The count is only a doubt, because a stranger may cause it."""
    assert line_of(on_refused_webhooks, redis) == "ok none in the last day"
    Webhooks((), redis).note_refused()
    COUNTERS.reset()
    COUNTERS.add(EVENTS_REFUSED, "signature", by=7)
    COUNTERS.flush(redis)
    line = line_of(on_refused_webhooks, redis)
    assert line.startswith("DOUBT 7 with a wrong signature so far, the last at about")
    assert "WEBEX_WEBHOOK_SECRET" in line
    assert 0 < redis.ttl("webhooks:refused-at") <= REFUSED_KEPT_S


def test_timers_that_are_late(redis, monkeypatch):
    alive(redis)
    health.beat(redis, {"remind": 60})
    at = now()
    monkeypatch.setattr(health, "now", lambda: at + timedelta(hours=1))
    alive(redis)
    monkeypatch.setattr(health, "seen_workers", health.all_workers)
    assert line_of(on_workers, redis).startswith("DOUBT timers that are late: remind since")
    redis.delete("figures:timers")
    assert line_of(on_workers, redis).startswith("WRONG nothing that is due is handed out: ")


def settled(services) -> str:
    """Make the next round due later, as the end of a round does, and return the doctor's line."""
    schedule = services.watching.schedule
    for group in schedule.all():
        schedule.add(group, now() + 10 * MINUTES)
    return line_of(on_watch, services.store)


def test_a_watch_that_works(services):
    nothing = "ok no channel is watched; /watch ADDRESS begins it"
    assert line_of(on_watch, services.store) == nothing
    watched = watch(services)
    assert "no look has ended yet" in settled(services)
    for minutes in (5, 4):
        look(services, watched, BROKEN, now() - minutes * MINUTES)
    said = "ok channels that are watched: 1, the last look was 4 minutes ago, incidents: 1"
    assert settled(services) == said


def test_a_watch_that_is_late_or_blind_is_wrong(services):
    watched = replace(watch(services), since=now() - 120 * MINUTES)
    services.watching.save(watched)
    services.watching.schedule.add(watched.group, now() - 12 * MINUTES)
    line = line_of(on_watch, services.store)
    assert line.startswith("WRONG a group of channels has waited for 12 minutes for its round")
    assert "worker`" in line
    look(services, watched, GOOD, now() - 50 * MINUTES)
    said = f"WRONG 1 of 1 channels were not looked at for more than 3 intervals, {MAILBOX} since"
    assert settled(services).startswith(said)


def test_a_sending_server_that_refuses_is_a_doubt(services):
    look(services, watch(services), GOOD, now())
    mail = replace(watch_mail.new_mail(now()), refused="smtp_busy")
    watch_mail.save(services.redis, MAILBOX, mail)
    line = settled(services)
    assert (line[:6], "smtp_busy (1). Look at PROBE_SMTP_URL" in line) == ("DOUBT ", True)
    watch_mail.save(services.redis, MAILBOX, replace(watch_mail.new_mail(now()), sent=now()))
    assert line_of(on_watch, services.store).startswith("ok ")


def test_redis_is_away(monkeypatch, redis):
    """If Redis is away, the line about the watch says so, and the doctor's other lines follow."""

    def away(*_: object, **__: object) -> None:
        raise RedisConnectionError("refused")

    monkeypatch.setattr(Redis, "execute_command", away)
    said: list[str] = []
    checks = ("watch", on_watch(RunStore(redis))), ("next", [("ok", "good")])
    assert examine(iter(checks), said.append) == 1
    assert said == ["WRONG  watch: cannot be read (ConnectionError)", "ok     next: good"]


def measure(meter: Meter, cloud: str, ahead: float) -> None:
    """Let the meter see a cloud's answer, with the bot's clock that many seconds ahead of it."""
    moment = now() - timedelta(seconds=ahead)
    meter.note(cloud, {"Date": formatdate(moment.timestamp(), usegmt=True)}, 0.0)


@pytest.mark.parametrize(("ahead", "begins", "ends"), SAID["skew"])
def test_the_skew_is_named(redis, ahead, begins, ends):
    for cloud in (WEBEX, MICROSOFT):
        measure(METER, cloud, ahead)
    line = line_of(on_clock, redis)
    begins = begins.format(clock="the clock of the bot's machine is")
    assert (line.startswith(begins), line.endswith(ends)) == (True, True)


def test_a_clock_of_another_machine_or_of_none(redis):
    """A skew that is not known is a doubt. A Redis that is away is reported by another line."""
    assert line_of(on_clock, redis).startswith("DOUBT ")
    measure(METER, WEBEX, 0)
    measure(Meter(redis), WEBEX, 660)
    assert "11 minutes ahead of Webex's" in line_of(on_clock, redis)
    gone = Redis(port=1, socket_connect_timeout=0.1, retry=None)
    assert line_of(on_clock, gone).startswith("ok right")
