"""Webex's webhook and the pages of a running bot, and the people whom they serve.

The tests go through the real processes.
"""

import hashlib
import hmac
import json
import re
import signal
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from urllib.parse import parse_qsl, urlsplit

import httpx
import pytest

from adaptive_cards.texts import text
from practice.client import links
from practice.conversation import words
from practice.webex.world import CONTOSO
from tests.fixtures.bot_pages import press_button

APPROVER, OUTSIDER = "admin@contoso.com", "outsider@evil.example"
EVENT = {
    "resource": "messages",
    "event": "created",
    "data": {"id": "m-1", "roomId": "r-1", "personId": "p-1"},
}
JSON = {"Content-Type": "application/json"}
STACK = {"env": {"APPROVERS": APPROVER, "ALLOWED_ORG_IDS": CONTOSO}}
"""One organization, and an approver who is not the requester."""


@pytest.fixture(scope="module")
def hook(stack):
    """Return a function that sends a body to the webhook, signed with ``key``.

    ``headers`` may replace the signature.
    """
    url, secret = (
        f"{stack.public_url}/webhooks/webex",
        stack.processes["web"].env["WEBEX_WEBHOOK_SECRET"],
    )

    def send(body, headers=None, method="POST", key=secret):
        signature = {"X-Spark-Signature": hmac.new(key.encode(), body, hashlib.sha1).hexdigest()}
        return httpx.request(
            method,
            url,
            content=body,
            headers={**JSON, **signature, **(headers or {})},
            trust_env=False,
            timeout=10,
        )

    return send


@pytest.mark.parametrize(
    ("email", "like", "why"),
    [
        ("eve@contoso.com.evil.com", OUTSIDER, "organization"),
        ("eve@sub.contoso.com", "requester@contoso.com", "organization"),
        ("eve@evilcontoso.com", "requester@contoso.com", "organization"),
        ("eve@contoso.com@evil.example", "requester@contoso.com", "organization"),
        ("eve@contoso.com", OUTSIDER, "organization"),
        ("guest@contoso.com", "guest@guests.example", "not_a_person"),
    ],
)
def test_whom_the_bot_serves(people, new_walk, email, like, why):
    """The bot serves only people with the exact domain after the last @ and the right organization.

    Guests are refused. The answer to others names no channel.
    """
    people.control("POST", "webex/person", {"email": email, "like": like})
    answer = words(new_walk(room="direct", requester=email).ask())
    assert (text(f"refused.{why}") in answer, "support@contoso.com" in answer) == (True, False)


def test_what_the_webhook_refuses(hook):
    """The webhook refuses bad signatures, types, sizes and methods with a status and an empty body.

    A signature is bad if it is wrong, missing, or no text.
    """
    body = json.dumps(EVENT).encode()
    seen = {
        "none": (hook(body, {"X-Spark-Signature": ""}), 401),
        "bytes": (hook(body, {"X-Spark-Signature": b"\xe9" * 40}), 401),
        "another key": (hook(body, key=""), 401),
        "type": (hook(body, {"Content-Type": "text/plain"}), 415),
        "large": (hook(b" " * 65_537), 413),
        "get": (hook(b"", method="GET"), 405),
        "no json": (hook(b"\x00\xff{"), 400),
    }
    assert {name: each.status_code for name, (each, _) in seen.items()} == {
        name: status for name, (_, status) in seen.items()
    }
    assert {each.content for each, _ in seen.values()} == {b""}


def test_an_event_that_comes_fifty_times(people, new_walk, hook):
    """An event of Webex that somebody replays fifty times at once gets only one answer."""
    walk = new_walk()
    walk.type("/help")
    event = {**EVENT, "data": {"id": walk.said["id"], "roomId": walk.said["roomId"]}}
    with ThreadPoolExecutor(50) as crowd:
        codes = {
            each.status_code
            for each in crowd.map(lambda _: hook(json.dumps(event).encode()), range(50))
        }
    root = walk.said["id"]
    walk.type("/status")
    people.look()
    assert (codes, sum(each["parentId"] == root for each in people.messages.values())) == ({200}, 1)


