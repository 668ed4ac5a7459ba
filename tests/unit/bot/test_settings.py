from __future__ import annotations

import base64
import random

import pytest

from bot.settings import BotSettings
from jobs.settings import SettingsError, is_loopback

LEAST = {
    "WEBEX_ACCESS_TOKEN": "token-of-the-bot",
    "WEBEX_WEBHOOK_SECRET": "Yw3k0Vd81nHb4xQz",
    "PUBLIC_URL": "https://bot.example.test/",
    "ALLOWED_EMAIL_DOMAINS": "Example.test, @other.test",
}


def problems(**changes: str) -> list[str]:
    """Return the names of the variables that the settings refuse."""
    with pytest.raises(SettingsError) as caught:
        BotSettings.from_env(LEAST | changes)
    return [problem.partition(" ")[0] for problem in caught.value.problems]


def test_the_least_settings_are_enough():
    """Four variables start the bot; the rest has defaults, and Redis is the embedded one."""
    least = ("token-of-the-bot", ("Yw3k0Vd81nHb4xQz",), "https://bot.example.test")
    read = BotSettings(*least, ("example.test", "other.test"), embedded_redis=True)
    assert BotSettings.from_env(LEAST) == read
    assert (read.port, read.host, read.redis_url) == (8080, "0.0.0.0", "redis+embedded:data")
    assert read.webex_api_url == "https://webexapis.com/v1/"
    assert (read.watch_interval_s, read.watch_test_mail_s) == (900, 3600)
    limits = (read.refusals_per_hour, read.commands_per_hour)
    assert (*limits, read.run_retention_days, read.audit_retention_days) == (1, 120, 180, 730)


RIGHT: dict[str, tuple[tuple[str, object], ...]] = {
    "WEBEX_API_URL": (("http://127.0.0.1:9000/v1", "http://127.0.0.1:9000/v1/"),),
    "PUBLIC_URL": (("http://127.0.0.1:8080", "http://127.0.0.1:8080"),),
    "PORT": (("1", 1), ("65535", 65535)),
    "HOST": tuple((each, each.strip("[]")) for each in ("127.0.0.1", "::", "[::1]", "localhost")),
    "REDIS_URL": (("redis://127.0.0.1:7000/1", "redis://127.0.0.1:7000/1"),),
    "ALLOWED_ORG_IDS": (("OrgA,OrgB", ("OrgA", "OrgB")), ("", ())),
    "APPROVERS": (("Boss@Example.test", ("boss@example.test",)), (" ", ())),
    "METRICS_TOKEN": (("kx7Pq2mZ9vLwTn4RbYc8", "kx7Pq2mZ9vLwTn4RbYc8"),),
    "DEFAULT_LANGUAGE": (("DE", "de"),),
    "REFUSALS_PER_HOUR": (("100", 100),),
    "COMMANDS_PER_HOUR": (("101", 101),),
    "RUN_RETENTION_DAYS": (("102", 102),),
    "AUDIT_RETENTION_DAYS": (("103", 103),),
    "WATCH_TEST_MAIL_S": (("0", 0), ("off", 0), ("60m", 3600), ("1d", 86400)),
    "WATCH_INTERVAL_S": (("1h", 3600),),
}
"""Values of each setting, and how they are read.

An empty or blank list restricts nothing and names no approver. On this machine an http address is
accepted, so that a try needs no certificate.
"""


@pytest.mark.parametrize(
    ("name", "value", "read"), [(name, *pair) for name, pairs in RIGHT.items() for pair in pairs]
)
def test_a_value_that_is_right_is_read(name, value, read):
    """Lists are separated by commas, and surrounding space does not count."""
    found = BotSettings.from_env(LEAST | {name.removesuffix("_S"): f" {value}"})
    assert getattr(found, name.lower()) == read


def test_two_secrets_are_read_in_their_order():
    """The new secret is first. With an address of Redis there is no embedded one."""
    secrets = ("new-Yw3k0Vd81nHb4xQz", "old-Yw3k0Vd81nHb4xQz")
    env = LEAST | {"WEBEX_WEBHOOK_SECRET": ", ".join(secrets), "REDIS_URL": "redis://r:7000/1"}
    read = BotSettings.from_env(env)
    assert (read.webhook_secrets, read.embedded_redis) == (secrets, False)


def test_everything_missing_is_named_at_once():
    """An empty environment gives one line per required variable.

    The lines include the command to make a secret.
    """
    with pytest.raises(SettingsError) as caught:
        BotSettings.from_env({})
    assert [line.partition(" ")[0] for line in str(caught.value).splitlines()] == [*LEAST]
    assert 'python -c "import secrets; print(secrets.token_urlsafe(32))"' in str(caught.value)


