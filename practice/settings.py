"""What can be turned at the practice cloud: its delays and the credentials that both of its halves agree on."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Self

NOT_SHOWN = ("bot_token", "bot_client_secret")


@dataclass(slots=True)
class PracticeSettings:
    """Delays and credentials; the delays may be changed while the cloud runs.

    ``latency_ms`` is slept before every cloud call (never before a control call). ``replication_s`` is how long a new
    directory object stays unknown to other readers, ``customization_s`` how long ``Enable-OrganizationCustomization``
    takes to have effect, ``trace_delay_s`` how late a message trace shows a mail, all in seconds.
    A port of 0 means any free port; the half that listens writes the real one back.
    """

    latency_ms: float = 0.0
    replication_s: float = 0.5
    customization_s: float = 2.0
    trace_delay_s: float = 0.5
    smtp_port: int = 0
    probe_smtp_port: int = 0
    bot_token: str = field(default="practice-bot-token", repr=False)
    bot_client_id: str = "2f6e1b7c-0d5a-4b8e-9c3f-7a1d5e8b4c60"
    bot_client_secret: str = field(default="practice-bot-client-secret", repr=False)

    @classmethod
    def from_env(cls, env: Mapping[str, str]) -> Self:
        """Read ``PRACTICE_<NAME>`` for every field; raises ``ValueError`` for a number that is none."""
        settings = cls()
        for item in dataclasses.fields(cls):
            if text := env.get(f"PRACTICE_{item.name.upper()}"):
                setattr(settings, item.name, type(getattr(settings, item.name))(text))
        return settings

    def public(self) -> dict[str, Any]:
        """Everything but the credentials."""
        return {key: value for key, value in dataclasses.asdict(self).items() if key not in NOT_SHOWN}

    def change(self, values: dict[str, Any]) -> dict[str, Any]:
        """Set the named delays; raises ``ValueError`` for anything that is no delay of this cloud."""
        delays = {item.name for item in dataclasses.fields(self) if item.name.endswith(("_ms", "_s"))}
        for key, value in values.items():
            if key not in delays or isinstance(value, bool) or not isinstance(value, int | float) or value < 0:
                raise ValueError(f"{key}={value!r}: the delays are {', '.join(sorted(delays))}, in numbers from 0")
        for key, value in values.items():
            setattr(self, key, float(value))
        return self.public()
