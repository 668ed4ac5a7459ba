"""Web application: its headers, errors, health, metrics, and addresses."""

import socket
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import replace
from io import BytesIO
from types import SimpleNamespace

import pytest
from cryptography.fernet import Fernet
from flask import Blueprint, Response
from structlog.testing import capture_logs
from waitress.adjustments import Adjustments
from werkzeug.test import Client

from bot.queue import connect_for_web
from bot.web import wsgi
from bot.web.wsgi import HEADERS, AddressError, RefusedError, Webhooks, listener, whole_site
from jobs.settings import Settings
from jobs.storage import generation
from jobs.storage.counters import CARDS, COUNTERS, read
from tests.fixtures.queue_state import alive
from tests.fixtures.site import create_app
from tests.fixtures.waiting import until

BODY = b'{"resource": "messages", "event": "created", "data": {"id": "made-up-words"}}'


@pytest.fixture
def app(settings, redis):
    """Web application with three pages for the tests."""
    pages = Blueprint("pages", __name__, url_prefix="/pages")
    pages.add_url_rule("/bad", view_func=_broken)
    pages.add_url_rule("/own", view_func=_own)
    pages.add_url_rule("/ok", view_func=lambda: "<p>fine</p>")
    return create_app(settings, redis, [pages])


def _own() -> Response:
    return Response("x", headers={"Content-Security-Policy": "default-src 'self'"})


def _broken() -> str:
    raise RuntimeError("private words")


@pytest.mark.parametrize(("address", "said"), [("https", True), ("http", False)])
@pytest.mark.parametrize("path", ["/pages/ok", "/nowhere"])
def test_browsers_stay_with_https(settings, redis, path, address, said):
    """With an https address, each answer makes browsers use only https for a year.

    A bot with an http address sends no such header.
    """
    app = create_app(replace(settings, public_url=f"{address}://bot.example.test"), redis)
    answer = app.test_client().get(path)
    assert answer.headers.get("Strict-Transport-Security") == ("max-age=31536000" if said else None)


@pytest.mark.parametrize("path", ["/pages/ok", "/readyz", "/none", "/pages/bad", "/webhooks/webex"])
def test_security_headers_are_on_every_answer(app, path):
    """Pages, errors and answers for machines all have the security headers."""
    answer = app.test_client().get(path)
    assert {name: answer.headers[name] for name in HEADERS} == HEADERS
    assert "form-action 'self'" in HEADERS["Content-Security-Policy"]


@pytest.mark.parametrize("path", ["/webhooks//webex", "/webhooks/webex//", "/pages//ok"])
def test_no_answer_leads_to_the_clients_host(app, path):
    """A path with two slashes is unknown, and not redirected to the host that the client names."""
    answer = app.test_client().post(path, headers={"Host": "evil.example"})
    assert (answer.status_code, answer.location) == (404, None)


def test_a_page_may_bring_its_own_policy(app):
    """A security header that a page has set itself stays as it is."""
    headers = app.test_client().get("/pages/own").headers
    assert headers["Content-Security-Policy"] == "default-src 'self'"


@pytest.mark.parametrize(
    ("path", "status", "text"),
    [
        ("/pages/nowhere", 404, "404 NOT FOUND\n"),
        ("/pages/bad", 500, "500 INTERNAL SERVER ERROR\n"),
        ("/webhooks/webex", 405, ""),
    ],
)
def test_error_pages_are_plain(app, path, status, text):
    """An error page has only HTTP's own words, without a stack trace or names from the code."""
    answer = app.test_client().get(path)
    assert (answer.status_code, answer.text) == (status, text)
    assert answer.content_type == "text/plain; charset=utf-8"


def test_the_first_request_writes_the_number(app, redis):
    """The first request writes the layout's number, and no later request looks at it again.

    The layout is not read again for some seconds, not even if Redis comes back without its data.
    """
    assert app.test_client().post("/webhooks/webex").status_code == 415
    assert redis.get("schema") == str(generation.LAYOUT).encode()
    redis.flushall()
    assert app.test_client().post("/webhooks/webex").status_code == 415
    assert redis.exists("schema") == 0


