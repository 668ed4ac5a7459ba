"""Login service that answers too slowly.

It delays neither the webhook nor the first page of a sign-in.
"""

import hashlib
import hmac
import json
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial

import httpx
import pytest

from bot import links
from bot.web.sign_in import SLOTS
from bot.web.wsgi import THREADS
from tests.fixtures.bot_pages import hidden_fields
from tests.fixtures.redis_servers import listens
from tests.fixtures.serving import Quiet, Server, serving
from tests.fixtures.waiting import LIMIT_S, until
from tests.processes.conftest import running

PRESSES = 2 * THREADS
WEBHOOKS = 20
SECRET = "new-secret-0123456789"


@dataclass
class Dripping:
    """Login service that sends a blank every tenth of a second until ``go`` is set."""

    base: str = ""
    inside: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock)
    go: threading.Event = field(default_factory=threading.Event)

    def document(self):
        """Return the discovery document."""
        at = f"{self.base}/organizations"
        names = {
            "issuer": f"{self.base}/{{tenantid}}/v2.0",
            "authorization_endpoint": f"{at}/oauth2/v2.0/authorize",
            "token_endpoint": f"{at}/oauth2/v2.0/token",
            "jwks_uri": f"{at}/discovery/v2.0/keys",
        }
        return json.dumps(names).encode()


class _Handler(Quiet):
    service: Dripping

    def do_GET(self):  # noqa: N802  http.server's name
        with self.service.lock:
            self.service.inside += 1
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.end_headers()
        while not self.service.go.wait(0.1):
            self.wfile.write(b" ")
        self.wfile.write(self.service.document())
        with self.service.lock:
            self.service.inside -= 1


@pytest.fixture
def login():
    """Slow login service that listens on loopback."""
    service = Dripping()
    handler = type("Handler", (_Handler,), {"service": service})
    server = Server(handler)
    service.base = server.base
    with serving(server):
        yield service
        service.go.set()


@pytest.fixture
def address(services, login, free_port, webex_script):
    """Address of a real web process that uses this login service."""
    env = {
        "WEBEX_WEBHOOK_SECRET": SECRET,
        "WEBEX_API_URL": services.bot.webex_api_url,
        "PUBLIC_URL": f"http://127.0.0.1:{free_port}",
        "PORT": str(free_port),
        "HOST": "127.0.0.1",
        "REDIS_URL": services.bot.redis_url,
        "MICROSOFT_LOGIN_URL": login.base,
        "ENCRYPTION_KEYS": services.settings.encryption_keys[0],
    }
    with running("web", env):
        until(lambda: listens(free_port), "the web process")
        yield env["PUBLIC_URL"]


def finished(pressed):
    """Return the number of presses that have their answer."""
    return sum(each.done() for each in pressed)


def press(url, browser, form):
    """Press the button of a page in a browser."""
    return browser.post(url, data=form)


def webhook(address, number):
    """Deliver an event, and return the status of the answer."""
    event = {"resource": "messages", "event": "created", "data": {"id": f"m-{number}"}}
    body = json.dumps(event).encode()
    signature = hmac.new(SECRET.encode(), body, hashlib.sha1).hexdigest()
    headers = {"Content-Type": "application/json", "X-Spark-Signature": signature}
    url = f"{address}/webhooks/webex"
    return httpx.post(
        url, content=body, headers=headers, trust_env=False, timeout=LIMIT_S
    ).status_code


def test_a_slow_login_service_holds_nobody_else(services, login, address, redis, begin):
    """Three of sixteen presses wait for Microsoft, and thirteen are told at once to press again.

    Meanwhile webhooks and first pages are answered. The test looks at the order of the answers: the
    login service answers nobody before the webhooks have their answers.
    """
    path = links.link(services, "signin", begin().id).url.rpartition("/signin/")[2]
    url = f"{address}/signin/{path}"
    with ThreadPoolExecutor(PRESSES) as crowd:
        browsers = [httpx.Client(trust_env=False, timeout=LIMIT_S) for _ in range(PRESSES)]
        forms = [hidden_fields(browser.get(url).text) for browser in browsers]
        assert (login.inside, all(forms)) == (0, True)
        pressed = [*map(partial(crowd.submit, press, url), browsers, forms)]
        until(lambda: finished(pressed) == PRESSES - SLOTS, "the busy pages")
        until(lambda: login.inside == SLOTS, "those who wait for Microsoft")
        hooks = [webhook(address, number) for number in range(WEBHOOKS)]
        first = httpx.get(url, trust_env=False, timeout=LIMIT_S).status_code
        waiting = (login.inside, finished(pressed))
        login.go.set()
        statuses = sorted(each.result().status_code for each in pressed)
        again = browsers[0].post(url, data=forms[0])
    assert (hooks, first, waiting) == ([200] * WEBHOOKS, 200, (SLOTS, PRESSES - SLOTS))
    assert statuses == [303] * SLOTS + [503] * (PRESSES - SLOTS)
    assert (again.status_code, again.headers["Location"].startswith(login.base)) == (303, True)
    assert sum(each.startswith(b"event:") for each in redis.zrange("due", 0, -1)) == WEBHOOKS
    for browser in browsers:
        browser.close()
