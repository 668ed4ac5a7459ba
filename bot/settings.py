"""Settings of the chat side, read from the environment (docs/settings.md).

The jobs read their own settings in :mod:`jobs.settings`.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, fields
from datetime import timedelta
from ipaddress import ip_address
from itertools import filterfalse, pairwise
from typing import Any, Self
from urllib.parse import urlsplit

import structlog

from adaptive_cards.locale import SOURCE, UTC, find_zone, languages
from bot import table
from jobs.channel.form import read_address
from jobs.clouds import tls
from jobs.microsoft.client_credential import credential_problems
from jobs.settings import Settings, SettingsError, is_at, is_loopback, listed, read_files, valid
from jobs.storage import DATA_FOLDER, connection, keys
from jobs.watch import model

_TOLD = table(__file__)
NUMBERS: dict[str, tuple[int, int]] = _TOLD["numbers"]
LARGEST_BODY = 65_536  # bytes of a webhook or a form
SECRET_CHARACTERS = 16
SECRET_KINDS = 6
MOST_SECRETS = 2
ROWS = "01234567890 abcdefghijklmnopqrstuvwxyz qwertyuiopasdfghjklzxcvbnm "
TYPED = 2 / 3
"""Share of repeated characters and neighbors in a row above which a person has typed a secret.

