"""Read access of the bot's own app, granted with a button of the check's card.

The grant is declined, not allowed, given, and withdrawn. Then all channels are checked.
"""

import itertools
import signal

import pytest

from bench.crowd import encryption_keys, fill
from jobs.runs.run_store import RunStore
from practice import cardtext
from practice.actors import REQUESTER
from practice.client import actions
from practice.conversation import band, words
from practice.environment import CLIENT_ID

SHARES_STACK = True

MAILBOX, ADMIN, TENANT, SPACE = (
    "box0@one.example",
    "admin@one.example",
    "tenants/one.example",
    "One",
)
LET_READ, SEE_MORE = "Allow automatic checks", "Sign in to see more"
BY_ITSELF = "With the bot's own read access"
OWNER, APPS = ["Privileged Role Administrator"], ["Cloud Application Administrator"]
_numbers = itertools.count()


def room(people, name):
    """Make a space with the requester and the bot, and return its id."""
    return str(people.control("POST", "webex/space", {"name": name, "members": [REQUESTER]})["id"])


@pytest.fixture(scope="module")
def proven(stack, people):
    """People of a stack in which a channel works, in a tenant of its own."""
    fill(stack, people, room(people, SPACE), [MAILBOX], bot_reads=False)
    return people


@pytest.fixture
def channel(proven):
    """People of a stack whose channel is in a tenant that grants nothing to the bot's app.

    A check makes the bot forget a grant that it remembers.
    """
    known = proven.control("GET", TENANT)["service_principals"]
    if any(each["appId"] == CLIENT_ID for each in known):
        proven.control(
            "PATCH", TENANT, {"drop_app_roles": {CLIENT_ID: []}, "principal_roles": {CLIENT_ID: []}}
        )
        checked(proven)
    return proven


def link(card, title):
    """Return the address that a button opens, or an empty string."""
    return next(
        (str(action["url"]) for action in actions(card) if action.get("title") == title), ""
    )


def checked(people):
    """Type ``/check`` and return the card after the check has ended."""
    before = people.now()
    people.say(REQUESTER, f"/check {MAILBOX}", SPACE)
    return people.wait_for(
        "a check that has ended", lambda m: again(m) and words(m).startswith("Check "), 30, before
    )


def again(card):
    """Return whether the check has ended, so that its card offers Check again."""
    return any(action.get("title") == "Check again" for action in actions(card))


def by_access(card):
    """Return the number of findings under each heading of the list of all findings."""
    counts: dict[str, int] = {}
    heading = ""
    shown = next(
        action["card"]
        for action in actions(card)
        if str(action.get("title")).startswith("Details: ")
    )
    for element in shown["body"]:
        if element["type"] == "FactSet":
            counts[heading] = len(element["facts"])
        else:
            heading = "\n".join(cardtext.lines({"body": [element]})).strip()
    return counts


@pytest.mark.parametrize(
    ("decision", "roles", "says"),
    [
        ("decline", OWNER, "The permission was declined."),
        ("accept", APPS, "Only a Global Administrator or a Privileged Role Administrator can."),
    ],
)
def test_not_granted(channel, decision, roles, says):
    """If the read access is declined or not allowed, the page and the card say why.

    The button stays, and the bot remembers no grant.
    """
    channel.control("PATCH", TENANT, {"users": {ADMIN: {"roles": roles}}})
    card = checked(channel)
    page = channel.open_link(ADMIN, link(card, LET_READ), decision)
    told = channel.wait_for(
        "why it was not granted",
        lambda m: m["id"] == card["id"] and says in words(m),
        after=card["change"],
    )
    assert says in page.text
    assert bool(link(told, LET_READ))
    assert BY_ITSELF not in by_access(told)


def granted(people):
    """Grant the read access from the card of a check, and return the card when it shows more."""
    people.control(
        "PATCH", TENANT, {"users": {ADMIN: {"roles": [*OWNER, *APPS, "Exchange Administrator"]}}}
    )
    card = checked(people)
    assert "Automatic checks are allowed" in people.open_link(ADMIN, link(card, LET_READ)).text
    return people.wait_for(
        "what it sees by itself",
        lambda m: m["id"] == card["id"] and again(m) and BY_ITSELF in by_access(m),
        30,
    )


