from __future__ import annotations

import pytest
from redis import Redis
from rq.job import Job, JobStatus

from bot.processes.worker import BotScheduler, BotWorker
from bot.queue import ALLOWED, MAINTENANCE_S, NotAllowedError, SafeJob, SafeQueue, make_queue
from jobs.clock import now


def fetched(job: Job, redis: Redis) -> SafeJob:
    """A job as it is now."""
    found: SafeJob = SafeJob.fetch(job.id, connection=redis, serializer="json")
    return found


def test_a_callback_is_a_function_too(redis: Redis):
    """A job that brings a callback, which would be called by its name, is refused."""
    job = make_queue(redis).create_job("bot.events.handler.receive")
    job._success_callback_name = job._failure_callback_name = job._stopped_callback_name = "os.system"  # noqa: SLF001  what an intruder writes
    for name in ("success_callback", "failure_callback", "stopped_callback"):
        with pytest.raises(NotAllowedError):
            getattr(job, name)


def test_a_job_without_callbacks_is_fine(redis: Redis):
    """No callback is no offence."""
    job = make_queue(redis).create_job("bot.events.handler.receive")
    assert (job.success_callback, job.failure_callback, job.stopped_callback) == (None, None, None)


def test_arguments_are_json(redis: Redis):
    """No pickle: what cannot be written as JSON is refused when it is enqueued."""
    with pytest.raises(TypeError):
        make_queue(redis).enqueue_call("jobs.advance.advance", args=(object(),))
    job = make_queue(redis).enqueue_call("jobs.advance.advance", args=("run-1",))
    assert (job.data[:1], job.func_name in ALLOWED) == (b"[", True)


def test_a_dead_workers_job_is_noticed_soon(redis: Redis):
    """A job without a sign of life for two beats and a little counts as abandoned (facts/parts.md B: 13 seconds instead of 808)."""
    worker = BotWorker([make_queue(redis)], connection=redis, job_monitoring_interval=5, serializer="json", job_class=SafeJob)
    assert worker.get_heartbeat_ttl(make_queue(redis).create_job("jobs.advance.advance")) == 15


def test_a_job_whose_worker_died_on_the_way_goes_back(redis: Redis):
    """A worker that was killed between taking a job and beginning it: the job is first in the queue again, and nothing of it is left."""
    queue = make_queue(redis)
    job = queue.enqueue_call("bot.events.handler.receive", kwargs={"resource": "messages", "id": "gone"})
    redis.lmove(queue.key, queue.intermediate_queue_key)
    worker = BotWorker([queue], connection=redis, serializer="json", job_class=SafeJob, queue_class=SafeQueue)
    worker.clean_registries()
    assert queue.job_ids == []
    redis.set(queue.intermediate_queue.get_first_seen_key(job.id), now().timestamp() - MAINTENANCE_S)
    worker.clean_registries()
    assert (queue.job_ids, queue.intermediate_queue.get_job_ids(), fetched(job, redis).get_status()) == ([job.id], [], "queued")
    assert list(redis.scan_iter("*first_seen*")) == []


def test_only_what_is_nowhere_is_brought_back(redis: Redis, monkeypatch: pytest.MonkeyPatch):
    """What waits, was begun, has ended, waits for its time or is begun between the two looks stays where it is."""
    queue = make_queue(redis)
    names = ("waits", "taken", "started", "finished", "scheduled", "begun", "of-another")
    jobs = {name: queue.enqueue_call("bot.events.handler.receive", job_id=name) for name in names}
    redis.delete(queue.key)
    queue.push_job_id("waits")
    redis.rpush(queue.intermediate_queue_key, "taken")
    for status in ("started", "finished", "scheduled"):
        jobs[status].set_status(JobStatus(status))
    redis.hset("rq:job:of-another", "origin", "email-bot-runs")
    monkeypatch.setattr("bot.queue.time.sleep", lambda _: jobs["begun"].set_status(JobStatus.STARTED))
    queue.bring_back()
    assert queue.job_ids == ["waits"]


def test_a_worker_that_died_while_cleaning_holds_nobody_up(redis: Redis):
    """The lock for cleaning the queue ends by itself before the next cleaning; RQ's own would last 15 minutes."""
    queue = make_queue(redis)
    assert (queue.acquire_maintenance_lock(), queue.acquire_maintenance_lock()) == (True, False)
    assert 0 < redis.ttl(queue.registry_cleaning_key) <= MAINTENANCE_S


def test_a_scheduler_takes_over_as_soon_as_it_can(redis: Redis):
    """The second scheduler keeps asking for the lock and gets it when the first lets go."""
    first, second = (BotScheduler([make_queue(redis)], connection=redis, serializer="json") for _ in range(2))
    assert (first.acquire_locks(), second.acquire_locks()) == ({"email-bot"}, set())
    assert (first.should_reacquire_locks, second.should_reacquire_locks) == (False, True)
    first.release_locks()
    assert second.acquire_locks() == {"email-bot"}
