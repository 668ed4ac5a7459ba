"""Input from outside: parsers raise only their own errors, and no page answers 500.

The examples are the same in every run. Use `--hypothesis-seed` and more examples to search further.
"""

import asyncio
import base64
import contextlib
import hashlib
import hmac
import json
import secrets
from collections.abc import Mapping
from functools import partial

import httpx
import pytest
import stamina
from aiosmtplib import SMTPResponse
from cryptography.fernet import Fernet
from hypothesis import HealthCheck, example, given, settings, strategies as st

from bot.services import Services
from bot.settings import BotSettings
from bot.web import oauth, secret_page, sign_in
from bot.web.oauth import Flow
from bot.web.pages import HOST_COOKIE, fingerprint
from jobs.clock import now
from jobs.clouds.errors import CloudError
from jobs.clouds.http import async_client
from jobs.mail.smtp_login import SmtpProbe, _challenge_status, login_probe
from jobs.microsoft.exchange import InvokeCommand
from jobs.microsoft.identity import entra_error, read_consent_answer
from jobs.model import Channel, Person
from jobs.runs.run import Event, Kind, Origin
from jobs.settings import Settings
from tests.fixtures.site import create_app

NO_PAUSES = True
SECRET = "Yw3-k0Vd_81nHb4xQz7RtJ2mUeLs"
NESTED = "[" * 20_000
HOSTILE = "\r\n\x00\x1b[31m**b**[a](http://evil.example)<at>all</at>\u202e${x}|`\ud800" + "x" * 300
STILL = [HealthCheck.function_scoped_fixture, HealthCheck.too_slow, HealthCheck.data_too_large]
FEW = settings(
    max_examples=60, deadline=None, derandomize=True, database=None, suppress_health_check=STILL
)
LEAVES = (
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=40)
)
JSON = st.recursive(
    LEAVES,
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=12), inner, max_size=4)
    ),
    max_leaves=12,
)
TEXT = st.text(max_size=300) | st.just(HOSTILE)


@pytest.fixture
def services(redis):
    """Services of the bot's conversation, with clouds at addresses at which nobody listens."""
    nowhere = "http://127.0.0.1:9"
    bot = BotSettings(
        "a-made-up-token",
        (SECRET,),
        "https://bot.example.test",
        ("example.test",),
        f"{nowhere}/v1/",
    )
    work = Settings(
        bot.public_url,
        "",
        "app",
        "bot-secret",
        (Fernet.generate_key().decode(),),
        nowhere,
        nowhere,
        nowhere,
    )
    return Services.of(bot, work, redis)


@pytest.fixture
def browser(services):
    """HTTP client at the webhook and the pages of the bot."""
    app = create_app(services.bot, services.redis, [sign_in.pages, secret_page.pages])
    app.config["SERVICES"] = services
    return app.test_client()


@pytest.fixture
def hasty():
    """Let each call have one try, without a pause."""
    with stamina.set_testing(True, attempts=1):
        yield


EVENTS = st.fixed_dictionaries(
    {},
    optional={
        "resource": st.sampled_from(["messages", "attachmentActions", "memberships", "MESSAGES"])
        | JSON,
        "event": st.just("created") | JSON,
        "data": st.fixed_dictionaries(
            {}, optional=dict.fromkeys(("id", "personId", "roomId", "created"), TEXT | JSON)
        )
        | JSON,
        "actorId": JSON,
        "createdBy": JSON,
    },
)


@FEW
@given(
    EVENTS.map(lambda each: json.dumps(each).encode())
    | JSON.map(lambda each: json.dumps(each).encode())
    | st.binary(max_size=200)
)
@example(NESTED.encode())
@example(
    json.dumps({"resource": "messages", "event": "created", "data": {"id": HOSTILE[:60]}}).encode()
)
def test_webhook_bodies(browser, body):
    """Any body is refused without a signature, and taken or not understood with one.

    The answer is always empty.
    """
    signature = hmac.new(SECRET.encode(), body, hashlib.sha1).hexdigest()
    sent = [
        browser.post(
            "/webhooks/webex",
            data=body,
            headers={"X-Spark-Signature": each},
            content_type="application/json",
        )
        for each in ("", signature)
    ]
    assert sent[0].status_code == 401
    assert sent[1].status_code in {200, 400}
    assert {each.data for each in sent} == {b""}


@FEW
@given(
    st.dictionaries(
        st.sampled_from(
            ["state", "error", "error_description", "error_uri", "code", "tenant", "admin_consent"]
        )
        | st.text(max_size=8),
        TEXT,
    )
)
def test_callbacks(browser, services, query):
    """A callback of a known or unknown flow gets a page with a sentence, never a 500.

    The page shows nothing of the query.
    """
    run = services.store.open(
        Channel(f"a{now().timestamp()}@example.test"),
        Person("anna", "anna@example.test"),
        Origin("r"),
    )
    query = {
        name: value.replace("\ud800", "") for name, value in query.items()
    }  # no address can hold it
    secret = secrets.token_urlsafe(32)
    browser.set_cookie(HOST_COOKIE, secret)
    for kind in ("signin", "consent", "rehearsal"):
        state = secrets.token_urlsafe(32)
        oauth.save(
            services,
            state,
            Flow(
                kind,
                run.id,
                {"state": state, "nonce": "n", "code_verifier": "v", "permissions": []},
                fingerprint(secret),
            ),
        )
        known = {name: value for name, value in query.items() if name != "code"} | {
            "state": state,
            "error": query.get("error") or "x",
        }
        assert browser.get("/microsoft/callback", query_string=known).status_code == 200
    unknown = browser.get("/microsoft/callback", query_string=query)
    assert (unknown.status_code, "<script>" in unknown.text) == (400, False)


