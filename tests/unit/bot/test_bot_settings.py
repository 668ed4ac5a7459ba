from __future__ import annotations

import pytest

from bot.settings import BotSettings, SettingsError, is_loopback

LEAST = {
    "WEBEX_ACCESS_TOKEN": "token-of-the-bot",
    "WEBEX_WEBHOOK_SECRET": "0123456789abcdef",
    "PUBLIC_URL": "https://bot.example.test/",
    "ALLOWED_EMAIL_DOMAINS": "Example.test, @other.test",
}


def problems(**changes: str) -> list[str]:
    """The variables that are complained about."""
    with pytest.raises(SettingsError) as caught:
        BotSettings.from_env(LEAST | changes)
    return [problem.partition(" ")[0] for problem in caught.value.problems]


def test_the_least_settings_are_enough():
    """Four variables start the bot; the rest has defaults, and Redis is the embedded one."""
    assert BotSettings.from_env(LEAST) == BotSettings(
        webex_access_token="token-of-the-bot",
        webhook_secrets=("0123456789abcdef",),
        public_url="https://bot.example.test",
        allowed_email_domains=("example.test", "other.test"),
        webex_api_url="https://webexapis.com/v1/",
        port=8080,
        log_level="INFO",
        redis_url="redis://127.0.0.1:6379/0",
        embedded_redis=True,
    )


def test_every_setting_is_read():
    """Lists are comma-separated, addresses of people are compared in lower case, and the API's address ends in a slash."""
    env = LEAST | {
        "WEBEX_WEBHOOK_SECRET": "new-0123456789abcdef, old-0123456789abcdef",
        "WEBEX_API_URL": "http://127.0.0.1:9000/v1",
        "PORT": "9001",
        "REDIS_URL": "redis://127.0.0.1:7000/1",
        "ALLOWED_ORG_IDS": "OrgA,OrgB",
        "APPROVERS": "Boss@Example.test",
        "LOG_LEVEL": "debug",
    }
    read = BotSettings.from_env(env)
    assert (read.webhook_secrets, read.webex_api_url, read.port, read.redis_url, read.embedded_redis) == (
        ("new-0123456789abcdef", "old-0123456789abcdef"),
        "http://127.0.0.1:9000/v1/",
        9001,
        "redis://127.0.0.1:7000/1",
        False,
    )
    assert (read.allowed_org_ids, read.approvers, read.log_level) == (("OrgA", "OrgB"), ("boss@example.test",), "DEBUG")


def test_everything_missing_is_named_at_once():
    """An empty environment gives one line for each required variable, with the command that makes a secret."""
    with pytest.raises(SettingsError) as caught:
        BotSettings.from_env({})
    assert [line.partition(" ")[0] for line in str(caught.value).splitlines()] == [
        "WEBEX_ACCESS_TOKEN",
        "WEBEX_WEBHOOK_SECRET",
        "PUBLIC_URL",
        "ALLOWED_EMAIL_DOMAINS",
    ]
    assert 'python -c "import secrets; print(secrets.token_urlsafe(32))"' in str(caught.value)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("WEBEX_WEBHOOK_SECRET", "short"),
        ("WEBEX_WEBHOOK_SECRET", "0123456789abcdef,short"),
        ("WEBEX_WEBHOOK_SECRET", ",".join(["0123456789abcdef"] * 3)),
        ("PUBLIC_URL", "http://bot.example.test"),
        ("PUBLIC_URL", "bot.example.test"),
        ("ALLOWED_EMAIL_DOMAINS", "*.example.test"),
        ("ALLOWED_EMAIL_DOMAINS", " , "),
        ("WEBEX_API_URL", "webexapis.com"),
        ("PORT", "eighty"),
        ("REDIS_URL", "127.0.0.1:6379"),
        ("LOG_LEVEL", "LOUD"),
    ],
)
def test_a_value_that_cannot_be_right_is_refused(name: str, value: str):
    """Each wrong value is named by its variable, and nothing else is complained about."""
    assert problems(**{name: value}) == [name]


def test_plain_http_is_fine_on_this_machine():
    """The practice cloud and a developer's own machine need no certificate."""
    assert BotSettings.from_env(LEAST | {"PUBLIC_URL": "http://127.0.0.1:8080"}).public_url == "http://127.0.0.1:8080"


def test_loopback_is_told_by_its_name():
    """A name that only looks like loopback is not."""
    hosts = ["localhost", "127.0.0.1", "::1", "bot.localhost", "127.0.0.1.example.test", "notlocalhost", "10.0.0.1"]
    assert [is_loopback(host) for host in hosts] == [True, True, True, True, False, False, False]


def test_secrets_do_not_show():
    """Neither the settings' repr nor an error shows a token, a secret or the password in the address of Redis."""
    read = BotSettings.from_env(LEAST | {"REDIS_URL": "redis://:redis-password@127.0.0.1:7000/0"})
    with pytest.raises(SettingsError) as caught:
        BotSettings.from_env(LEAST | {"WEBEX_WEBHOOK_SECRET": "tiny-secret", "REDIS_URL": "//:redis-password@x"})
    shown = repr(read) + str(caught.value)
    assert [word for word in ("token-of-the-bot", "0123456789abcdef", "tiny-secret", "redis-password") if word in shown] == []
