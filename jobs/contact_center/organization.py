"""Organization of the contact center's token (platforms/connect.md 3.4).

A token that was copied from a browser may silently belong to another organization, and then the
answers are empty instead of wrong.
"""

from __future__ import annotations

from urllib.parse import quote

from jobs.clouds.http import Call
from jobs.contact_center.client import ask, value
from jobs.settings import Settings


async def organization_id(settings: Settings) -> str:
    """Return the id of the organization that CONTACT_CENTER_ORG_ID names.

    The result is an empty string if the answer has no id.

    Raises:
        CloudError: when the contact center does not answer, or refuses the token for it.
    """
    url = (
        f"{settings.contact_center_url}/organization/{quote(settings.contact_center_org, safe='')}"
    )
    headers = {"Authorization": f"Bearer {settings.contact_center_token}"}
    return value(
        await ask(settings, Call("contact-center", "GET", url, headers=headers)),
        "id",
        "organizationId",
    )
