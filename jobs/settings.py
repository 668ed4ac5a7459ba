"""What the work needs to know from the environment (DESIGN.md, "Configuration")."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from cryptography.fernet import Fernet

DEFAULTS = {
    "MICROSOFT_LOGIN_URL": "https://login.microsoftonline.com",
    "MICROSOFT_GRAPH_URL": "https://graph.microsoft.com",
    "EXCHANGE_ADMIN_URL": "https://outlook.office365.com",
    "SMTP_SERVER": "smtp.office365.com:587",
}
REQUIRED = {
    "PUBLIC_URL": "the https address at which Webex and browsers reach this bot",
    "MICROSOFT_CLIENT_ID": "the Application (client) ID of the bot's own Entra app",
    "MICROSOFT_CLIENT_SECRET": "the client secret's Value of the bot's own Entra app",
    "ENCRYPTION_KEYS": 'python -c "from cryptography.fernet import Fernet; print(Fernet.generate_key().decode())"',
}


class BadSettings(ValueError):  # noqa: N818  the settings are the subject, not an error in the code
    """The environment lacks something. The text names every gap at once, and how to fill it."""

    def __init__(self, problems: tuple[str, ...]) -> None:
        super().__init__("\n".join(problems))
        self.problems = problems


@dataclass(frozen=True, slots=True)
class Settings:
    """Where the clouds are and how the bot proves itself to them. Secrets never show in its repr."""

    public_url: str
    redis_url: str
    microsoft_client_id: str
    microsoft_client_secret: str = field(repr=False)
    encryption_keys: tuple[str, ...] = field(repr=False)
    login_url: str = DEFAULTS["MICROSOFT_LOGIN_URL"]
    graph_url: str = DEFAULTS["MICROSOFT_GRAPH_URL"]
    exchange_url: str = DEFAULTS["EXCHANGE_ADMIN_URL"]
    smtp_server: str = DEFAULTS["SMTP_SERVER"]
    probe_smtp_url: str = field(default="", repr=False)
    probe_from: str = ""

    @property
    def callback(self) -> str:
        """The one redirect address at which Microsoft sends people back to the bot."""
        return f"{self.public_url}/microsoft/callback"

    @property
    def sends_probe(self) -> bool:
        """Whether the bot can send the test mail of V1 itself."""
        return bool(self.probe_smtp_url and self.probe_from)

    @classmethod
    def from_env(cls, env: Mapping[str, str]) -> Settings:
        """Read the environment.

        Raises:
            BadSettings: something required is missing, or a key is no Fernet key.
        """
        values = {**DEFAULTS, **{name: value for name, value in env.items() if value}}
        problems = tuple(f"{name} is not set: {how}" for name, how in REQUIRED.items() if not values.get(name)) + _bad_keys(values)
        if problems:
            raise BadSettings(problems)
        return cls(
            public_url=values["PUBLIC_URL"].rstrip("/"),
            redis_url=values.get("REDIS_URL", "redis://127.0.0.1:6379/0"),
            microsoft_client_id=values["MICROSOFT_CLIENT_ID"],
            microsoft_client_secret=values["MICROSOFT_CLIENT_SECRET"],
            encryption_keys=_list(values["ENCRYPTION_KEYS"]),
            login_url=values["MICROSOFT_LOGIN_URL"].rstrip("/"),
            graph_url=values["MICROSOFT_GRAPH_URL"].rstrip("/"),
            exchange_url=values["EXCHANGE_ADMIN_URL"].rstrip("/"),
            smtp_server=values["SMTP_SERVER"],
            probe_smtp_url=values.get("PROBE_SMTP_URL", ""),
            probe_from=values.get("PROBE_FROM", ""),
        )


def _list(text: str) -> tuple[str, ...]:
    return tuple(part.strip() for part in text.split(",") if part.strip())


def _bad_keys(values: Mapping[str, str]) -> tuple[str, ...]:
    for key in _list(values.get("ENCRYPTION_KEYS", "")):
        try:
            Fernet(key)
        except ValueError:
            return (f"ENCRYPTION_KEYS holds a key that is no Fernet key: {REQUIRED['ENCRYPTION_KEYS']}",)
    return ()
