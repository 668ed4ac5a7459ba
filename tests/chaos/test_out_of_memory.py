"""Processes that the kernel kills for lack of memory: one at a time, with SIGKILL.

A container's limit and an exhausted machine look the same to the bot.
"""

import contextlib
import os
import signal
import threading
import time

from jobs.advance import MOST_DEATHS
from practice.chaos.killer import at_work
from practice.conversation import words
from practice.processes import session
from tests.chaos.conftest import open_run
from tests.fixtures.stacks import log_of
from tests.fixtures.waiting import until

MANY = 100_000
APPS = {"prefix": "/graph/v1.0/applications", "delay_s": 3.0, "times": MANY}
POLL_S = 0.1


def leader(stack):
    """Return the id of the worker's main process, which starts its other processes."""
    return stack.processes["worker"].running.pid


def children(stack):
    """Return the ids of the processes that the worker has started."""
    return [pid for pid in session(leader(stack)) if pid != leader(stack)]


def test_each_process_of_the_worker_is_killed_once(stack, walk):
    """Each process of the worker that is killed is started again. The next command is answered."""
    before = children(stack)
    for pid in before:
        os.kill(pid, signal.SIGKILL)
        assert "What the bot can do" in words(walk.type("/help"))
    until(lambda: len(children(stack)) == len(before), "as many processes as before")
    assert not set(before) & set(children(stack))


def is_given_up(stack, redis, run_id):
    """Return whether the log says that the run is given up.

    If not, end any pause before the run's next attempt.
    """
    if "run given up" in log_of(stack):
        return True
    redis.hset(f"run:{run_id}:deaths", "at", 0)
    redis.zadd("due", {f"run:{run_id}": 0}, xx=True)
    time.sleep(1)
    return False


@contextlib.contextmanager
def no_memory_for_calls(stack, people):
    """Kill each worker that waits for the answer to its call about applications.

    Yield a list with one entry for each kill.
    """
    over, killed = threading.Event(), []

    def work():
        driver = stack.people()
        while not over.wait(POLL_S):
            left = driver.control("GET", "faults")["items"]
            if left and left[0]["times"] < MANY - len(killed):
                for pid in at_work(leader(stack), stack.ports.redis):
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


def test_a_run_that_takes_all_memory_is_given_up(stack, people, walk, redis):
    """A run is given up after every process that worked on it was killed in the same call.

    The first tries follow at once, the next after pauses that grow. Other commands are answered all
    the time. Then the run ends with a reference, and the log says to give the worker more memory.
    The mailbox is free. With memory the next setup makes each object once.
    """
    plan = walk.plan(profile="least")
    people.control("POST", "faults", APPS)
    run_id = open_run(redis)
    with no_memory_for_calls(stack, people) as killed:
        walk.approve(plan)
        until(lambda: len(killed) >= 4, "four kills")
        until(lambda: "the run is put off" in log_of(stack), "a pause")
        assert "What the bot can do" in words(walk.type("/help"))
        until(lambda: is_given_up(stack, redis, run_id), "the end of the run")
        ended = walk.saying("REF-", 60)
        assert len(killed) >= MOST_DEATHS
    people.control("DELETE", "faults")
    assert "give the worker more memory" in log_of(stack)
    assert redis.zscore("runs:open", run_id) is None, words(ended)
    walk.since, walk.revealed = people.change, False
    walk.approve(walk.plan(profile="least"))
    assert walk.secret(walk.form(60))
    assert walk.writes().count("graph.add_password") == 1