def test_newer_data_is_not_served(app, redis):
    """Data of a newer version get 503, until Redis has data that this version reads.

    The health of the process is another matter, so /healthz answers 200.
    """
    redis.set("schema", generation.LAYOUT + 1)
    paths = ("/signin/x", "/readyz", "/healthz")
    assert [app.test_client().get(path).status_code for path in paths] == [503, 503, 200]
    redis.flushall()
    assert app.test_client().get("/signin/x").status_code == 404


def test_data_of_a_newer_layout_is_not_served_any_more(app, redis, monkeypatch):
    """The layout is read again after a while, so data of a newer layout get 503.

    If Redis is away at that time, the pages answer for themselves.
    """
    monkeypatch.setattr("bot.web.wsgi.LAYOUT_S", 0)
    served = app.test_client().get("/signin/x").status_code
    redis.set("schema", generation.LAYOUT + 1)
    refused = app.test_client().get("/signin/x").status_code
    redis.set("schema", generation.LAYOUT)
    assert (served, refused, app.test_client().get("/signin/x").status_code) == (404, 503, 404)


def asked(settings, url: str, path: str) -> tuple[int, object]:
    """Return the status and the body of a new process's answer."""
    answer = create_app(settings, connect_for_web(url)).test_client().get(path)
    return answer.status_code, answer.json


def test_a_process_without_redis_lives(settings, free_port):
    """A process without Redis lives, because a new start would not bring Redis back.

    The process is not ready, and says which part is wrong.
    """
    nobody = f"redis://127.0.0.1:{free_port}/0"
    assert asked(settings, nobody, "/healthz") == (200, {"status": "ok"})
    unknown = dict.fromkeys(("workers", "events", "data", "dispatch"), "unknown")
    told = {"status": "unavailable", "redis": "unreachable"} | unknown
    assert asked(settings, nobody, "/readyz") == (503, told)


def test_ready_needs_a_worker(settings, redis, redis_url):
    """The web process is not ready without a worker, because nobody would do the work."""
    code, body = asked(settings, redis_url, "/readyz")
    assert (code, isinstance(body, dict) and body["workers"]) == (503, "missing")
    alive(redis)
    assert asked(settings, redis_url, "/readyz")[0] == 200


def test_a_flood_costs_redis_nothing(settings, redis, redis_url, monkeypatch):
    """The answer of /readyz is repeated for a moment, so a flood costs Redis nothing."""
    alive(redis)
    monkeypatch.setattr("bot.web.wsgi.HEALTH_KEPT_S", 3600)
    browser = create_app(settings, connect_for_web(redis_url)).test_client()
    first = browser.get("/readyz")
    redis.flushall()
    assert [browser.get("/readyz").status_code for _ in range(3)] == [200] * 3
    assert (first.status_code, redis.dbsize()) == (200, 0)


def lines(log):
    """Return the levels of the lines about refused webhooks."""
    return [each["log_level"] for each in log if each["event"].startswith("webhooks refused")]


def test_a_refused_webhook_is_logged_at_once_and_then_once_a_minute(redis):
    with capture_logs() as log:
        receiver = Webhooks((), redis, 0.2)
        for _ in range(5):
            receiver.note_refused()
        assert lines(log) == ["warning"]
        until(lambda: (receiver.note_refused(), len(lines(log)) == 2)[1], "the next minute")


def test_a_refused_webhook_is_counted_without_its_body(settings, redis, redis_url):
    """The log has no word of a refused webhook's body, and Redis has the count and the time."""
    COUNTERS.reset()
    browser = create_app(settings, connect_for_web(redis_url)).test_client()
    with capture_logs() as log:
        answer = browser.post("/webhooks/webex", data=BODY, content_type="application/json")
    assert (answer.status_code, lines(log)) == (401, ["warning"])
    assert "made-up-words" not in str(log)
    COUNTERS.flush(redis)
    assert read(redis)["events_refused|signature"] == 1
    assert redis.exists("webhooks:refused-at")


def test_without_redis_it_is_still_logged(settings, free_port):
    """If Redis goes away, a refused webhook is still logged, and its answer stays 401."""
    receiver = Webhooks(("secret",), connect_for_web(f"redis://127.0.0.1:{free_port}/0"))
    request = {
        "CONTENT_TYPE": "application/json",
        "CONTENT_LENGTH": "2",
        "wsgi.input": BytesIO(b"{}"),
    }
    with capture_logs() as log, pytest.raises(RefusedError) as refused:
        receiver.accept(request)
    assert (refused.value.status, lines(log)) == (401, ["warning"])


