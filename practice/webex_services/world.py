"""State of the Webex services other than messaging.

It has the open incidents, Webex Connect's service, and the contact center's entry points.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from practice.mail.connect import EntryPoint

Json = dict[str, Any]


@dataclass(slots=True)
class Sent:
    """Mail that was given to the messaging API.

    It has the address for its receipt and the result of sending.
    """

    id: str
    reference: str
    recipient: str
    notify: str
    at: datetime
    code: str = ""
    words: str = ""


@dataclass(slots=True)
class OutsideWorld:
    """State of the Webex services other than messaging.

    ``refusal`` is a code (7001, 7007, 7010, 7020) with which Webex Connect refuses every call.
    ``polling`` is whether Webex Connect offers the beta status query. ``audit_method`` is the only
    method that its audit log accepts, and ``audit_refusal`` the status with which the log refuses
    every call. ``channel_filter`` is whether the contact center filters entry points by channel,
    which only its documents promise (facts/update-2026-11.md 6).
    """

    incidents: list[Json] = field(default_factory=list)
    refusal: str = ""
    polling: bool = False
    audit_method: str = "POST"
    audit_refusal: int = 0
    channel_filter: bool = True
    sent: dict[str, Sent] = field(default_factory=dict)

    def reset(self) -> None:
        """Reset the state of these services to the initial state."""
        self.incidents, self.refusal, self.polling = [], "", False
        self.audit_method, self.audit_refusal = "POST", 0
        self.channel_filter = True


HOTLINE: Final[Json] = {
    "id": "00000000-0000-4000-8000-000000000999",
    "name": "Hotline",
    "entryPointType": "INBOUND",
    "channelType": "TELEPHONY",
    "active": True,
}
"""Entry point of another channel, which a list without a filter contains, too."""


def entry_point_json(number: int, point: EntryPoint, asset: str) -> Json:
    """Return an entry point in the contact center's format (facts/connect.md 3.2)."""
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
