"""What these services are like now: open incidents, the service of Webex Connect, the contact center's entry points."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from practice.mail.connect import EntryPoint

Json = dict[str, Any]


@dataclass(slots=True)
class Sent:
    """A mail that was given to the messaging API: whom its receipt goes to, and what became of it."""

    id: str
    reference: str
    recipient: str
    notify: str
    at: datetime
    code: str = ""
    words: str = ""


@dataclass(slots=True)
class OutsideWorld:
    """``refusal`` is a code (7001, 7007, 7010, 7020) by which Webex Connect refuses every call; ``polling`` whether it offers the beta question."""

    incidents: list[Json] = field(default_factory=list)
    refusal: str = ""
    polling: bool = False
    sent: dict[str, Sent] = field(default_factory=dict)

    def reset(self) -> None:
        """As at the start."""
        self.incidents, self.refusal, self.polling = [], "", False


def entry_point_json(number: int, point: EntryPoint, asset: str) -> Json:
    """An entry point as the contact center describes one (facts/connect.md 3.2)."""
    return {
        "id": f"00000000-0000-4000-8000-{number:012d}",
        "name": point.name,
        "entryPointType": "INBOUND",
        "channelType": "EMAIL",
        "active": point.active,
        "serviceLevelThreshold": 3600,
        "maximumActiveContacts": 1000,
        "imiOrgType": "MIXED_MODE",
        "assetId": asset,
        "timezone": "Europe/Berlin",
    }
