from __future__ import annotations

import base64
import json
import subprocess
import sys
import textwrap
import time
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot import logs

SECRET = "Zx8Q~made.up-secret_0123456789abcdefghij"
CLIENT_SECRET = "abc8Q~made-up_client.secret~0123456789abcd"
JWT = "eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJhbm4ifQ.c2lnbmF0dXJl-_x"
XOAUTH2 = base64.b64encode(f"user=ann@example.test\x01auth=Bearer {SECRET}\x01\x01".encode()).decode()


PREPARED = """
import logging, structlog
from bot import logs
logs.configure("INFO")
"""


def written(source: str) -> str:
    """What a process with the product's logging writes to stderr. ``SECRET`` stands for the secret."""
    command = [sys.executable, "-c", PREPARED + f"SECRET = {SECRET!r}\n" + textwrap.dedent(source)]
    return subprocess.run(command, check=True, capture_output=True, text=True, timeout=30).stderr  # noqa: S603  our own


@pytest.mark.parametrize(
    "text",
    [
        f"Authorization: Bearer {SECRET}",
        f"authorization: bearer {SECRET}",
        f"token {JWT} was used",
        f"client_id=1&client_secret={SECRET}&grant_type=x",
        f"https://x/callback?code={SECRET}&state={SECRET}",
        f"https://x/?next={quote('/callback?code=' + SECRET, safe='')}",
        f"code={SECRET}",
        f'{{"refresh_token": "{SECRET}", "expires_in": 3600}}',
        f"{{'access_token': '{SECRET}'}}",
        f"AUTH XOAUTH2 {XOAUTH2}",
        f"> {XOAUTH2}",
        f"redis://:{SECRET}@127.0.0.1:6379/0",
        f"smtp://probe:{SECRET}@mail.example.test:587",
        f"password: {SECRET}",
        f"the Value {CLIENT_SECRET} was shown",
        f"x-api-key: {SECRET}",
        f"api_key={SECRET}",
        f"service-key: {SECRET}",
        f"Cookie: ESTSAUTH={SECRET}",
        f'"secretText": "{SECRET}"',
        f"secretText: {SECRET}",
        f"-----BEGIN PRIVATE KEY-----\n{SECRET}\n-----END PRIVATE KEY-----",
        f"xoauth2 {SECRET}",
        f"sealed={SECRET}",
        f'{{"code": "{SECRET}"}}',
    ],
)
def test_credentials_are_taken_out(text: str):
    """Tokens, client secrets, codes, SMTP answers and passwords in addresses do not survive."""
    clean = logs.redacted(text)
    assert [word for word in (SECRET, CLIENT_SECRET, JWT, XOAUTH2) if word in clean] == []
    assert logs.GONE in clean


@pytest.mark.parametrize("name", ["token", "client_secret", "password", "secretText", "api_key", "Cookie", "sealed", "X-Spark-Signature"])
def test_a_field_that_names_a_secret_is_emptied(name: str):
    """Whatever its value looks like."""
    assert logs.redact(None, "info", {name: "plain", "room": "r"}) == {name: logs.GONE, "room": "r"}


@given(st.text("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789~._-", min_size=34, max_size=44))
def test_any_client_secret_is_taken_out(secret: str):
    """Whatever letters Microsoft picks for a client secret."""
    lines = [f"client_secret={secret}", f'"client_secret":"{secret}"', f"x?client_secret={secret}&y=1", f"Bearer {secret}"]
    assert [line for line in lines if secret in logs.redacted(line)] == []


@pytest.mark.parametrize(
    "text",
    [
        "AADSTS7000215: Invalid client secret provided",
        "status_code=401 tracking id ROUTER_1",
        "the client secret expires in 30 days",
        "https://bot.example.test/webhooks/webex?state=1"[:39],
        "535 5.7.3 Authentication unsuccessful",
        "bearer of bad news",
    ],
)
def test_what_helps_is_kept(text: str):
    """Error codes, tracking ids and plain words stay as they are."""
    assert logs.redacted(text) == text


def test_a_line_is_one_json_object():
    """Line breaks and control characters in a value cannot make up a second line."""
    lines = written("""
        with structlog.contextvars.bound_contextvars(job="job-1"):
            structlog.get_logger("bot.test").info("hello", room="a\\r\\nb\\x1b[31m", token=SECRET)
    """).splitlines()
    entry = json.loads(lines[0])
    assert (len(lines), entry.pop("timestamp")[:2]) == (1, "20")
    assert entry == {"event": "hello", "level": "info", "logger": "bot.test", "job": "job-1", "room": "a\r\nb\x1b[31m", "token": logs.GONE}


def test_other_peoples_logs_and_tracebacks_are_cleaned_too():
    """A library's own log line, its arguments and the traceback go through the same cleaning."""
    line = written("""
        try:
            int(f"client_secret={SECRET}")
        except ValueError:
            logging.getLogger("some.library").exception("request with %s", f"Bearer {SECRET}")
    """)
    assert ("ValueError" in line, SECRET in line) == (True, False)


def test_values_within_values_are_cleaned():
    """A mapping, a list or an object in a value hides nothing."""
    line = written("""
        body = {"client_secret": SECRET, "list": [f"code={SECRET}"]}
        structlog.get_logger("bot.test").info("x", body=body, error=ValueError(f"Bearer {SECRET}"))
    """)
    assert (SECRET in line, json.loads(line)["body"]) == (False, {"client_secret": logs.GONE, "list": [f"code={logs.GONE}"]})


def test_spaces_around_a_level_do_not_count():
    """What the settings take is what the logs do."""
    assert (
        json.loads(
            written("""
        logs.configure("debug ")
        logging.getLogger("x").debug("yes")
    """)
        )["event"]
        == "yes"
    )


def test_an_unknown_level_is_info():
    """A level that does not exist does not stop the command that would complain about it."""
    line = written("""
        logs.configure("LOUD")
        logging.getLogger("x").debug("no")
        logging.getLogger("x").info("yes")
    """)
    assert json.loads(line)["event"] == "yes"


@pytest.mark.parametrize("piece", ["x", "x.", "a://", "a://b:", "code=", "Bearer ", "secret=", "%3Fcode%3D"])
def test_a_long_line_takes_no_longer_than_its_length(piece: str):
    """A hundred thousand characters that somebody typed hold no worker up."""
    began = time.process_time()
    logs.redacted(piece * (100_000 // len(piece)))
    assert time.process_time() - began < 5