WRONG = {
    "WEBEX_WEBHOOK_SECRET": (
        *("short", "Yw3k0Vd81nHb4xQz,short"),
        *("Yw3k0Vd81nHb4xQz,Yw3k0Vd81nHb4xQz,Yw3k0Vd81nHb4xQz", "1234567890123456"),
    ),
    "PUBLIC_URL": (
        *("http://bot.example.test", "bot.example.test", "https://[bad"),
        *("https://bot.example.test:0", "https://bot.example.test:99999"),
        *("https://bot.example.test/app", "https://bot.example.test?x=1"),
        *("https://bot.example.test/?", "https://bot.example.test#f"),
        *("https://ann:word@bot.example.test",),
    ),
    "MICROSOFT_LOGIN_URL": ("https://[bad",),
    "MICROSOFT_GRAPH_URL": ("https://graph.microsoft.us:0",),
    "WEBEX_API_URL": ("https://[bad", "webexapis.com"),
    "WEBEX_STATUS_URL": ("https://[bad", "no"),
    "ALLOWED_ORG_IDS": (",",),
    "APPROVERS": (
        *(" , ", "boss@example.test;deputy@example.test", "boss@example.test,deputy"),
        *("mailto:boss@example.test",),
    ),
    "ALLOWED_EMAIL_DOMAINS": ("*.example.test", " , "),
    "PORT": ("eighty", "0", "65536", "99999", "\u0668\u0660"),
    "HOST": ("bot.example.test", "[::", "0.0.0.0:8080"),
    "REDIS_URL": (
        *("127.0.0.1:6379", "redis://[bad", "redis+sentinel://one:26379"),
        *("redis+embedded:/elsewhere", "redis://127.0.0.1:99999/0"),
    ),
    "REDIS_PREFIX": ("two words", "bot*"),
    "LOG_LEVEL": ("LOUD",),
    "REFUSALS_PER_HOUR": ("0", "one"),
    "COMMANDS_PER_HOUR": ("9", "-120"),
    "RUN_RETENTION_DAYS": ("29", "6 months"),
    "AUDIT_RETENTION_DAYS": ("0", "999999999999"),
    "METRICS_TOKEN": ("short", "1234567890123456"),
    "WATCH_TEST_MAIL": ("59m", "25h", "often"),
}


@pytest.mark.parametrize(
    ("name", "value"), [(name, value) for name, values in WRONG.items() for value in values]
)
def test_a_value_that_cannot_be_right_is_refused(name, value):
    """Each wrong value is named by its variable, and nothing else is complained about."""
    assert problems(**{name: value}) == [name]


@pytest.mark.parametrize(
    "secret", ["1234567890123456", "abcdefghijklmnopq", "QWERTYUIOPASDFGH", "aaaabbbbccccdd12"]
)
def test_a_secret_that_somebody_typed_is_refused(secret):
    """A secret that can be guessed is refused: counting, the alphabet, keyboard rows or repeats.

    The error says how to make a good one and does not show the value.
    """
    with pytest.raises(SettingsError) as caught:
        BotSettings.from_env(LEAST | {"WEBEX_WEBHOOK_SECRET": secret})
    (line,) = caught.value.problems
    assert "can be guessed" in line
    assert "token_urlsafe(32)" in line
    assert secret not in line


def test_a_secret_that_was_made_is_taken():
    """Each secret that the suggested command makes is accepted, and so is a shorter one.

    The test takes a thousand secrets, which are the same in every run.
    """
    dice = random.Random(7)  # noqa: S311  the same secrets in every run, and none of them is used
    for length in (12, 32) * 500:
        secret = base64.urlsafe_b64encode(dice.randbytes(length)).decode().rstrip("=")
        assert BotSettings.from_env(LEAST | {"WEBEX_WEBHOOK_SECRET": secret}).webhook_secrets


def test_loopback_is_told_by_its_name():
    """Loopback is known by its name, and a name that only looks like loopback is not loopback."""
    assert all(map(is_loopback, ("localhost", "127.0.0.1", "::1", "bot.localhost")))
    assert not any(map(is_loopback, ("127.0.0.1.example.test", "notlocalhost", "10.0.0.1")))


def test_secrets_do_not_show():
    """Neither the settings' repr nor an error shows a token, a secret or Redis's password."""
    token = "kx7Pq2mZ9vLwTn4RbYc8"
    url = "redis://:redis-password@127.0.0.1:7000/0"
    read = BotSettings.from_env(LEAST | {"METRICS_TOKEN": token, "REDIS_URL": url})
    with pytest.raises(SettingsError) as caught:
        BotSettings.from_env(
            LEAST | {"WEBEX_WEBHOOK_SECRET": "tiny-secret", "REDIS_URL": "//:redis-password@x"}
        )
    shown = repr(read) + str(caught.value)
    planted = ("token-of-the-bot", "Yw3k0Vd81nHb4xQz", "tiny-secret", "redis-password", token)
    assert [word for word in planted if word in shown] == []
