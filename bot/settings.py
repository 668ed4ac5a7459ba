"""Settings of the chat side, read from the environment (docs/settings.md).

The jobs read their own settings in :mod:`jobs.settings`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from ipaddress import ip_address
from itertools import filterfalse, pairwise
from pathlib import Path

import structlog

from adaptive_cards.locale import SOURCE, UTC, find_zone, languages
from jobs.channel.form import InvalidInputError, read_address
from jobs.clouds import tls
from jobs.microsoft.client_credential import credential_problems
from jobs.settings import Settings, SettingsError, is_at, is_loopback, listed, parts_of
from jobs.storage import connection, keys
from jobs.watch import model

WEBEX_API_URL = "https://webexapis.com/v1/"
PORT = "8080"
HOST = "0.0.0.0"  # noqa: S104  behind a proxy
DATA_FOLDER = Path("data")
"""Folder in which the embedded Redis keeps its data, below the folder of the process."""
WATCH_INTERVAL, WATCH_TEST_MAIL = "15m", "1h"
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
TOKENS_GO_TO = (
    "WEBEX_API_URL",
    "MICROSOFT_LOGIN_URL",
    "MICROSOFT_GRAPH_URL",
    "EXCHANGE_ADMIN_URL",
    "CONTACT_CENTER_URL",
)
HOW_TO_MAKE_ONE = 'python -c "import secrets; print(secrets.token_urlsafe(32))"'
NUMBERS = {
    "REFUSALS_PER_HOUR": (1, 1_000),
    "COMMANDS_PER_HOUR": (10, 100_000),
    "RUN_RETENTION_DAYS": (30, 36_500),
    "AUDIT_RETENTION_DAYS": (30, 36_500),
    "WORKERS": (2, 64),
}
"""Settings that are whole numbers, with the smallest and the largest that is accepted."""
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
    webex_api_url: str = WEBEX_API_URL
    port: int = int(PORT)
    host: str = HOST
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
        values = {name: value.strip() for name, value in env.items() if value.strip()}
        if problems := tuple(_problems(values)):
            raise SettingsError(problems)
        return cls(
            webex_access_token=values["WEBEX_ACCESS_TOKEN"],
            webhook_secrets=listed(values["WEBEX_WEBHOOK_SECRET"]),
            public_url=values["PUBLIC_URL"].rstrip("/"),
            allowed_email_domains=_domains(values),
            webex_api_url=values.get("WEBEX_API_URL", WEBEX_API_URL).rstrip("/") + "/",
            port=int(values.get("PORT", PORT)),
            host=_bare_host(values.get("HOST", HOST)),
            allowed_org_ids=listed(values.get("ALLOWED_ORG_IDS", "")),
            approvers=tuple(dict.fromkeys(listed(values.get("APPROVERS", "").lower()))),
            default_language=values.get("DEFAULT_LANGUAGE", SOURCE).lower(),
            default_timezone=find_zone(values.get("DEFAULT_TIMEZONE", UTC)),
            redis_url=values.get("REDIS_URL", connection.embedded_url(DATA_FOLDER)),
            embedded_redis="REDIS_URL" not in values,
            metrics_token=values.get("METRICS_TOKEN", ""),
            watch_interval_s=_watch_interval_s(values),
            watch_space=values.get("WATCH_SPACE", ""),
            watch_test_mail_s=_watch_test_mail_s(values) or 0,
            watch_ping_url=values.get("WATCH_PING_URL", ""),
            **{name.lower(): int(values[name]) for name in NUMBERS if name in values},
        )


def _domains(values: Mapping[str, str]) -> tuple[str, ...]:
    return tuple(
        domain.removeprefix("@")
        for domain in listed(values.get("ALLOWED_EMAIL_DOMAINS", "").lower())
    )


def _problems(values: Mapping[str, str]) -> Iterator[str]:
    if "WEBEX_ACCESS_TOKEN" not in values:
        yield (
            "WEBEX_ACCESS_TOKEN is not set: the bot's access token,"
            " shown once when the bot is made at developer.webex.com"
        )
    yield from _secret_problems(listed(values.get("WEBEX_WEBHOOK_SECRET", "")))
    yield from _public_url_problems(values.get("PUBLIC_URL", ""))
    yield from _domain_problems(_domains(values))
    yield from _address_problems(values)
    yield from _redis_problems(values)
    yield from _list_problems(values)
    yield from _number_problems(values)
    yield from _watch_problems(values)
    if values.get("DEFAULT_LANGUAGE", SOURCE).lower() not in languages():
        yield f"DEFAULT_LANGUAGE is none of {', '.join(languages())}"
    if not find_zone(values.get("DEFAULT_TIMEZONE", UTC)):
        yield "DEFAULT_TIMEZONE is no IANA time zone: it looks like Europe/Berlin, or leave it away for UTC"
    if values.get("LOG_LEVEL", "INFO").upper() not in LOG_LEVELS:
        yield f"LOG_LEVEL is none of {', '.join(LOG_LEVELS)}"


def _secret_problems(secrets: tuple[str, ...]) -> Iterator[str]:
    if not secrets:
        yield f"WEBEX_WEBHOOK_SECRET is not set: make one with {HOW_TO_MAKE_ONE}"
    if len(secrets) > MOST_SECRETS:
        yield (
            "WEBEX_WEBHOOK_SECRET holds more than two secrets:"
            " the new one and the old one, separated by a comma"
        )
    if any(map(_is_short, secrets)):
        yield (
            f"WEBEX_WEBHOOK_SECRET is shorter than {SECRET_CHARACTERS} characters:"
            f" make one with {HOW_TO_MAKE_ONE}"
        )
    elif any(map(_is_guessable, secrets)):
        yield (
            "WEBEX_WEBHOOK_SECRET can be guessed, since it repeats itself or follows the keyboard:"
            f" make one with {HOW_TO_MAKE_ONE}"
        )


def _is_short(secret: str) -> bool:
    return len(secret) < SECRET_CHARACTERS


def _is_guessable(secret: str) -> bool:
    """Return whether a secret is easy to guess.

    A secret is easy to guess if it has few different characters, if it repeats one piece (found in
    its own double before the end), or if most of its characters are neighbors in a row.
    """
    pairs = list(pairwise(secret.lower()))
    is_typed = sum(pair in STEPS for pair in pairs) > len(pairs) * TYPED
    return is_typed or len(set(secret)) < SECRET_KINDS or secret in (secret + secret)[1:-1]


def _public_url_problems(url: str) -> Iterator[str]:
    parts = parts_of(url)
    if not url:
        yield (
            "PUBLIC_URL is not set: the https address at which Webex and browsers reach this bot,"
            " such as https://bot.example.com"
        )
    elif not _is_web(url):
        yield "PUBLIC_URL is no web address: it looks like https://bot.example.com"
    elif _is_readable(url):
        yield "PUBLIC_URL must begin with https:// (plain http only on this very machine, for a try)"
    elif "@" in url or url.rstrip("/").lower() != f"{parts.scheme}://{parts.netloc.lower()}":
        yield "PUBLIC_URL holds more than a host and perhaps a port: it looks like https://bot.example.com"


def _domain_problems(domains: tuple[str, ...]) -> Iterator[str]:
    if not domains:
        yield (
            "ALLOWED_EMAIL_DOMAINS is not set: the mail domains of the people whom the bot may answer,"
            " such as example.com,example.org"
        )
    for domain in filterfalse(DOMAIN.fullmatch, domains):
        yield (
            f"ALLOWED_EMAIL_DOMAINS holds {domain!r}, which is no domain:"
            " write example.com, without wildcards"
        )


def _address_problems(values: Mapping[str, str]) -> Iterator[str]:
    for name in filter(values.__contains__, TOKENS_GO_TO):
        if _is_web(values[name]) and _is_readable(values[name]):
            yield (
                f"{name} must begin with https://, for tokens go there"
                " (plain http only on this very machine, for a try)"
            )
        elif name != "WEBEX_API_URL" and not _is_web(values[name]):
            yield f"{name} is no web address: it begins with https://"
    status = values.get("WEBEX_STATUS_URL", "off")
    if status != "off" and not _is_web(status):
        yield "WEBEX_STATUS_URL is no web address: it begins with https://, or is off"
    if not _is_web(values.get("WEBEX_API_URL", WEBEX_API_URL)):
        yield f"WEBEX_API_URL is no web address: leave it away for {WEBEX_API_URL}"
    if not _is_port(values.get("PORT", PORT)):
        yield f"PORT is no port number: one from 1 to {LAST_PORT}, or leave it away for {PORT}"
    if not _is_host(values.get("HOST", HOST)):
        yield (
            "HOST is no address to listen at: 127.0.0.1 for this machine only,"
            f" :: for IPv6 and IPv4, or leave it away for {HOST}"
        )


def _bare_host(host: str) -> str:
    return host[1:-1] if host.startswith("[") and host.endswith("]") else host


def _is_host(host: str) -> bool:
    try:
        ip_address(_bare_host(host))
    except ValueError:
        return host == "localhost"
    return True


def _is_port(text: str) -> bool:
    return re.fullmatch(r"[0-9]{1,5}", text) is not None and 1 <= int(text) <= LAST_PORT


def _redis_problems(values: Mapping[str, str]) -> Iterator[str]:
    if wrong := connection.url_problem(values.get("REDIS_URL", connection.URL_EXAMPLE)):
        yield f"REDIS_URL {wrong}"
    if not keys.is_prefix(values.get(keys.VARIABLE, "")):
        yield (
            f"{keys.VARIABLE} holds other characters than letters, digits, :, - and _:"
            " it looks like email-bot:"
        )


def _list_problems(values: Mapping[str, str]) -> Iterator[str]:
    """Yield the problems of the list settings.

    A list that is set but empty is an error, so that it cannot widen what it was meant to restrict.
    """
    if not listed(values.get("ALLOWED_ORG_IDS", "any")):
        yield "ALLOWED_ORG_IDS holds no id: leave it away, or write ids with commas between them"
    if not listed(values.get("APPROVERS", "nobody")):
        yield "APPROVERS holds no address: leave it away, or write addresses with commas between them"
    for each in filterfalse(_is_address, listed(values.get("APPROVERS", ""))):
        yield f"APPROVERS holds {each!r}, which is no address: write boss@example.com,deputy@example.com"


def _number_problems(values: Mapping[str, str]) -> Iterator[str]:
    for name, (least, most) in NUMBERS.items():
        text = values.get(name, str(least))
        if not re.fullmatch(r"[0-9]{1,6}", text) or not least <= int(text) <= most:
            yield f"{name} is no whole number from {least} to {most}"
    token = values.get("METRICS_TOKEN")
    if token is not None and (_is_short(token) or _is_guessable(token)):
        yield (
            f"METRICS_TOKEN is shorter than {SECRET_CHARACTERS} characters or can be guessed:"
            f" make one with {HOW_TO_MAKE_ONE}"
        )


def _watch_interval_s(values: Mapping[str, str]) -> int:
    interval = model.read_interval(values.get("WATCH_INTERVAL", WATCH_INTERVAL))
    return int(interval.total_seconds()) if interval else 0


def _watch_test_mail_s(values: Mapping[str, str]) -> int | None:
    interval = model.read_mail_interval(values.get("WATCH_TEST_MAIL", WATCH_TEST_MAIL))
    return None if interval is None else int(interval.total_seconds())


def _watch_problems(values: Mapping[str, str]) -> Iterator[str]:
    if not _watch_interval_s(values):
        yield (
            f"WATCH_INTERVAL is no time from {model.written(model.SHORTEST)} to {model.written(model.LONGEST)}:"
            f" it looks like {WATCH_INTERVAL} or 1h"
        )
    if _watch_test_mail_s(values) is None:
        yield (
            f"WATCH_TEST_MAIL is neither 0 nor a time from {model.written(model.MAIL_SHORTEST)} to"
            f" {model.written(model.LONGEST)}: it looks like {WATCH_TEST_MAIL} or 6h"
        )
    url = values.get("WATCH_PING_URL", "https://host")
    if not _is_web(url) or _is_readable(url):
        yield "WATCH_PING_URL is no https address: it looks like https://hc-ping.com/UUID"


def _is_address(text: str) -> bool:
    try:
        return read_address(text) == text.lower()
    except InvalidInputError:
        return False


def _is_web(url: str) -> bool:
    return is_at(url, "http", "https")


def _is_readable(url: str) -> bool:
    return parts_of(url).scheme != "https" and not is_loopback(parts_of(url).hostname or "")


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
