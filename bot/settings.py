"""Settings of the chat side, read from the environment (docs/settings.md).

The jobs read their own settings in :mod:`jobs.settings`.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from functools import partial
from ipaddress import ip_address
from itertools import filterfalse, pairwise
from pathlib import Path

import structlog

from adaptive_cards.locale import SOURCE, UTC, find_zone, languages
from jobs.channel.form import InvalidInputError, read_address
from jobs.clouds import tls
from jobs.microsoft.client_credential import credential_problems
from jobs.settings import (
    Settings,
    SettingsError,
    is_at,
    is_loopback,
    listed,
    parts_of,
    read_files,
)
from jobs.storage import connection, keys
from jobs.watch import model

_TOLD = tomllib.loads(Path(__file__).with_suffix(".toml").read_text(encoding="utf-8"))
DEFAULTS: dict[str, str] = {
    **_TOLD["defaults"],
    "DEFAULT_LANGUAGE": SOURCE,
    "DEFAULT_TIMEZONE": UTC,
}
NUMBERS: dict[str, tuple[int, int]] = _TOLD["numbers"]
HOW_TO_MAKE_ONE = 'make one with python -c "import secrets; print(secrets.token_urlsafe(32))"'
DATA_FOLDER = Path("data")
"""Folder in which the embedded Redis keeps its data, below the folder of the process."""
LOG_LEVELS = ("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL")
SECRET_CHARACTERS = 16
SECRET_KINDS = 6
MOST_SECRETS = 2
ROWS = ("01234567890", "abcdefghijklmnopqrstuvwxyz", "qwertyuiopasdfghjklzxcvbnm")
STEPS = frozenset(
    step
    for row in ROWS
    for one, next_ in pairwise(row)
    for step in ((one, next_), (next_, one), (one, one))
)
"""Pairs of neighboring characters in numbers, in the alphabet and in keyboard rows.

They include both directions and a repeated key.
"""
TYPED = 2 / 3
"""Share of pairs in :data:`STEPS` above which a secret counts as typed by a person.