def test_granted_then_withdrawn(channel):
    """A grant lets the same card show more at once, and Exchange too when the app has a role.

    After the grant is withdrawn, the card says so once and offers the grant again.
    """
    channel.control("POST", "calls/reset")
    seen = granted(channel)
    assert link(seen, LET_READ) == ""
    assert bool(link(seen, SEE_MORE))
    assert "has no Exchange role" in words(seen)

    channel.control("PATCH", TENANT, {"principal_roles": {CLIENT_ID: ["Global Reader"]}})
    whole = by_access(checked(channel))
    assert whole[BY_ITSELF] > by_access(seen)[BY_ITSELF]
    assert "With an administrator's sign-in" not in whole
    counts = channel.control("GET", "calls")["counts"]
    assert {
        name: count for name, count in counts.items() if name.startswith(("graph.", "exchange."))
    } == {}

    channel.control("PATCH", TENANT, {"drop_app_roles": {CLIENT_ID: ["Policy.Read.All"]}})
    over = checked(channel)
    assert "The organization no longer lets the bot read without a sign-in." in words(over)
    assert ("Policy.Read.All" in words(over), bool(link(over, LET_READ))) == (True, True)
    after = checked(channel)
    assert ("no longer lets" in words(after), BY_ITSELF in by_access(after)) == (False, False)


def test_all_channels_though_a_worker_dies(stack, people):
    """``/check all`` shows one card for three tenants, with the worst channel first.

    Two tenants let the bot read, and one does not. The next worker finishes the work of a worker
    that died.
    """
    name = f"All {next(_numbers)}"
    two, three, four = (f"{each}{name[-1]}.example" for each in ("two", "three", "four"))
    boxes = [f"box{number}@{domain}" for domain in (two, three) for number in range(6)]
    everywhere = room(people, name)
    fill(stack, people, everywhere, boxes)
    fill(stack, people, everywhere, [f"box0@{four}"], bot_reads=False)
    people.control(
        "PATCH", f"tenants/{two}", {"users": {boxes[3]: {"mailbox": {"smtp_auth_disabled": True}}}}
    )
    people.control("PUT", "settings", {"latency_ms": 300})
    people.control("POST", "calls/reset")
    people.say(REQUESTER, "/check all", name)
    with stack.redis() as redis:
        people.until("some verdicts", lambda: some(the_round(stack, redis, everywhere)), 40)
        stack.kill("worker", signal.SIGKILL, whole=True)
        people.control("PUT", "settings", {"latency_ms": 0})
        stack.processes["worker"].stop()
        stack.start("worker")
        people.until("all verdicts", lambda: whole(the_round(stack, redis, everywhere)), 90)
    card = people.wait_for("the card of all", lambda m: len(judged(m)) == 13, 40)
    rows = judged(card)
    assert (boxes[3] in rows[0], four in rows[1]) == (True, True)
    assert "one of 13 channels" in band(card)
    assert {
        name: count
        for name, count in people.control("GET", "calls")["counts"].items()
        if name.startswith(("graph.", "exchange."))
    } == {}


def judged(card):
    """Return the rows of the channels with a verdict, on a card of all channels."""
    rows = words(card).splitlines() if words(card).startswith("Channels") else ()
    return [line for line in rows if "@" in line and line[0] in "✗?✓"]


def the_round(stack, redis, space):
    """Return the run of the space's bulk check, or None before it has begun."""
    raw = redis.get(f"space:{space}:bulk_check")
    store = RunStore(redis, encryption_keys(stack))
    return store.load(raw.decode()) if isinstance(raw, bytes) else None


def some(run):
    """Return whether some channels have their verdict and others do not."""
    return run is not None and 0 < len(run.findings) < len(run.brief.mailboxes)


def whole(run):
    """Return whether the bulk check has ended."""
    return run is not None and run.checked is not None