def test_a_link_that_travels(stack, people, new_walk):
    """A sign-in link opened by the wrong accounts changes nothing, and each state works once.

    The other accounts get a page that says so. Without the cookie of the browser in which a flow
    began, its state is worth nothing and is not used up. No plan is approved at that time.
    """
    walk = new_walk("service@contoso.com")
    walk.ask()
    url = links(walk.details())[0]
    people.open_link("admin@fabrikam.com", url)
    walk.saying("a different tenant")
    opened = [
        people.open_link("helpdesk@contoso.com", url),
        people.open_link(APPROVER, url, "decline"),
        people.open_link(OUTSIDER, url),
    ]
    assert {each.status for each in opened} <= {200, 400}
    with httpx.Client(trust_env=False) as browser:
        states = [_state(browser, url) for _ in range(2)]
        elsewhere = [_denied(stack, state) for state in states]
        with stack.redis() as redis:
            lives = [int(redis.ttl(f"sealed:flow:{state}")) for state in states]
        back = [_denied(stack, state, browser) for state in states[:1] * 20]
    assert elsewhere == [403, 403]
    assert (sorted(back), _denied(stack, "guessed")) == ([200, *[400] * 19], 400)
    assert ([0 < each <= 600 for each in lives], walk.writes()) == ([True, True], [])
    walk.open(walk.card("a sign-in card", "ask_administrator", link=True))
    walk.card("a plan card", "approve")
    late = people.open_link("admin@fabrikam.com", url)
    assert (late.status, late.links, walk.writes()) == (200, [], [])
    walk.type(f"/cancel {walk.mailbox}")
    assert people.open_link(APPROVER, url).status == 410


def _state(browser, url):
    """Press the button of the page in this browser, and return the state that Microsoft gets."""
    _, gone = press_button(browser, url)
    return dict(parse_qsl(urlsplit(gone.headers["Location"]).query))["state"]


def _denied(stack, state, browser=None):
    query = {"state": state, "error": "access_denied", "error_description": "AADSTS65004: declined"}
    ask = browser.get if browser else partial(httpx.get, trust_env=False)
    return ask(f"{stack.public_url}/microsoft/callback", params=query).status_code


def test_two_persons_and_once_more_at_the_moment_itself(stack, people, presses, new_walk):
    """A requester cannot approve their own plan, and a press is checked when it is processed.

    The members of the space count at that time, and not at the time of the press.
    """
    walk = new_walk("support@contoso.com")
    plan = walk.plan(profile="least")
    run = next(iter(_runs(plan)))
    assert text("refused.not_approver", who=APPROVER) in words(walk.press(plan, "approve"))
    before = presses.history(run)
    stack.processes["worker"].stop()
    presses.submit(APPROVER, plan, {"do": "approve", "run": run, "plan": _plan(plan)})
    people.control("POST", "webex/join", {"as": OUTSIDER, "room": walk.room, "by": walk.requester})
    stack.start("worker")
    walk.saying(text("refused.space"), after=plan["change"])
    assert (presses.history(run), walk.writes()) == (before, [])
    people.control("POST", "webex/leave", {"as": OUTSIDER, "room": walk.room})
    people.press(APPROVER, plan, "approve")
    walk.form(60)
    assert len(walk.writes()) > 3


def _runs(card):
    return set(re.findall(r"'run': '(\w{6})'", str(card["card"])))


def _plan(card):
    return str(re.findall(r"'plan': '([^']+)'", str(card["card"]))[0])


def test_cards_are_held_back_while_an_outsider_is_there(people, presses, new_walk):
    """A plan is not shown in a space with a stranger. It appears after the stranger has left."""
    walk = new_walk("s.desk@contoso.com")
    walk.ask()
    card = walk.details()
    people.control("POST", "webex/join", {"as": OUTSIDER, "room": walk.room, "by": walk.requester})
    before = people.change
    walk.open(card)
    walk.saying(text("notice.held_title"), after=before)
    new = [
        each
        for each in people.messages.values()
        if each["change"] > before and each["room"] == walk.room
    ]
    assert [words(each) for each in new if walk.mailbox in words(each)] == []
    people.control("POST", "webex/leave", {"as": OUTSIDER, "room": walk.room})
    presses.submit(walk.requester, card, {"do": "look_again", "run": next(iter(_runs(card)))})
    walk.card("a plan card", "approve")
    walk.type(f"/cancel {walk.mailbox}")


def test_without_redis(stack, people, new_walk, hook):
    """Without Redis, webhooks and pages answer 503. The bot answers again when Redis is back."""
    stack.kill("redis", signal.SIGKILL, whole=True)
    people.until(
        "no Redis",
        lambda: httpx.get(f"{stack.public_url}/readyz", trust_env=False).status_code == 503,
    )
    pages = [
        httpx.get(f"{stack.public_url}{path}", trust_env=False)
        for path in ("/readyz", "/signin/x", "/handover/x")
    ]
    pages += [
        httpx.get(f"{stack.public_url}/microsoft/callback?state=x", trust_env=False),
        hook(json.dumps(EVENT).encode()),
    ]
    stack.processes["redis"].stop()
    stack.start("redis")
    assert ({each.status_code for each in pages}, pages[-1].content) == ({503}, b"")
    assert words(new_walk(room="direct").type("/help"))
