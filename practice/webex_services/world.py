"""State of the Webex services other than messaging.

It has the open incidents, Webex Connect's audit log, and the contact center's entry points.
"""

from dataclasses import dataclass, field
from typing import Any, Final

from practice.mail.connect import EntryPoint

Json = dict[str, Any]


@dataclass(slots=True)
class OutsideWorld:
    """State of the Webex services other than messaging.

    ``audit_method`` is the only method that Webex Connect's audit log accepts, and ``audit_refusal``
    the status with which the log refuses every call. ``channel_filter`` is whether the contact center filters entry points by channel,
    which only its documents promise (platforms/connect.md 3.2).
    """

    incidents: list[Json] = field(default_factory=list)
    maintenance: list[Json] = field(default_factory=list)
    audit_method: str = "POST"
    audit_refusal: int = 0
    channel_filter: bool = True

    def reset(self) -> None:
        """Reset the state of these services to the initial state."""
        self.incidents, self.maintenance, self.channel_filter = [], [], True
        self.audit_method, self.audit_refusal = "POST", 0


HOTLINE: Final[Json] = {
    "id": "00000000-0000-4000-8000-000000000999",
    "name": "Hotline",
    "entryPointType": "INBOUND",
    "channelType": "TELEPHONY",
    "active": True,
}
"""Entry point of another channel, which a list without a filter contains, too."""


def entry_point_json(number: int, point: EntryPoint, asset: str) -> Json:
    """Return an entry point in the contact center's format (platforms/connect.md 3.2)."""
    return {
        "id": f"00000000-0000-4000-8000-{number:012d}",
        "name": point.name,
        "entryPointType": "INBOUND",
        "channelType": "EMAIL",
        "active": point.active,
        "serviceLevelThreshold": 3600,
        "maximumActiveContacts": point.most,
        "imiOrgType": "MIXED_MODE",
        "assetId": asset,
        "timezone": "Europe/Berlin",
    }
