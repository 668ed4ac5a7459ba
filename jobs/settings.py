"""Settings that the jobs need from the environment (docs/settings.md)."""

import re
import tomllib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from email.utils import parseaddr
from ipaddress import ip_address
from pathlib import Path
from typing import TypeVar
from urllib.parse import SplitResult, urlsplit

from cryptography.fernet import Fernet

T = TypeVar("T")
_TOLD = tomllib.loads(Path(__file__).with_suffix(".toml").read_text(encoding="utf-8"))
DEFAULTS: dict[str, str] = _TOLD["defaults"]
TOGETHER: list[list[str]] = _TOLD["together"]
CLIENT_CREDENTIALS: list[str] = _TOLD["client_credentials"]
SECRETS: list[str] = _TOLD["secrets"]
AUDIT_PATH = "/connectapi/v1/auditlogs"
"""Path of Webex Connect's audit log below a tenant's address (platforms/connect.md 2.3)."""
REDIS_URL = "redis://127.0.0.1:6379/0"
SUBMISSION_PORT = 587
_LABEL = r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?"
_HOSTS = re.compile(rf"(?:\*\.{_LABEL}\.)?(?:{_LABEL}\.)*(?!\d+$){_LABEL}")
"""Pattern of a host name, or of ``*.`` with at least two labels; never of an IP address."""
LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})
"""Names of this machine. A cloud that runs locally may use any of them."""
CREDENTIALS = "CREDENTIALS_DIRECTORY"
"""Variable in which systemd names the folder of a unit's credentials."""


class SettingsError(ValueError):
    """Error because settings are missing or invalid; its text has each, and how to solve it."""

    def __init__(self, problems: tuple[str, ...]) -> None:
        super().__init__("\n".join(problems))
        self.problems = problems


@dataclass(frozen=True, slots=True)
class Settings:
    """Addresses of the clouds, and the credentials of the bot for them, which no repr shows.

    Of ``microsoft_client_secret``, ``microsoft_client_certificate`` (the path of a PEM file) and
    ``microsoft_federated_token_file`` (a path, too) one is set.
    """

    public_url: str
    redis_url: str = field(repr=False)
    microsoft_client_id: str
    microsoft_client_secret: str = field(repr=False)
    encryption_keys: tuple[str, ...] = field(repr=False)
    login_url: str = DEFAULTS["MICROSOFT_LOGIN_URL"]
    graph_url: str = DEFAULTS["MICROSOFT_GRAPH_URL"]
    exchange_url: str = DEFAULTS["EXCHANGE_ADMIN_URL"]
    smtp_server: str = DEFAULTS["SMTP_SERVER"]
    probe_smtp_url: str = field(default="", repr=False)
    probe_from: str = ""
    status_url: str = DEFAULTS["WEBEX_STATUS_URL"]
    contact_center_url: str = ""
    contact_center_token: str = field(default="", repr=False)
    contact_center_org: str = ""
    connect_audit_url: str = ""
    connect_audit_token: str = field(default="", repr=False)
    connect_audit_header: str = DEFAULTS["CONNECT_AUDIT_HEADER"]
    connect_hosts: tuple[str, ...] = ()
    microsoft_client_certificate: str = ""
    microsoft_federated_token_file: str = ""
    microsoft_client_secret_expires: str = ""

    @property
    def callback(self) -> str:
        return f"{self.public_url}/microsoft/callback"

    @property
    def sends_probe(self) -> bool:
        return bool(self.probe_smtp_url and self.probe_from)

    @property
    def hosts(self) -> frozenset[str]:
        """Return the hosts that the bot may contact over HTTP, and no others (checklist A7)."""
        of_microsoft = (self.login_url, self.graph_url, self.exchange_url)
        urls = (*of_microsoft, self.status_url, self.contact_center_url, self.connect_audit_url)
        hosts = frozenset(filter(None, (urlsplit(url).hostname for url in urls)))
        return hosts | LOOPBACK if hosts & LOOPBACK else hosts

    @classmethod
    def from_env(cls, env: Mapping[str, str]) -> "Settings":
        """Return the settings from the environment.

        Raises:
            SettingsError: when something required is missing, or a value cannot be valid.
        """
        given = {name: value.strip() for name, value in env.items() if value.strip()}
        values = {**DEFAULTS, **given}
        if problems := tuple(_problems(values)):
            raise SettingsError(problems)
        audit_url = values.get("CONNECT_AUDIT_URL", "").rstrip("/")
        # one of Cisco's two paths may be named, and stays
        audit_path = "" if not audit_url or parts_of(audit_url).path else AUDIT_PATH
        smtp = urlsplit(f"//{values['SMTP_SERVER'].rpartition('://')[2]}")
        port = "" if smtp.port else f":{SUBMISSION_PORT}"
        return cls(
            public_url=values["PUBLIC_URL"].rstrip("/"),
            redis_url=values.get("REDIS_URL", REDIS_URL),
            encryption_keys=listed(values["ENCRYPTION_KEYS"]),
            login_url=values["MICROSOFT_LOGIN_URL"].rstrip("/"),
            graph_url=_base(values["MICROSOFT_GRAPH_URL"], "/v1.0"),
            exchange_url=_base(values["EXCHANGE_ADMIN_URL"], "/adminapi"),
            smtp_server=smtp.netloc.rstrip(":") + port,
            probe_from=parseaddr(values.get("PROBE_FROM", ""))[1],
            status_url=values["WEBEX_STATUS_URL"].rstrip("/"),
            contact_center_url=values.get("CONTACT_CENTER_URL", "").rstrip("/"),
            contact_center_org=values.get("CONTACT_CENTER_ORG_ID", ""),
            connect_audit_url=audit_url + audit_path,
            connect_hosts=listed(values.get("CONNECT_HOSTS", "").lower()),
            **{name.lower(): values.get(name, "") for name in _TOLD["as_given"]},
        )