@FEW
@given(st.text(max_size=80), st.sampled_from(["GET", "POST", "HEAD", "PUT", "DELETE", "OPTIONS"]))
def test_addresses_of_pages(browser, token, method):
    """A guessed link is unknown and leads nowhere, and a page accepts only its own methods."""
    paths = [f"/{kind}/{token}" for kind in ("signin", "consent", "rehearsal", "handover")] + [
        f"/handover/{token}/renew",
        f"/{token}",
    ]
    assert {browser.open(path, method=method).status_code for path in paths} <= {200, 404, 405, 410}


@FEW
@given(
    st.sampled_from([200, 204, 206, 302, 400, 401, 403, 404, 409, 429, 500, 503]),
    JSON.map(json.dumps).map(str.encode) | st.binary(max_size=80),
)
@example(200, NESTED.encode())
@example(400, NESTED.encode())
@example(
    400, b'{"error": {"message": 7, "details": {"message": []}, "innererror": [], "code": {}}}'
)
def test_exchange_bodies(hasty, services, status, body):
    """Any answer of Exchange becomes rows or a CloudError, and never another error."""

    async def token():
        return "token"

    async def asked():
        transport = httpx.MockTransport(lambda _: httpx.Response(status, content=body))
        async with async_client(services.settings, transport) as http:
            rows = await InvokeCommand(
                http, token, services.settings.exchange_url, "t", "a@example.test"
            ).run("Get-Mailbox", {})
            assert all(isinstance(row, Mapping) for row in rows)

    with contextlib.suppress(CloudError):
        asyncio.run(asked())


@FEW
@given(JSON)
def test_answers_of_the_sign_in(answer):
    """Any error of Entra has a cause, and any answer about a consent is read or is a CloudError."""
    said = (
        answer
        if isinstance(answer, dict)
        else {"error": answer, "error_description": answer, "error_codes": answer}
    )
    assert entra_error(said).cause
    with contextlib.suppress(CloudError):
        assert read_consent_answer({str(name): str(value) for name, value in said.items()})


def _smtp(probe, words):
    """Return the result of a probe at a server that sends these words and hangs up."""

    async def serve():
        async def ctx(reader, writer):
            writer.write(words)
            writer.close()

        server = await asyncio.start_server(ctx, "127.0.0.1", 0)
        async with server:
            found: SmtpProbe = await probe(f"127.0.0.1:{server.sockets[0].getsockname()[1]}")
            await asyncio.sleep(0)
        return found

    return asyncio.run(serve())


LINES = st.lists(
    st.binary(max_size=30)
    | st.sampled_from([b"220 hello", b"250-STARTTLS", b"250 AUTH XOAUTH2", b"535 5.7.139"]),
    max_size=6,
)


@settings(FEW, max_examples=30)
@given(LINES.map(b"\r\n".join).map(lambda each: each + b"\r\n"))
@example("²²² superscript digits\r\n".encode())
@example("٢٢٠ other digits\r\n".encode())
@example(b"220 a\r\n250-" + b"x" * 70_000)
@example(b"220 " + HOSTILE.encode("utf-8", "replace") + b"\r\n")
def test_smtp_replies(words):
    """An SMTP probe always ends with a failed phase and a cause, whatever the server sends.

    Its result holds no control character that a terminal would obey.
    """
    for token in ("", "token"):
        probe = partial(login_probe, username="a@example.test", token=token, seconds=5)
        found = _smtp(probe, words)
        assert (found.ok, bool(found.failed_phase), bool(found.cause)) == (False, True, True)


def test_a_challenge_that_is_nested_without_end():
    """An error challenge whose JSON cannot be read has no status.

    The JSON comes from the server, so it can be nested without end.
    """
    said = [
        _challenge_status(SMTPResponse(334, base64.b64encode(each.encode()).decode()))
        for each in [NESTED, "[]", '{"status": {"a": 1}}', '{"status": "400"}', "\x00"]
    ]
    assert said == ["", "", "{'a': 1}", "400", ""]


def test_hostile_words_in_an_event_are_kept_as_they_are(services):
    """A run's history keeps any text unchanged and reads nothing in it as anything but text."""
    run = services.store.open(
        Channel("b@example.test"), Person("anna", "anna@example.test"), Origin("r")
    )
    text = HOSTILE.replace("\ud800", "")
    services.store.append(
        run.id, Event(Kind.ANSWERED, now(), by=text, data={"question": "x", "value": text})
    )
    assert services.store.load(run.id).answer("x") == text
