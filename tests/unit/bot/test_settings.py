import base64
import random
from datetime import timedelta

import pytest

from bot.settings import BotSettings
from jobs.settings import SettingsError, is_loopback
from tests.fixtures.parsed import table

VALUES, HOUR = table("bot_settings"), timedelta(hours=1)

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
    assert (read.watch_interval, read.watch_test_mail) == (HOUR / 4, HOUR)
    limits = (read.refusals_per_hour, read.commands_per_hour)
    assert (*limits, read.run_retention_days, read.audit_retention_days) == (1, 120, 180, 730)


@pytest.mark.parametrize(
    ("name", "value", "read"),
    [(name, *pair) for name, pairs in VALUES["read"].items() for pair in pairs],
)
def test_a_value_that_is_right_is_read(name, value, read):
    """Lists are separated by commas, and surrounding space does not count."""
    found = getattr(BotSettings.from_env(LEAST | {name: f" {value}"}), name.lower())
    kinds = {list: tuple, dict: lambda length: timedelta(**length)}
    assert found == kinds.get(type(read), type(read))(read)


def test_two_secrets_are_read_in_their_order():
    """The new secret is first. With an address of Redis there is no embedded one."""
    secrets = ("new-Yw3k0Vd81nHb4xQz", "old-Yw3k0Vd81nHb4xQz")
    env = LEAST | {"WEBEX_WEBHOOK_SECRET": ", ".join(secrets), "REDIS_URL": "redis://r:7000/1"}
    read = BotSettings.from_env(env)
    assert (read.webhook_secrets, read.embedded_redis) == (secrets, False)


@pytest.mark.parametrize(
    ("name", "value"),
    [(name, value) for name, values in VALUES["wrong"].items() for value in values],
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
