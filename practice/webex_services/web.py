"""Routes of the three services (status.webex.com/api; platforms/connect.md 2.2, 3.1 and 3.2)."""

from datetime import datetime
from typing import Any, Final

from flask import Blueprint, jsonify, request
from flask.typing import ResponseReturnValue

from practice.mail.connect import Connect, Task
from practice.microsoft.world import World
from practice.settings import PracticeSettings
from practice.webex_services.access import bad, refused
from practice.webex_services.audit_log import AuditLog
from practice.webex_services.routing import Routing
from practice.webex_services.world import HOTLINE, OutsideWorld, entry_point_json

Json = dict[str, Any]
LONGEST_MS: Final = 184 * 86_400_000
"""Longest interval for which a list of tasks can be requested (platforms/connect.md 3.1)."""
CHANGED: Final = ("audit_method", "audit_refusal", "channel_filter", "incidents")
"""Fields of the practice cloud's state that the control route sets."""


class Outside:
    """Pages of the three Webex services, and the control routes that break them."""

    def __init__(self, world: World, connect: Connect, settings: PracticeSettings) -> None:
        self.state = OutsideWorld()
        self._world, self._connect, self._settings = world, connect, settings

    def blueprints(self) -> list[Blueprint]:
        """Return the blueprints with the routes of the services."""
        pages = Blueprint("outside", __name__)
        pages.add_url_rule("/status/unresolved-incidents.json", view_func=self.incidents)
        pages.add_url_rule("/status/active-scheduled-maintenances.json", view_func=self.maintenance)
        pages.add_url_rule("/contact-center/v1/tasks", view_func=self.tasks)
        pages.add_url_rule("/contact-center/organization/<org>", view_func=self.organization)
        pages.add_url_rule(
            "/contact-center/organization/<org>/v2/entry-point", view_func=self.entry_points
        )
        routing = Routing(self.state, self._world, self._connect, self._settings)
        log = AuditLog(self.state, self._connect.app, self._settings)
        return [pages, log.blueprint(), routing.blueprint()]

    def control(self) -> Blueprint:
        """Return the control route ``/practice/outside``.

        A PATCH of the route sets the values in ``CHANGED``.
        """
        pages = Blueprint("outside_control", __name__, url_prefix="/practice")
        pages.add_url_rule("/outside", view_func=self.change, methods=["GET", "PATCH"])
        return pages

    def change(self) -> ResponseReturnValue:
        """Set the named values; an unknown name gives a 400."""
        values = request.get_json(silent=True, force=True) if request.method == "PATCH" else {}
        if not isinstance(values, dict) or set(values) - {*CHANGED}:
            return jsonify({"error": f"the words are {', '.join(CHANGED)}"}), 400
        for name, value in values.items():
            setattr(self.state, name, value)
        return jsonify({name: getattr(self.state, name) for name in CHANGED})

    def incidents(self) -> ResponseReturnValue:
        """Return the open incidents, without authentication."""
        return jsonify({"incidents": self.state.incidents})

    def maintenance(self) -> ResponseReturnValue:
        """Return the maintenance that is under way, without authentication."""
        return jsonify({"scheduled_maintenances": self.state.maintenance})

    def tasks(self) -> ResponseReturnValue:
        """Return the email tasks, oldest first.

        Times are in milliseconds. Times in seconds name an interval in 1970, so the answer is
        empty.
        """
        if (no := refused(self._settings)) is not None:
            return no
        first, last = (request.args.get(name, 0, type=int) for name in ("from", "to"))
        if last - first > LONGEST_MS:
            return bad("The time window must not be longer than 184 days")
        mine = [task for task in list(self._connect.tasks) if first <= _ms(task.at) <= last]
        return jsonify(
            {
                "meta": {"orgId": self._settings.contact_center_org},
                "data": [_task(task) for task in mine],
            }
        )

    def entry_points(self, org: str) -> ResponseReturnValue:
        """Return the entry points, or those of one channel if the filter is accepted."""
        if (no := refused(self._settings, org)) is not None:
            return no
        wanted = request.args.get("filter", "")
        if wanted and not self.state.channel_filter:
            return bad(f"Invalid filter {wanted}: filter on id or name")
        points = [
            entry_point_json(number, point, self._connect.app.app_id)
            for number, point in enumerate(self._connect.entry_points)
        ]
        points += [] if wanted else [HOTLINE]
        page = points if request.args.get("page", "0") == "0" else []
        return jsonify({"meta": {"page": 0, "totalRecords": len(points)}, "data": page})

    def organization(self, org: str) -> ResponseReturnValue:
        """Return the token's own organization; any other organization is not found."""
        if (no := refused(self._settings, org)) is not None:
            return no
        return jsonify({"id": org, "name": "Contoso"})


def _task(task: Task) -> Json:
    """Return a task in the form of the contact center's API.

    Times are in milliseconds, and the address is the one to which the mail was sent.
    """
    at = _ms(task.at)
    values = {
        "channelType": "email",
        "status": task.status,
        "createdTime": at,
        "lastUpdatedTime": at,
        "owner": None,
        "queue": task.queue,
        "origin": task.customer,
        "destination": task.mailbox,
        "direction": "inbound",
    }
    return {"id": task.id, "attributes": values | {"captureRequested": None, "reasonCode": ""}}


def _ms(at: datetime) -> int:
    return int(at.timestamp() * 1000)