Of 300,000 random secrets of 16 characters none reached this share.
"""
LAST_PORT = 65_535
DOMAIN = re.compile(r"[a-z0-9]([a-z0-9-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)*")
NO_APPROVERS = (
    "APPROVERS is not set, so the person who asks for a change also approves it, with the sign-in of"
    " whichever administrator follows the link: set the addresses of the people who may approve,"
    " such as boss@example.com,deputy@example.com"
)
log = structlog.get_logger(__name__)


def log_advice(settings: BotSettings) -> None:
    if not settings.approvers:
        log.warning("no approvers", why=NO_APPROVERS)


@dataclass(frozen=True, slots=True)
class BotSettings:
    """Settings of the bot in Webex: its account, the people it serves, and its address.

    ``watch_interval_s`` is the usual time between two looks at a watched channel, in seconds.
    ``watch_space`` is the id of the space that gets a card for each cause that many channels share,
    or empty. ``watch_test_mail_s`` is the shortest time between two test mails of the watch to a
    channel, in seconds; 0 means never. Secrets never appear in the repr.
    """

    webex_access_token: str = field(repr=False)
    webhook_secrets: tuple[str, ...] = field(repr=False)
    public_url: str
    allowed_email_domains: tuple[str, ...]
    webex_api_url: str = DEFAULTS["WEBEX_API_URL"]
    port: int = int(DEFAULTS["PORT"])
    host: str = DEFAULTS["HOST"]
    allowed_org_ids: tuple[str, ...] = ()
    approvers: tuple[str, ...] = ()
    default_language: str = SOURCE
    default_timezone: str = UTC
    redis_url: str = field(default=connection.embedded_url(DATA_FOLDER), repr=False)
    embedded_redis: bool = False
    refusals_per_hour: int = 1
    commands_per_hour: int = 120
    run_retention_days: int = 180
    audit_retention_days: int = 730
    workers: int = 2
    metrics_token: str = field(default="", repr=False)
    watch_interval_s: int = 900
    watch_space: str = ""
    watch_test_mail_s: int = 3600
    watch_ping_url: str = field(default="", repr=False)

    @classmethod
    def from_env(cls, env: Mapping[str, str]) -> BotSettings:
        """Return the settings of the environment; an empty variable counts as not set.

        Raises:
            SettingsError: A required variable is missing, or a value cannot be right.
        """
        given = {name: value.strip() for name, value in env.items() if value.strip()}
        if problems := tuple(dict.fromkeys(_problems(given))):
            raise SettingsError(problems)
        values = {**DEFAULTS, **given}
        domains = listed(values["ALLOWED_EMAIL_DOMAINS"].lower())
        return cls(
            webex_access_token=values["WEBEX_ACCESS_TOKEN"],
            webhook_secrets=listed(values["WEBEX_WEBHOOK_SECRET"]),
            public_url=values["PUBLIC_URL"].rstrip("/"),
            allowed_email_domains=tuple(domain.removeprefix("@") for domain in domains),
            webex_api_url=values["WEBEX_API_URL"].rstrip("/") + "/",
            port=int(values["PORT"]),
            host=_bare_host(values["HOST"]),
            allowed_org_ids=listed(values.get("ALLOWED_ORG_IDS", "")),
            approvers=tuple(dict.fromkeys(listed(values.get("APPROVERS", "").lower()))),
            default_language=values["DEFAULT_LANGUAGE"].lower(),
            default_timezone=find_zone(values["DEFAULT_TIMEZONE"]),
            redis_url=values.get("REDIS_URL", connection.embedded_url(DATA_FOLDER)),
            embedded_redis="REDIS_URL" not in values,
            metrics_token=values.get("METRICS_TOKEN", ""),
            watch_interval_s=_seconds(model.read_interval(values["WATCH_INTERVAL"])),
            watch_space=values.get("WATCH_SPACE", ""),
            watch_test_mail_s=_seconds(model.read_mail_interval(values["WATCH_TEST_MAIL"])),
            watch_ping_url=values.get("WATCH_PING_URL", ""),
            **{name.lower(): int(values[name]) for name in NUMBERS if name in values},
        )


def _seconds(span: timedelta | None) -> int:
    return int(span.total_seconds()) if span else 0


def _bare_host(host: str) -> str:
    return host[1:-1] if host.startswith("[") and host.endswith("]") else host


def _is_guessable(secret: str) -> bool:
    """Return whether a secret is easy to guess.

    A secret is easy to guess if it has few different characters, if it repeats one piece (found in
    its own double before the end), or if most of its characters are neighbors in a row.
    """
    pairs = list(pairwise(secret.lower()))
    is_typed = sum(pair in STEPS for pair in pairs) > len(pairs) * TYPED
    return is_typed or len(set(secret)) < SECRET_KINDS or secret in (secret + secret)[1:-1]


def _is_web(url: str) -> bool:
    return is_at(url, "http", "https")


def _is_origin(url: str) -> bool:
    parts = parts_of(url)
    whole = f"{parts.scheme}://{parts.netloc.lower()}"
    return "@" not in url and url.rstrip("/").lower() == whole


def _is_host(host: str) -> bool:
    try:
        ip_address(_bare_host(host))
    except ValueError:
        return host == "localhost"
    return True


def _is_address(text: str) -> bool:
    try:
        return read_address(text) == text.lower()
    except InvalidInputError:
        return False


def _is_number(least: int, most: int, text: str) -> bool:
    return re.fullmatch(r"[0-9]{1,6}", text) is not None and least <= int(text) <= most


_is_port = partial(_is_number, 1, LAST_PORT)
_CHECKS: dict[str, Callable[[str], object]] = {
    "set": listed,
    "two": lambda text: len(listed(text)) <= MOST_SECRETS,
    "long": lambda secret: len(secret) >= SECRET_CHARACTERS,
    "random": lambda secret: not _is_guessable(secret),
    "web": _is_web,
    "web_or_off": lambda url: url == "off" or _is_web(url),
    "private": lambda url: (
        parts_of(url).scheme == "https" or is_loopback(parts_of(url).hostname or "")
    ),
    "origin": _is_origin,
    "domain": lambda domain: DOMAIN.fullmatch(domain.lower().removeprefix("@")),
    "port": _is_port,
    "host": _is_host,
    "prefix": keys.is_prefix,
    "list": listed,
    "address": _is_address,
    "interval": model.read_interval,
    "mail_interval": lambda typed: model.read_mail_interval(typed) is not None,
    "language": lambda language: language.lower() in languages(),
    "zone": find_zone,
    "level": lambda level: level.upper() in LOG_LEVELS,
}
_SENTENCES = tuple(
    (kind, name, sentence)
    for kind, sentences in _TOLD["checks"].items()
    for name, sentence in sentences.items()
)
_LISTS = {"WEBEX_WEBHOOK_SECRET", "ALLOWED_EMAIL_DOMAINS", "APPROVERS"}
"""Settings of which every part is checked, except by the checks in :data:`_WHOLE`."""
_WHOLE = {"set", "two", "list"}


def _problems(values: dict[str, str]) -> Iterator[str]:
    """Yield the first problem of each setting (bot/settings.toml)."""
    given = dict.fromkeys(_TOLD["checks"]["set"], "") | values
    said: set[str] = set()
    for kind, name, sentence in _SENTENCES:
        if name not in given or name in said:
            continue
        whole = kind in _WHOLE or name not in _LISTS
        parts = (given[name],) if whole else listed(given[name])
        for wrong in filterfalse(_CHECKS[kind], parts):
            said.add(name)
            yield f"{name} {sentence.format(wrong=repr(wrong), **_words())}"
    for name, limits in NUMBERS.items():
        if not _is_number(*limits, values.get(name, str(limits[0]))):
            yield "{} is no whole number from {} to {}".format(name, *limits)
    if wrong_url := connection.url_problem(values.get("REDIS_URL", connection.URL_EXAMPLE)):
        yield f"REDIS_URL {wrong_url}"


def _words() -> dict[str, str]:
    return {
        "make": HOW_TO_MAKE_ONE,
        "shortest": model.written(model.SHORTEST),
        "mail_shortest": model.written(model.MAIL_SHORTEST),
        "longest": model.written(model.LONGEST),
        "languages": ", ".join(languages()),
    }


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

    The sources are the files of secrets, both settings classes, the bot's credential, and the files
    of certificate authorities. ``unread`` are the problems of the files of secrets.
    """
    said: list[str] = []
    files = (credential_problems(env), tls.problems(env))
    for lines in (unread, _problems_of(BotSettings, env), _problems_of(Settings, env), *files):
        known = set(map(_variable, said))
        said += [line for line in lines if _variable(line) not in known]
    return tuple(said)


def _problems_of(half: type[BotSettings | Settings], env: Mapping[str, str]) -> tuple[str, ...]:
    try:
        half.from_env(env)
    except SettingsError as error:
        return error.problems
    return ()


def _variable(line: str) -> str:
    return line.partition(" ")[0]
