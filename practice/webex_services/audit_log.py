"""Webex Connect's user audit log (platforms/connect.md 2.3).

The documents show a request body and call the method GET, so the accepted method is a setting.
"""

import hmac
from collections.abc import Iterable
from datetime import datetime
from typing import Any, Final

from flask import Blueprint, jsonify, request
from flask.typing import ResponseReturnValue

from practice.mail.connect_app import AuditEntry, ConnectApp
from practice.microsoft.world import new_id
from practice.settings import PracticeSettings
from practice.webex_services.world import OutsideWorld

Json = dict[str, Any]
PATH: Final = "/connectapi/v1/auditlogs"
DEFAULT, MOST = 2000, 10_000
WORDS: Final = {
    400: "Missing 'from', 'to', or malformed JSON.",
    401: "Invalid or missing ci-token / accesstoken.",
    403: "Token is valid, but the API is restricted for this user/machine.",
    405: "Method not allowed",
    500: "Database connection failure or unhandled exception.",
}


class AuditLog:
    """Route of the audit log.

    Its entries come from the app, whose forms and faults write them.
    """

    def __init__(self, state: OutsideWorld, app: ConnectApp, settings: PracticeSettings) -> None:
        self._state, self._app, self._settings = state, app, settings

    def blueprint(self) -> Blueprint:
        """Return the blueprint with the route of the audit log."""
        pages = Blueprint("connect_audit", __name__)
        pages.add_url_rule(PATH, view_func=self.entries, methods=["GET", "POST"])
        return pages

    def entries(self) -> ResponseReturnValue:
        """Return the log's entries of the requested time, newest first."""
        if status := self._refusal():
            return _no(status)
        body = request.get_json(silent=True, force=True)
        try:
            return jsonify(self._answer(body if isinstance(body, dict) else {}))
        except (KeyError, TypeError, ValueError):
            return _no(400)

    def _refusal(self) -> int:
        """Return the HTTP status with which the call is refused, or 0."""
        if request.method != self._state.audit_method:
            return 405
        right = f"Bearer {self._settings.connect_audit_token}"
        given = request.headers.get("Authorization", "")
        if not hmac.compare_digest(given.encode(), right.encode()):
            return 401
        return self._state.audit_refusal

    def _answer(self, body: Json) -> Json:
        """Return the requested page of the log.

        Raises:
            KeyError: when a field is missing; TypeError or ValueError for an invalid value.
        """
        found = list(_within(self._app.audit, body))
        offset, most = int(body.get("offset", 0)), int(body.get("max", DEFAULT))
        if not (body["range"] == "custom" and 0 < most <= MOST and offset >= 0):
            raise ValueError(body)
        page = found[offset : offset + most]
        return {
            "code": "0",
            "description": "success",
            "transid": new_id(),
            "totalRecords": len(found),
            "resultSize": len(page),
            "auditLogs": list(map(_entry, page)),
        }


def _within(entries: Iterable[AuditEntry], body: Json) -> Iterable[AuditEntry]:
    """Return the entries of the requested time and categories, newest first."""
    first, last = (datetime.fromisoformat(body[name]) for name in ("from", "to"))
    events = {name for name in str(body.get("eventCategories", "")).split(",") if name}
    found = (entry for entry in entries if not events or entry.event in events)
    inside = (entry for entry in found if first <= entry.at <= last)
    return sorted(inside, key=lambda entry: entry.at, reverse=True)


def _entry(entry: AuditEntry) -> Json:
    """Return an entry in the form of Cisco's sample, in which two fields have the status."""
    status = "ERROR" if entry.failed else "SUCCESS"
    return {
        "actionText": entry.told,
        "statusOfAction": status,
        "eventCategory": status,
        "adminRoles": ["Owner"],
        "transid": "",
        "created": entry.at.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        "groupId": "3",
        "eventDescription": entry.event,
        "actorEmail": entry.by,
        "serviceId": "0",
        "actorIp": "203.0.113.21",
    }


def _no(status: int) -> ResponseReturnValue:
    words = WORDS.get(status, "Refused")
    return jsonify({"code": str(status), "description": words, "transid": new_id()}), status
