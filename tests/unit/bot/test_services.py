"""Container of the services, which looks up the bot's account hourly and wakes workers."""

from dataclasses import replace

from cryptography.fernet import Fernet

from bot.services import KNOWN_S, ME_S, Services
from jobs.settings import Settings

BOT = {"id": "bot-id", "emails": ["email@webex.bot"], "type": "bot", "displayName": "Email"}


def make(bot, redis, webex) -> Services:
    """Return the services as a new process makes them."""
    key = Fernet.generate_key().decode()
    work = Settings("https://bot.example.test", "", "client", "secret", (key,))
    return replace(Services.of(bot, work, redis), webex=webex, messenger=webex)


def test_the_next_process_knows_who_the_bot_is(settings, redis, webex, webex_script, reply):
    """Two processes ask Webex only once who the bot is, and the answer counts for an hour."""
    webex_script.on("GET", "/people/me", reply(200, BOT))
    first, second = (make(settings, redis, webex).me for _ in range(2))
    keys = list(redis.scan_iter("bot:me:*"))
    assert (first, second.id, len(webex_script.asked), len(keys)) == (second, "bot-id", 1, 1)
    redis.expire(keys[0], KNOWN_S - ME_S - 1)
    webex_script.on("GET", "/people/me", reply(200, {**BOT, "displayName": "Renamed"}))
    assert make(settings, redis, webex).me.display_name == "Renamed"


def test_a_page_knows_the_account_without_asking_webex(settings, redis, webex, webex_script, reply):
    """A page takes the bot's account from the last answer, even if it is older than an hour.

    Before the first question to Webex, no account is known.
    """
    services = make(settings, redis, webex)
    assert services.known_account is None
    webex_script.on("GET", "/people/me", reply(200, BOT))
    known = services.me
    asked = len(webex_script.asked)
    redis.expire(next(redis.scan_iter("bot:me:*")), KNOWN_S - 2 * ME_S)
    assert (services.known_account, len(webex_script.asked)) == (known, asked)


def test_another_token_is_another_account(settings, redis, webex, webex_script, reply):
    """After the bot's token changes, Webex is asked again, and the token is not stored in Redis."""
    webex_script.on("GET", "/people/me", reply(200, BOT), reply(200, {**BOT, "id": "other-id"}))
    first = make(settings, redis, webex).me
    second = make(replace(settings, webex_access_token="another-token"), redis, webex).me
    assert (first.id, second.id) == ("bot-id", "other-id")
    assert not [key for key in redis.keys("*") if b"token" in key]
