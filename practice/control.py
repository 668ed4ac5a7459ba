"""Control routes of both halves: the journal, the calls, the faults and the health check."""

import dataclasses
import json
from collections.abc import Iterator
from typing import Any

import flask

from practice.hooks import Faults, from_json
from practice.journal import Journal
from practice.settings import PracticeSettings

HEARTBEAT_S = 10.0


class Control:
    """Routes under /practice; they need no token because they are for the user of this machine."""

    def __init__(self, journal: Journal, settings: PracticeSettings, faults: Faults) -> None:
        self._journal, self._settings, self._faults = journal, settings, faults

    def blueprint(self) -> flask.Blueprint:
        """Return the blueprint with the control routes of both halves."""
        pages = flask.Blueprint("control", __name__, url_prefix="/practice")
        pages.add_url_rule("/health", view_func=self.health)
        pages.add_url_rule("/journal", view_func=self.journal)
        pages.add_url_rule("/calls", view_func=self.calls)
        pages.add_url_rule("/calls/reset", view_func=self.reset_calls, methods=["POST"])
        pages.add_url_rule("/faults", view_func=self.faults, methods=["GET", "POST", "DELETE"])
        pages.add_url_rule("/events", view_func=self.events)
        return pages

    def health(self) -> flask.Response:
        """Return the delays of the cloud and the ports in use."""
        return flask.jsonify(self._settings.public())

    def journal(self) -> flask.Response:
        """Return the writes, oldest first; ``?after=N`` leaves out the first N."""
        entries = self._journal.entries(int(flask.request.args.get("after", 0)))
        return flask.jsonify({"items": [dataclasses.asdict(entry) for entry in entries]})

    def calls(self) -> flask.Response:
        """Return the calls, and the counts of writes, since the last reset."""
        return flask.jsonify(
            {
                "items": [dataclasses.asdict(call) for call in self._journal.calls()],
                "counts": self._journal.counts(),
            }
        )

    def reset_calls(self) -> flask.Response:
        """Reset the list of calls and the counts of writes."""
        self._journal.reset_calls()
        return flask.jsonify({})

    def faults(self) -> tuple[flask.Response, int]:
        """Add a fault, list the remaining faults, or remove all faults.

        See :class:`practice.hooks.Fault` for the values of a fault.
        """
        if flask.request.method == "DELETE":
            self._faults.clear()
        if flask.request.method == "POST":
            try:
                self._faults.add(from_json(flask.request.get_json()))
            except (TypeError, ValueError) as error:
                return flask.jsonify({"message": str(error)}), 400
        return flask.jsonify({"items": [fault.public() for fault in self._faults.pending()]}), 200

    def events(self) -> flask.Response:
        """Stream the journal as Server-Sent Events, starting after ``Last-Event-ID``."""
        after = int(
            flask.request.headers.get("Last-Event-ID") or flask.request.args.get("after") or "0"
        )
        return flask.Response(
            self._stream(after), mimetype="text/event-stream", headers={"Cache-Control": "no-store"}
        )

    def _stream(self, after: int) -> Iterator[str]:
        yield ": the journal of the practice cloud\n\n"
        while True:
            entries = self._journal.wait(after, HEARTBEAT_S)
            yield from (_event(entry.number, dataclasses.asdict(entry)) for entry in entries)
            after += len(entries)
            if not entries:
                yield ": nothing new\n\n"


def _event(number: int, data: dict[str, Any]) -> str:
    return f"id: {number}\nevent: write\ndata: {json.dumps(data)}\n\n"
