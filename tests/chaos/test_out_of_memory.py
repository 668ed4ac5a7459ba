"""Processes that the kernel kills for want of memory: one at a time, with SIGKILL.

A container's limit and an exhausted machine look the same to the bot.
"""

from __future__ import annotations

import contextlib
import os
import signal
import threading
from collections.abc import Iterator

import pytest
from redis import Redis

from practice.client import People
from practice.conversation import Walk, words
from practice.processes import grandchildren, parent, session
from practice.stack import Stack
from tests.fixtures.waiting import until

MANY = 100_000
APPS = {"prefix": "/graph/v1.0/applications", "delay_s": 3.0, "times": MANY}
POLL_S = 0.1


@pytest.fixture
def redis(stack: Stack) -> Iterator[Redis]:
    """The Redis of the stack."""
    with Redis(port=stack.ports.redis) as connection:
        yield connection


def leader(stack: Stack) -> int:
    """The worker's own process, which starts the others."""
    running = stack.processes["worker"].running
    assert running is not None
    return running.pid


def children(stack: Stack) -> list[int]:
    """The processes that it has started, without those of the jobs."""
    top = leader(stack)
    return [pid for pid in session(top) if parent(pid) == top]


def test_each_process_of_the_worker_is_killed_once(stack: Stack, walk: Walk) -> None:
    """Each is started again, and the next command is answered."""
    before = children(stack)
    for pid in before:
        os.kill(pid, signal.SIGKILL)
        assert "What the bot can do" in words(walk.type("/help"))
    until(lambda: len(children(stack)) == len(before), "as many processes as before")
    assert not set(before) & set(children(stack))


@contextlib.contextmanager
def no_memory_for_calls(stack: Stack, people: People) -> Iterator[list[int]]:
    """Kill each job that waits for its call about applications; yield the processes that were killed."""
    over, killed = threading.Event(), []

    def work() -> None:
        driver = stack.people()
        while not over.wait(POLL_S):
            left = driver.control("GET", "faults")["items"]
            if left and left[0]["times"] < MANY - len(killed):
                for pid in grandchildren(leader(stack)):
                    with contextlib.suppress(ProcessLookupError):
                        os.kill(pid, signal.SIGKILL)
                killed.append(MANY - left[0]["times"])
        driver.close()

    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    try:
        yield killed
    finally:
        over.set()
        thread.join()


def test_a_run_that_takes_all_memory_is_given_up(
    stack: Stack, people: People, walk: Walk, redis: Redis
) -> None:
    """Every process that works on the run is killed in the same call.

    The first tries follow at once, the next after pauses that grow. Other commands are answered all
    the time. Then the run ends with a reference, the log says what to look for, the mailbox is free,
    and with memory the next setup makes each object once.
    """
    plan = walk.plan(profile="least")
    people.control("POST", "faults", APPS)
    run_id = redis.zrange("runs:open", -1, -1)[0].decode()
    with no_memory_for_calls(stack, people) as killed:
        walk.approve(plan)
        until(lambda: len(killed) >= 4, "four kills")
        until(lambda: "the run is put off" in stack.processes["worker"].log.read_text(), "a pause")
        assert "What the bot can do" in words(walk.type("/help"))
        for number in (5, 6, 7):
            redis.hset(f"run:{run_id}:deaths", "at", 0)  # the pause is over
            redis.zadd("runs:due", {run_id: 0})
            until(lambda n=number: len(killed) >= n, f"kill {number}")
        ended = walk.saying("REF-", 60)
    people.control("DELETE", "faults")
    log = stack.processes["worker"].log.read_text()
    assert ("run given up" in log, "give the worker more memory" in log) == (True, True)
    assert redis.zscore("runs:open", run_id) is None, words(ended)
    walk.since, walk.revealed = people.change, False
    walk.approve(walk.plan(profile="least"))
    assert walk.secret(walk.form(60))
    assert walk.writes().count("graph.add_password") == 1