Of 300,000 random secrets of 16 characters none reached this share.
"""
DOMAIN = re.compile(r"[a-z0-9]([a-z0-9-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)*")
NO_APPROVERS: str = _TOLD["advice"]["no_approvers"]
log = structlog.get_logger(__name__)


def log_advice(settings: "BotSettings") -> None:
    if not settings.approvers:
        log.warning("no approvers", why=NO_APPROVERS)


@dataclass(frozen=True, slots=True)
class BotSettings:
    """Settings of the bot in Webex: its account, the people it serves, and its address.

    ``watch_interval`` is the usual time between two looks at a watched channel. ``watch_space`` is
    the id of the space that gets a card for each cause that many channels share, or empty.
    ``watch_test_mail`` is the shortest time between two test mails of the watch to a channel; zero
    means never. Secrets never appear in the repr.
    """

    webex_access_token: str = field(repr=False)
    webhook_secrets: tuple[str, ...] = field(repr=False)
    public_url: str
    allowed_email_domains: tuple[str, ...]
    webex_api_url: str = "https://webexapis.com/v1/"
    port: int = 8080
    host: str = "0.0.0.0"  # noqa: S104  behind a proxy
    allowed_org_ids: tuple[str, ...] = ()
    approvers: tuple[str, ...] = ()
    default_language: str = SOURCE
    default_timezone: str = UTC
    redis_url: str = field(default=f"{connection.EMBEDDED}{DATA_FOLDER}", repr=False)
    embedded_redis: bool = False
    refusals_per_hour: int = 1
    commands_per_hour: int = 120
    run_retention_days: int = 180
    audit_retention_days: int = 730
    workers: int = 2
    metrics_token: str = field(default="", repr=False)
    watch_interval: timedelta = timedelta(minutes=15)
    watch_space: str = ""
    watch_test_mail: timedelta = timedelta(hours=1)
    watch_ping_url: str = field(default="", repr=False)

    @classmethod
    def from_env(cls, env: Mapping[str, str]) -> Self:
        """Return the settings of the environment; an empty variable counts as not set.

        Raises:
            SettingsError: A required variable is missing, or a value cannot be right.
        """
        given = {name: value.strip() for name, value in env.items() if value.strip()}
        if problems := tuple(dict.fromkeys(_problems(given))):
            raise SettingsError(problems)
        found: dict[str, Any] = {}
        for each in fields(cls):
            name = _VARIABLES.get(each.name, each.name.upper())
            if name in given:
                found[each.name] = _READ.get(name, str)(given[name])
        return cls(**found | {"embedded_redis": "REDIS_URL" not in given})


def _bare_host(host: str) -> str:
    return host[1:-1] if host.startswith("[") and host.endswith("]") else host


def _is_guessable(secret: str) -> bool:
    """Return whether a secret has few characters, repeats a piece, or is typed along a row."""
    pairs = list(pairwise(secret.lower()))
    near = (one == two or one + two in ROWS + ROWS[::-1] for one, two in pairs)
    is_typed = sum(near) > len(pairs) * TYPED
    # a text that repeats a piece is in its own double before the end
    return is_typed or len(set(secret)) < SECRET_KINDS or secret in (secret + secret)[1:-1]


_VARIABLES = {"webhook_secrets": "WEBEX_WEBHOOK_SECRET"}
"""Variables of the fields that have another name."""
_READ: dict[str, Callable[[str], Any]] = {
    **dict.fromkeys(NUMBERS, int),
    "WEBEX_WEBHOOK_SECRET": listed,
    "PUBLIC_URL": lambda url: url.rstrip("/"),
    "ALLOWED_EMAIL_DOMAINS": lambda text: tuple(each.lstrip("@") for each in listed(text.lower())),
    "WEBEX_API_URL": lambda url: url.rstrip("/") + "/",
    "HOST": _bare_host,
    "ALLOWED_ORG_IDS": listed,
    "APPROVERS": lambda text: tuple(dict.fromkeys(listed(text.lower()))),
    "DEFAULT_LANGUAGE": str.lower,
    "DEFAULT_TIMEZONE": find_zone,
    "WATCH_INTERVAL": model.read_interval,
    "WATCH_TEST_MAIL": model.read_mail_interval,
}
"""Readers of the settings that are not taken as they are."""
_CHECKS: dict[str, Callable[[str], object]] = {
    "set": listed,
    "two": lambda text: len(listed(text)) <= MOST_SECRETS,
    "long": lambda secret: len(secret) >= SECRET_CHARACTERS,
    "random": lambda secret: not _is_guessable(secret),
    "web": lambda url: is_at(url, "http", "https"),
    "web_or_off": lambda url: url == "off" or is_at(url, "http", "https"),
    # "web" has refused what is no address at all
    "private": lambda url: is_at(url, "https") or is_loopback(urlsplit(url).hostname or ""),
    "origin": lambda url: (
        "@" not in url
        and url.rstrip("/").lower() == "{0.scheme}://{0.netloc}".format(urlsplit(url)).lower()
    ),
    "domain": lambda domain: DOMAIN.fullmatch(domain.lower().removeprefix("@")),
    "host": lambda host: host == "localhost" or valid(ip_address, _bare_host(host)),
    "prefix": keys.is_prefix,
    "list": listed,
    "address": lambda text: valid(read_address, text) == text.lower(),
    "interval": model.read_interval,
    "mail_interval": lambda typed: model.read_mail_interval(typed) is not None,
    "language": lambda language: language.lower() in languages(),
    "zone": find_zone,
    "level": lambda level: level.upper() in {"DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"},
}
_LISTS = {"WEBEX_WEBHOOK_SECRET", "ALLOWED_EMAIL_DOMAINS", "APPROVERS"}
"""Settings of which every part is checked, except by the checks in :data:`_WHOLE`."""
_WHOLE = {"set", "two", "list"}


def _problems(values: dict[str, str]) -> Iterator[str]:
    """Yield the first problem of each setting (bot/settings.toml)."""
    left = dict.fromkeys(_TOLD["checks"]["set"], "") | values
    words = {
        "make": 'make one with python -c "import secrets; print(secrets.token_urlsafe(32))"',
        "shortest": model.written(model.SHORTEST),
        "mail_shortest": model.written(model.MAIL_SHORTEST),
        "longest": model.written(model.LONGEST),
        "languages": ", ".join(languages()),
    }
    for kind, sentences in _TOLD["checks"].items():
        for name in (each for each in sentences if each in left):
            is_list = name in _LISTS and kind not in _WHOLE
            parts = listed(left[name]) if is_list else (left[name],)
            for wrong in filterfalse(_CHECKS[kind], parts):
                left.pop(name, None)  # only the first sentence is told
                yield f"{name} {sentences[name].format(wrong=repr(wrong), **words)}"
    for name, (least, most) in NUMBERS.items():
        number = values.get(name, str(least))
        if not (re.fullmatch(r"[0-9]{1,6}", number) and least <= int(number) <= most):
            yield f"{name} is no whole number from {least} to {most}"
    if wrong_url := connection.url_problem(values.get("REDIS_URL", connection.URL_EXAMPLE)):
        yield f"REDIS_URL {wrong_url}"


def from_environment(env: Mapping[str, str]) -> tuple[BotSettings, Settings]:
    """Return both halves of the settings, with the secrets that are in files.

    Raises:
        SettingsError: A setting is missing or wrong. The error names each.
    """
    values, unread = read_files(env)
    if problems := settings_problems(values, unread):
        raise SettingsError(problems)
    return BotSettings.from_env(values), Settings.from_env(values)


def settings_problems(env: Mapping[str, str], unread: tuple[str, ...] = ()) -> tuple[str, ...]:
    """Return every problem of the settings, from at most one source for each variable.

    ``unread`` are the problems of the files of secrets.
    """
    said, halves = list[str](), list[tuple[str, ...]]()
    for half in (BotSettings, Settings):
        try:
            half.from_env(env)
        except SettingsError as error:
            halves.append(error.problems)
    for lines in (unread, *halves, credential_problems(env), tls.problems(env)):
        known = {line.partition(" ")[0] for line in said}
        said += [line for line in lines if line.partition(" ")[0] not in known]
    return tuple(said)
