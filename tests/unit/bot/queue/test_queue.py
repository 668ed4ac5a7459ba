from types import SimpleNamespace

import pytest
from redis.exceptions import AskError, AuthenticationError, NoPermissionError, RedisError
from redis.sentinel import MasterNotFoundError

from bot.queue import ALLOWED, Doorbell, NotAllowedError, health, make_queue
from jobs.storage.locks import LockKind


def test_a_callback_is_a_function_too(redis):
    """A job that brings a callback, which would be called by its name, is refused."""
    job = make_queue(redis).create_job("bot.events.handler.receive")
    assert (job.success_callback, job.failure_callback, job.stopped_callback) == (None, None, None)
    written = "os.system"  # an intruder who can write to Redis sets it as every callback
    job._success_callback_name = job._failure_callback_name = written  # noqa: SLF001  see above
    job._stopped_callback_name = written  # noqa: SLF001  see above
    for name in ("success_callback", "failure_callback", "stopped_callback"):
        with pytest.raises(NotAllowedError):
            getattr(job, name)


def test_arguments_are_json(redis):
    """Job arguments are JSON, not pickle, and other values are refused when the job is queued."""
    with pytest.raises(TypeError):
        make_queue(redis).enqueue_call("jobs.advance.advance", args=(object(),))
    job = make_queue(redis).enqueue_call("jobs.advance.advance", args=("run-1",))
    assert (job.data[:1], job.func_name in ALLOWED) == (b"[", True)


def test_the_doorbell_calls_a_function_with_an_id(redis):
    """A doorbell queues a job that calls a function with an id, and nothing else.

    A job that fails, or whose worker dies, is kept for an hour.
    """
    bell = Doorbell(redis, LockKind.RUN)
    bell.ring("run-1")
    (job,) = bell.queue.get_jobs()
    assert (job.func_name, job.args, job.kwargs) == ("jobs.advance.advance", ["run-1"], {})
    assert redis.ttl(job.key) == job.failure_ttl == 3600


def test_a_webhook_is_not_called(redis):
    """A job that brings a web address, which RQ would call at its end, calls nobody."""
    made = make_queue(redis).create_job("bot.events.handler.receive")
    called: list[object] = []
    hook = {"job_status": "finished", "url": "http://127.0.0.1:1/"}
    # an intruder who can write to Redis sets it
    made.webhooks = [SimpleNamespace(**hook, send=lambda *given, **_: called.append(given))]
    made.send_webhooks("finished")
    assert called == []


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (AuthenticationError("Authentication required"), "asks for a password: correct REDIS_URL"),
        (AuthenticationError("WRONGPASS"), "refuses the user or the password (WRONGPASS)"),
        (NoPermissionError("NOPERM {it}"), "does not let it work (NOPERM {it})"),
        (AskError("1 127.0.0.1:1"), "which the bot cannot use"),
        (MasterNotFoundError("AuthenticationError('no')"), "A Sentinel refuses"),
        (RedisError("loading"), ""),
    ],
)
def test_only_a_refusal_that_lasts_comes_with_advice(redis, error, words):
    assert (words in health.refusal(error), bool(health.refusal(error))) == (True, bool(words))
    assert health.kind_problem(redis) == ""
