"""Stream of all changes behind the page, as Server-Sent Events.

The changes are those of messages, mail, the clouds, the faults and the processes. Each browser has
its own stream. A stream begins with the whole state, so a browser that reconnects needs no memory.
"""

import json
import time
from collections.abc import Iterator
from typing import Any

import httpx

from practice.page import mail_path, relay
from practice.page.addresses import Host, Json, Places
from practice.page.switchboard import Switchboard

PACE_S = 0.4
HEARTBEAT_S = 10.0


class Watch:
    """Observer of all changes behind the page, for one browser."""

    def __init__(self, host: Host, switches: Switchboard) -> None:
        self._host, self._switches = host, switches
        self._told: dict[str, str] = {}
        self._change, self._entries = 0, 0
        self._journal: list[Json] = []

    def stream(self) -> Iterator[str]:
        """Yield events without end; the stream ends with its connection."""
        yield "retry: 1000\n\n"
        spoke = time.monotonic()
        while True:
            events = list(self._round())
            yield from events
            if events:
                spoke = time.monotonic()
            elif time.monotonic() - spoke > HEARTBEAT_S:
                yield ": nothing new\n\n"
                spoke = time.monotonic()
            time.sleep(PACE_S)

    def _round(self) -> Iterator[str]:
        yield from self._tell("processes", {"ready": self._host.ready, "items": self._host.shown()})
        places = self._host.places
        if places is None:
            return
        try:
            yield from self._messages(places)
            yield from self._clouds(places)
            yield from self._tell("faults", self._switches.shown(places))
        except (httpx.HTTPError, ValueError, KeyError):
            return

    def _messages(self, places: Places) -> Iterator[str]:
        found = _get(places, f"webex/messages?after={self._change}")
        if found["items"]:
            self._change = max(int(message["change"]) for message in found["items"])
            slim = [
                {key: value for key, value in message.items() if key != "history"}
                for message in found["items"]
            ]
            yield _event("messages", slim)

    def _clouds(self, places: Places) -> Iterator[str]:
        fresh = _get(places, f"journal?after={self._entries}")["items"]
        if fresh:
            self._entries = int(fresh[-1]["number"])
            self._journal.extend(entry for entry in fresh if entry["service"] != "webex")
        app, tenant = _get(places, "connect/app"), _get(places, "tenants/contoso.com")
        yield from self._tell(
            "clouds", {"app": app, "tenant": tenant, "journal": self._journal[-60:]}
        )
        mail, log, tasks = (
            _get(places, path)["items"] for path in ("mail", "connect/log", "agent/tasks")
        )
        yield from self._tell(
            "way", mail_path.stations(mail, log, tasks, str(app["forwarding_address"]))
        )
        yield from self._tell("weather", _get(places, "health"))

    def _tell(self, name: str, value: Any) -> Iterator[str]:
        """Yield an event if the value differs from the last one sent."""
        text = json.dumps(value)
        if self._told.get(name) != text:
            self._told[name] = text
            yield _event(name, value)


def _get(places: Places, path: str) -> Json:
    answer = relay.client(places.ca_path).get(f"{places.cloud}/practice/{path}")
    answer.raise_for_status()
    found: Json = answer.json()
    return found


def _event(name: str, value: Any) -> str:
    return f"event: {name}\ndata: {json.dumps(value)}\n\n"
