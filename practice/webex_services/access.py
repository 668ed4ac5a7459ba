"""Refusals of the contact center's API: a wrong token, another organization, a bad request."""

import hmac

from flask import Response, jsonify, request

from practice.microsoft.world import new_id
from practice.settings import PracticeSettings


def refused(settings: PracticeSettings, org: str = "") -> Response | None:
    """Return the refusal of a call, or None. ``org`` is the organization in the path, if any."""
    right = f"Bearer {settings.contact_center_token}"
    if not hmac.compare_digest(request.headers.get("Authorization", "").encode(), right.encode()):
        return _no(401, "Unauthorized")
    return not_found("Organization") if org not in {"", settings.contact_center_org} else None


def not_found(what: str) -> Response:
    """Return a 404."""
    return _no(404, f"{what} not found")


def bad(words: str) -> Response:
    """Return a 400."""
    return _no(400, words)


def _no(status: int, words: str) -> Response:
    error = {"key": str(status), "message": [{"description": words}]}
    answer = jsonify({"trackingId": new_id(), "error": error})
    answer.status_code = status
    return answer
