"""One stack of all processes for each module; every test brings its own kills."""

import time
from collections.abc import Callable

import pytest
from redis import Redis

from practice.conversation import Walk, fresh, space
from practice.stack import Stack
from tests.fixtures.stacks import forget, is_second_try, log_of, true_cards

AWAY_S = 20.0


@pytest.fixture(autouse=True)
def cards_are_true(request):
    """Assert after a test, when everything runs again, that none of its cards is untrue."""
    if "people" not in request.fixturenames:
        yield
        return
    request.getfixturevalue("people").ignore_all()
    with true_cards(request, after_each_wait=False):
        yield


@pytest.fixture
def redis(stack):
    """Connection to the stack's Redis."""
    with stack.redis() as connection:
        yield connection


def open_run(redis: Redis) -> str:
    """Return the id of the run that has not ended."""
    (run_id,) = redis.zrange("runs:open", -1, -1)
    return str(run_id.decode())


def goes_on(
    stack: Stack,
    walk: Walk,
    begin: Callable[[], None],
    end: Callable[[], None],
    cause: str,
    doctor: Callable[[], str],
) -> set[str]:
    """Return the beginnings of doctor's lines that name the cause of an outage.

    The outage begins after the approval and lasts until the log has its cause, and 20 seconds more.
    The command that is typed meanwhile is answered once after its end, and the run makes each
    object once.
    """
    plan, people = walk.plan(profile="least"), walk.people
    begin()
    walk.approve(plan)
    said = people.say(walk.requester, "/help", walk.room)
    people.until("the log has the cause", lambda: cause in log_of(stack), 40)
    told = doctor()
    time.sleep(AWAY_S)
    end()
    walk.wait("an answer to /help", lambda each: each["parentId"] == said["id"], 90)
    assert walk.secret(walk.form(60))
    people.look()
    answers = [each for each in people.messages.values() if each["parentId"] == said["id"]]
    made = walk.writes()
    once = [made.count(f"graph.{each}") for each in ("create_application", "add_password")]
    assert (len(answers), once) == (1, [1, 1]), made
    return {line.split(":")[0] for line in told.splitlines() if cause in line}


@pytest.fixture
def walk(stack, people, request):
    """Walk in a tenant in its initial state; the walk is canceled at the end."""
    fresh(people)
    if is_second_try(request):
        forget(stack, "support@contoso.com")
    made = Walk(people, "support@contoso.com", space(people))
    yield made
    people.control("DELETE", "faults")
    for name in ("redis", "cloud", "web", "worker"):
        if not stack.processes[name].alive:
            stack.start(name)
    made.type(f"/cancel {made.mailbox}")
