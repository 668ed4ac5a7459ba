"""UUIDs of Webex organizations: Control Hub shows them, and the APIs return them encoded."""

import base64
import re

from jobs.settings import valid

UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
IN_PATH = re.compile(rf"(?:ciscospark://[^/]*/organization/)?({UUID.pattern})")


def normalize(org_id: str) -> str:
    """Return the organization's UUID in lower case, or the ID unchanged if it contains none.

    An ID is the UUID itself (Control Hub), ``ciscospark://us/ORGANIZATION/UUID`` in Base64 with or
    without padding (the REST APIs), or the UUID alone in Base64 (the envelope of a webhook,
    platforms/webex.md 1). The same organization has a different prefix in a different region.
    """
    typed = org_id.strip()
    for text in (typed, _decoded(typed)):
        if found := IN_PATH.fullmatch(text.lower()):
            return found[1]
    return typed


def is_org_id(org_id: str) -> bool:
    return UUID.fullmatch(normalize(org_id)) is not None


def _decoded(text: str) -> str:
    bare = text.rstrip("=").replace("+", "-").replace("/", "_")
    padded = bare + "=" * (-len(bare) % 4)
    return valid(lambda each: base64.urlsafe_b64decode(each).decode(), padded) or ""