def reached(port: int) -> list[bool]:
    """Return whether somebody listens at the port, with IPv4 and with IPv6."""
    answers = []
    for family, host in ((socket.AF_INET, "127.0.0.1"), (socket.AF_INET6, "::1")):
        with socket.socket(family) as probe:
            answers.append(probe.connect_ex((host, port)) == 0)
    return answers


@pytest.mark.parametrize(
    ("host", "both"),
    [
        ("0.0.0.0", [True, False]),
        ("127.0.0.1", [True, False]),
        ("::", [True, True]),
        ("::1", [False, True]),
    ],
)
def test_who_is_reached(host, both, free_port):
    """The host ``::`` is reached with IPv4 and IPv6, as the documents say.

    Any other host is reached with its own kind of address.
    """
    if ":" in host and not socket.has_dualstack_ipv6():
        pytest.skip("this machine has no IPv6")
    with closing(listener(host, free_port)):
        assert reached(free_port) == both


@pytest.mark.parametrize(
    ("refused", "host", "port", "told"),
    [
        (PermissionError(13, "No"), "0.0.0.0", 80, "PORT 80 may not be used .* above 1023"),
        (OSError(97, "Not supported"), "::", 8080, r"HOST ::, PORT 8080 \(Not supported"),
    ],
)
def test_a_refusal_of_the_system_is_explained(monkeypatch, refused, host, port, told):
    """A refused port below 1024 leads to one above 1023, and the system explains the others.

    The system refuses such a port to users who are not root.
    """
    monkeypatch.setattr(socket, "create_server", lambda *_, **__: (_ for _ in ()).throw(refused))
    with pytest.raises(AddressError, match=told):
        listener(host, port)


TOKEN = "kx7Pq2mZ9vLwTn4RbYc8"
WORK = Settings(
    "https://bot.example.test", "", "client", "secret", (Fernet.generate_key().decode(),)
)


def metrics_of(settings, header: str) -> tuple[int, str]:
    """Return the status and the text of the metrics page at the web port."""
    app = create_app(settings, connect_for_web(settings.redis_url))
    answer = app.test_client().get("/metrics", headers={"Authorization": header})
    return answer.status_code, answer.text


def test_off_by_default(settings, redis):
    """Without its settings there is no metrics page, even for a request with a token."""
    client = Client(whole_site(settings, WORK, connect_for_web(settings.redis_url)))
    for headers in ({}, {"Authorization": f"Bearer {TOKEN}"}):
        assert client.get("/metrics", headers=headers).status_code == 404


@pytest.mark.parametrize("header", ["", TOKEN, "Bearer", f"Basic {TOKEN}", f"Bearer {TOKEN}x"])
def test_without_the_token_nothing_is_shown(settings, redis, header):
    """A request without the right token gets 401, which names the scheme and shows no number."""
    code, text = metrics_of(replace(settings, metrics_token=TOKEN), header)
    assert (code, "webex_email_bot" in text) == (401, False)


def test_with_the_token(settings, redis):
    """With the token, the page also shows numbers that the process has not added to Redis yet."""
    COUNTERS.reset()
    COUNTERS.add(CARDS, "posted", by=7)
    code, text = metrics_of(replace(settings, metrics_token=TOKEN), f"Bearer {TOKEN}")
    assert (code, 'webex_email_bot_cards_total{outcome="posted"} 7.0' in text) == (200, True)


def test_a_request_hands_over_the_counts(app, redis):
    """The counts are in Redis after a request, so that a process that goes on loses none."""
    COUNTERS.reset()
    COUNTERS.add(CARDS, "edited")
    app.test_client().get("/nowhere")
    assert read(redis).get("cards|edited") == 1


def test_the_loop_leaves_a_thread_alone_that_sends():
    """The loop does not wait for a socket whose answer a thread is sending, as it would spin."""
    server, ours = SimpleNamespace(active_channels={}), socket.socketpair()
    with closing(ours[0]), closing(ours[1]), ThreadPoolExecutor(1) as other:
        channel = wsgi.StrictChannel(server, ours[0], "", Adjustments(), {})
        assert not channel.writable()
        channel.total_outbufs_len = 1
        assert channel.writable()
        other.submit(channel.outbuf_lock.acquire).result()
        assert not channel.writable()
        other.submit(channel.outbuf_lock.release).result()
        assert channel.writable()
