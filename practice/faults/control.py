"""Control routes of the faults, under /practice/.

They list the faults, switch them on, take a snapshot of the world and restore it.
"""

from flask import Blueprint, jsonify, request
from flask.typing import ResponseReturnValue

from practice.faults import FAULTS, HEALTHY, FaultContext, find, hand_made
from practice.faults.fault_context import Json
from practice.hooks import Faults as Hooks
from practice.microsoft import Cloud
from practice.snapshot import Snapshots
from practice.webex_services.world import OutsideWorld


class FaultControl:
    """Control routes for breaking the practice cloud on purpose."""

    def __init__(self, cloud: Cloud, hooks: Hooks, outside: OutsideWorld) -> None:
        self._cloud, self._hooks, self._outside = cloud, hooks, outside
        self._snapshots = Snapshots(cloud, hooks, outside)

    def blueprint(self) -> Blueprint:
        """Return the blueprint with the routes of the faults."""
        pages = Blueprint("fault_control", __name__, url_prefix="/practice")
        pages.add_url_rule("/faults/names", view_func=self.names)
        pages.add_url_rule("/fault/<name>", view_func=self.fault, methods=["POST"])
        pages.add_url_rule("/hand_made", view_func=self.hand_made, methods=["POST"])
        pages.add_url_rule("/snapshot", view_func=self.snapshot, methods=["POST"])
        pages.add_url_rule("/restore", view_func=self.restore, methods=["POST"])
        return pages

    def names(self) -> ResponseReturnValue:
        """Return the names of every fault and every healthy variation."""
        return jsonify(
            {
                "items": [fault.public() for fault in FAULTS],
                "healthy": [fault.public() for fault in HEALTHY],
            }
        )

    def fault(self, name: str) -> ResponseReturnValue:
        """Switch a fault on.

        ``{"mailbox": ...}`` names another channel than support@contoso.com.
        """
        body = request.get_json(silent=True, force=True) or {}
        try:
            found = find(name)
        except KeyError:
            return jsonify(
                {"error": f"no fault {name}; GET /practice/faults/names lists them"}
            ), 404
        try:
            # Not under the world's lock: a fault may press Generate Token, which calls this cloud itself.
            found.apply(self._context(body))
        except LookupError as error:
            return jsonify({"error": f"{name} needs a channel that is set up: {error}"}), 409
        self._cloud.world.journal.write("practice", "control", "fault", name)
        return jsonify(found.public())

    def hand_made(self) -> ResponseReturnValue:
        """Make a channel as people do by hand, for ``{"mailbox": ...}`` or support@contoso.com.

        ``{"name": ..., "callback_url": ...}`` set the app's name and callback URL.
        """
        body = request.get_json(silent=True, force=True) or {}
        more = {key: str(body[key]) for key in ("name", "callback_url") if key in body}
        app = hand_made.make(self._context(body), **more)
        self._cloud.world.journal.write("practice", "control", "hand_made", app["displayName"])
        return jsonify({"client_id": app["appId"]})

    def _context(self, body: Json) -> FaultContext:
        named = {key: body[key] for key in ("mailbox",) if key in body}
        return FaultContext(self._cloud, self._hooks, self._outside, **named)

    def snapshot(self) -> ResponseReturnValue:
        """Take a snapshot of the world, which may have a name: ``?name=``."""
        self._snapshots.take(request.args.get("name", ""))
        return jsonify({})

    def restore(self) -> ResponseReturnValue:
        """Restore the snapshot with this name and remove all faults: ``?name=``."""
        if not self._snapshots.restore(request.args.get("name", "")):
            return jsonify({"error": "no snapshot was taken"}), 409
        self._cloud.world.journal.write("practice", "control", "restore", "everything")
        return jsonify({})
