"""Settings of the practice cloud: its delays, and the credentials shared by both halves."""

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Self

NOT_SHOWN = ("bot_token", "bot_client_secret", "contact_center_token", "connect_audit_token")


@dataclass(slots=True)
class PracticeSettings:
    """Delays and credentials; the delays may be changed while the cloud runs.

    ``latency_ms`` is the pause in milliseconds before every cloud call (never before a control
    call). The other delays are in seconds. ``replication_s`` is the time until other readers see a
    new directory object, and ``exchange_replication_s`` the same for an object made by a New- cmdlet.
    ``customization_s`` is the time until ``Enable-OrganizationCustomization``
    takes effect. ``trace_delay_s`` is the time until a message trace shows a mail. One of every
    ``throttle_every`` API calls is answered with 429; 0 means none. With ``limits`` set to 1, Graph
    also enforces its limits for reports and Conditional Access. With ``scopeless_refresh`` set to 1, a
    refresh needs no scope: clients disagree (platforms/microsoft.md 4). A port of 0 means any free port;
    the half that listens writes back the port in use. ``clock_ahead`` is by how many seconds the
    cloud's clock is ahead of this machine's.
    """

    latency_ms: float = 0.0
    replication_s: float = 0.5
    exchange_replication_s: float = 0.5
    customization_s: float = 2.0
    trace_delay_s: float = 0.5
    throttle_every: float = 0.0
    limits: int = 0
    scopeless_refresh: int = 0
    clock_ahead: float = 0.0
    smtp_port: int = 0
    probe_smtp_port: int = 0
    bot_token: str = field(default="practice-bot-token", repr=False)
    bot_client_id: str = "2f6e1b7c-0d5a-4b8e-9c3f-7a1d5e8b4c60"
    bot_client_secret: str = field(default="practice-bot-client-secret", repr=False)
    contact_center_token: str = field(default="practice-contact-center-token", repr=False)
    connect_audit_token: str = field(default="practice-connect-audit-token", repr=False)
    contact_center_org: str = "1eb65fdf-9643-417f-9974-ad72cae0e10f"

    @classmethod
    def from_env(cls, env: Mapping[str, str]) -> Self:
        """Return settings read from ``PRACTICE_<NAME>`` for every field.

        Raises:
            ValueError: when a number is malformed.
        """
        settings = cls()
        for item in dataclasses.fields(cls):
            if text := env.get(f"PRACTICE_{item.name.upper()}"):
                setattr(settings, item.name, type(getattr(settings, item.name))(text))
        return settings

    def public(self) -> dict[str, Any]:
        """Return all settings except the credentials."""
        return {
            key: value for key, value in dataclasses.asdict(self).items() if key not in NOT_SHOWN
        }

    def change(self, values: dict[str, Any]) -> dict[str, Any]:
        """Set the named delays or the throttling, and return the settings.

        Raises:
            ValueError: for any other name or value.
        """
        delays = sorted(
            item.name
            for item in dataclasses.fields(self)
            if item.name.endswith(("_ms", "_s", "_every"))
        )
        for key, value in values.items():
            if key not in delays or not _is_positive(value):
                raise ValueError(
                    f"{key}={value!r}: the delays are {', '.join(delays)}, in numbers from 0"
                )
        for key, value in values.items():
            setattr(self, key, float(value))
        return self.public()


def _is_positive(value: Any) -> bool:
    """Return whether the value is a number that is not negative."""
    return isinstance(value, int | float) and not isinstance(value, bool) and value >= 0