def read_files(env: Mapping[str, str]) -> tuple[dict[str, str], tuple[str, ...]]:
    """Return the environment with the secrets that are in files, and the problems of these files.

    A file is named by ``NAME_FILE``, or is ``NAME`` in the folder ``CREDENTIALS_DIRECTORY``.
    """
    values, problems = dict(env), list[str]()
    folder = env.get(CREDENTIALS, "").strip()
    try:
        held = {path.name: path for path in Path(folder).iterdir()} if folder else {}
    except OSError as error:
        return values, (f"{CREDENTIALS} names {folder}, which cannot be read ({error.strerror})",)
    for name in SECRETS:
        named = env.get(f"{name}_FILE", "").strip()
        files = {f"{name}_FILE": Path(named)} if named else {}
        files |= {CREDENTIALS: held[name]} if name in held else {}
        places = [name] * bool(env.get(name, "").strip()) + list(files)
        if len(places) > 1:
            problems.append(f"{name} is set more than once, by {' and '.join(places)}: keep one")
            continue
        for place, path in files.items():
            try:
                values[name] = path.read_text(encoding="utf-8").rstrip("\r\n")
            except (OSError, UnicodeError) as error:
                why = error.strerror if isinstance(error, OSError) else "it is no text in UTF-8"
                problems.append(f"{name} cannot be read from {path}, which {place} names ({why})")
            else:
                if not values[name].strip():
                    problems.append(f"{name} is empty in {path}, which {place} names")
    return values, tuple(problems)


def listed(text: str) -> tuple[str, ...]:
    return tuple(part.strip() for part in text.split(",") if part.strip())


def parts_of(url: str) -> SplitResult:
    """Return the parts of an address, all empty if it is invalid, such as one with port 0."""
    try:
        parts = urlsplit(url)
        return urlsplit("") if parts.port == 0 else parts
    except ValueError:
        return urlsplit("")


def valid(read: Callable[[str], T], text: str) -> T | None:
    """Return what ``read`` makes of the text; None if it raises a ValueError."""
    try:
        return read(text)
    except ValueError:
        return None


def is_loopback(host: str) -> bool:
    """Return whether a host name is this machine, judged by its name without a lookup."""
    address = valid(ip_address, host)
    return address.is_loopback if address else host.rpartition(".")[2] == "localhost"


def _base(url: str, below: str) -> str:
    return url.partition(below)[0].rstrip("/")


def is_at(url: str, *schemes: str) -> bool:
    parts = parts_of(url)
    return parts.scheme in schemes and bool(parts.hostname)


_RIGHT: dict[str, Callable[[str], object]] = {
    "ENCRYPTION_KEYS": lambda keys: (
        listed(keys) and all(valid(Fernet, each) for each in listed(keys))
    ),
    "SMTP_SERVER": lambda server: parts_of(f"//{server.rpartition('://')[2]}").hostname,
    "PROBE_SMTP_URL": lambda url: is_at(url, "smtp", "smtps"),
    "PROBE_FROM": lambda sender: "@" in parseaddr(sender)[1],
    "CONNECT_AUDIT_URL": lambda url: is_at(url, "https"),
    "CONNECT_AUDIT_HEADER": re.compile(r"[A-Za-z0-9-]+").fullmatch,
}


def _problems(values: Mapping[str, str]) -> Iterator[str]:
    one_is_enough = CLIENT_CREDENTIALS[:1] if any(map(values.get, CLIENT_CREDENTIALS)) else ()
    for name, how in _TOLD["required"].items():
        if not values.get(name) and name not in one_is_enough:
            yield f"{name} is not set: {how}"
    for name, other in (*TOGETHER, *(pair[::-1] for pair in TOGETHER)):
        if values.get(other) and not values.get(name):
            yield f"{name} is not set, but {other} is: set both or none"
    for name, is_right in _RIGHT.items():
        if name in values and not is_right(values[name]):
            yield f"{name} {_TOLD['wrong'][name]}"
    yield from _odd_hosts(values.get("CONNECT_HOSTS", "host").lower())


def _odd_hosts(hosts: str) -> Iterator[str]:
    looks = _TOLD["wrong"]["CONNECT_HOSTS"]
    for part in listed(hosts) or (hosts,):
        if not _HOSTS.fullmatch(part):
            yield f"CONNECT_HOSTS has a part that is no pattern of hosts, {part!r}: {looks}"
