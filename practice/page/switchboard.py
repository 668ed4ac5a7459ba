"""Switches that turn faults on and off, and restore the world when a fault is turned off."""

import threading

import httpx

from practice.page import relay
from practice.page.addresses import Json, Places

FAIR: Json = {"latency_ms": 0, "throttle_every": 0}


class Switchboard:
    """Switches of the faults, which all browsers share.

    A fault changes the world permanently. Switching one off therefore restores the earlier world
    and applies the other faults again.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._on: list[str] = []
        self._known: list[Json] = []

    def shown(self, places: Places) -> Json:
        """Return the names of all faults and healthy variations, and of those that are on.

        Raises:
            httpx.HTTPError: when the cloud does not answer.
        """
        if not self._known:
            named = _call(places, "GET", "faults/names")
            self._known = [*named["items"], *named.get("healthy", [])]
        return {"items": self._known, "on": list(self._on)}

    def turn(self, places: Places, name: str, *, on: bool) -> Json:
        """Turn one fault on or off, and return the switches.

        Raises:
            httpx.HTTPStatusError: when the cloud refuses.
        """
        with self._lock:
            if on and name not in self._on:
                if not self._on:
                    _call(places, "POST", "snapshot")
                _call(places, "POST", f"fault/{name}")
                self._on.append(name)
            elif not on and name in self._on:
                self._back(places, [other for other in self._on if other != name])
        return self.shown(places)

    def all_off(self, places: Places) -> Json:
        """Turn all faults off and return the switches.

        The world from before the first fault is restored, with default delays.
        """
        with self._lock:
            _call(places, "PUT", "settings", FAIR)
            if self._on:
                self._back(places, [])
        return self.shown(places)

    def _back(self, places: Places, kept: list[str]) -> None:
        _call(places, "POST", "restore")
        self._on = []
        for name in kept:
            _call(places, "POST", f"fault/{name}")
            self._on.append(name)


def _call(places: Places, method: str, path: str, body: Json | None = None) -> Json:
    answer = relay.client(places.ca_path).request(
        method, f"{places.cloud}/practice/{path}", json={} if method == "POST" else body
    )
    if answer.is_error:
        raise httpx.HTTPStatusError(_words(answer), request=answer.request, response=answer)
    found: Json = answer.json()
    return found


def _words(answer: httpx.Response) -> str:
    """Return the error text of the cloud's response, or its HTTP status."""
    try:
        return str(answer.json()["error"])
    except (ValueError, KeyError, TypeError):
        return f"HTTP {answer.status_code}"
