"""Walks through one stack for each module, and a check of the calls that the product made."""

import re
import tomllib

import pytest

from practice.actors import MAILBOX, REQUESTER
from practice.conversation import Walk, fresh, space
from practice.environment import ROOT
from tests.fixtures.stacks import forget, is_second_try, true_cards

LISTED = {
    call
    for calls in tomllib.loads(
        (ROOT / "tests/faults/calls.toml").read_text(encoding="utf-8")
    ).values()
    for call in calls
}
OBJECT = re.compile(
    r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}|'[^']*'|(?<=/)[^/]*@[^/]*|Y2lzY29zcGFyazov\w+"
    r"|(?<=oauth2PermissionGrants/)[\w-]{43,65}"
)


@pytest.fixture(scope="module", autouse=True)
def known_calls(stack):
    """Assert that every call of the product is in a list of tests/faults/calls.toml."""
    yield
    if stack.processes["cloud"].alive:
        everybody = stack.people()
        unknown = asked(everybody.control("GET", "calls")["items"]) - LISTED
        everybody.close()
        assert unknown == set(), "calls that stand in no list of tests/faults/calls.toml"


@pytest.fixture(autouse=True)
def cards_are_true(request):
    with true_cards(request, after_each_wait=True):
        yield


def asked(calls: list[dict[str, str]]) -> set[str]:
    """Return the product's calls, with a star in place of each object id.

    Calls of people's browsers are left out, because they send no client-request-id.
    """
    product = [
        call for call in calls if call["request_id"] or call["path"].startswith("/webex/v1/")
    ]
    return {call["cmdlet"] or f"{call['method']} {_template(call['path'])}" for call in product}


def _template(path: str) -> str:
    plain = OBJECT.sub(
        "*", path.removeprefix("/graph").removeprefix("/v1.0").removeprefix("/webex/v1")
    )
    return re.sub(r"^/organizations/|^/contoso\.com/", "/*/", plain)


@pytest.fixture(scope="module")
def connected(people):
    """Walk in a space in which support@contoso.com was connected and proven in both directions."""
    walk = Walk(people, MAILBOX, "Contact center")
    walk.approve(walk.plan())
    walk.to_the_proof()
    return walk


@pytest.fixture
def new_walk(stack, people, request):
    """Return a function that starts walks in a tenant in its initial state.

    Each walk has a space of its own, or ``room``. All walks are canceled at the end. Before a test
    is tried again, the bot forgets the mailbox, because the first try may have connected it. Cards of
    the first try stay as they are, because the bot forgot them, too.
    """
    fresh(people)
    made: list[Walk] = []

    def make(
        mailbox: str = "support@contoso.com", room: str = "", requester: str = REQUESTER
    ) -> Walk:
        if is_second_try(request) and not made:
            forget(stack, mailbox)
            people.ignore_all()
        made.append(Walk(people, mailbox, room or space(people), requester))
        return made[-1]

    yield make
    people.control("DELETE", "faults")
    for walk in made:
        walk.type(f"/cancel {walk.mailbox}")
