"""One stack of all processes for each module; every test brings its own kills."""

import pytest
from redis import Redis

from practice.conversation import Walk, fresh, space
from tests.fixtures.stacks import forget, is_second_try, true_cards


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
