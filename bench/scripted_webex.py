"""Scripted Webex of ``bench scale``, because the practice cloud would be the limit.

It runs in a process of its own:

    python -m bench.scripted_webex PORT

It makes up each message from its id, ``NAME-COMMAND-ROOM-NUMBER``. It keeps who asked for the
message and the answers that were posted below it, with the times. ``GET /kept`` returns and forgets
these records.
"""

import json
import sys
import threading
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

DOMAIN, ORG, BOT = "example.test", "org", "bot"
TEXTS = {"status": "/status", "channels": "/channels", "setup": "/setup-email new{number}@{domain}"}
"""Text of a message, by the command in the message's ID."""
Json = dict[str, Any]


@dataclass
class Kept:
    """Requests that reached this Webex since its records were last read.

    Times are in seconds since 1970. ``asked`` is when each message was first asked for, and
    ``posted`` lists when each message was answered below it. ``calls`` counts all requests.
    """

    asked: dict[str, float] = field(default_factory=dict)
    posted: dict[str, list[float]] = field(default_factory=dict)
    calls: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock)

    def take(self) -> Json:
        """Return the recorded requests and forget them."""
        with self.lock:
            found = {"asked": self.asked, "posted": self.posted, "calls": self.calls}
            self.asked, self.posted, self.calls = {}, {}, 0
        return found


KEPT = Kept()
HOOKS: dict[str, Json] = {}


def message(identifier: str) -> Json:
    """Return the message with this id: a command in a space, from one of the people there."""
    _, command, room, number = identifier.split("-")
    return {
        "id": identifier,
        "roomId": f"room-{room}",
        "roomType": "group",
        "personId": f"person-{room}",
        "text": TEXTS[command].format(number=number, domain=DOMAIN),
        "created": datetime.now(UTC).isoformat().replace("+00:00", "Z"),
    }


def person(identifier: str) -> Json:
    """Return a person of the served domain, or the bot itself."""
    is_bot = identifier in {"me", BOT}
    return {
        "id": BOT if is_bot else identifier,
        "emails": ["emailbot@webex.bot" if is_bot else f"{identifier}@{DOMAIN}"],
        "orgId": ORG,
        "type": "bot" if is_bot else "person",
        "displayName": "Email Bot" if is_bot else identifier,
    }


def members(room: str) -> Json:
    """Return the two members of a space: its person and the bot."""
    number = room.removeprefix("room-")
    found = [person(f"person-{number}"), person(BOT)]
    return {
        "items": [
            {
                "id": f"{room}-{each['id']}",
                "roomId": room,
                "personId": each["id"],
                "personEmail": each["emails"][0],
                "personOrgId": ORG,
                "roomType": "group",
            }
            for each in found
        ]
    }


def read(path: str, query: dict[str, list[str]]) -> Json:
    """Return the JSON that answers a GET of this path."""
    head, _, identifier = path.strip("/").partition("/")
    if head == "messages" and identifier:
        with KEPT.lock:
            KEPT.asked.setdefault(identifier, time.time())
        return message(identifier)
    if head == "people":
        return person(identifier)
    if head == "memberships":
        return members(query.get("roomId", [""])[0])
    if head == "webhooks":
        return {"items": list(HOOKS.values())}
    return {"items": []}


def write(path: str, body: Json) -> Json:
    """Return the JSON that answers a POST or PUT of this path, and record a posted message."""
    head, _, identifier = path.strip("/").partition("/")
    if head == "webhooks":
        made = {"id": identifier or f"hook-{len(HOOKS)}", "status": "active"}
        HOOKS[made["id"]] = HOOKS.get(made["id"], {}) | made | body
        return HOOKS[made["id"]]
    if head == "messages" and not identifier:
        with KEPT.lock:
            KEPT.posted.setdefault(str(body.get("parentId", "")), []).append(time.time())
            number = sum(map(len, KEPT.posted.values())) + KEPT.calls
        return body | {"id": f"post-{time.time_ns()}-{number}", "personId": BOT}
    return body | {"id": identifier}


class Handler(BaseHTTPRequestHandler):
    """Handler of one connection, which stays open between requests."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def do_GET(self) -> None:
        """Answer a GET."""
        url = urlsplit(self.path)
        if url.path == "/kept":
            self._answer(KEPT.take())
        else:
            self._count()
            self._answer(read(url.path, parse_qs(url.query)))

    def do_POST(self) -> None:
        """Accept a post, an edit or a webhook."""
        self._count()
        raw = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        kind = self.headers.get("Content-Type", "")
        self._answer(write(self.path, json.loads(raw) if raw and "json" in kind else {}))

    do_PUT = do_POST  # noqa: N815  same

    def do_DELETE(self) -> None:
        """Accept a DELETE without deleting anything."""
        self._count()
        self._answer({})

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002  http.server's signature
        """Log nothing."""

    def _count(self) -> None:
        with KEPT.lock:
            KEPT.calls += 1

    def _answer(self, body: Json) -> None:
        raw = json.dumps(body).encode()
        head = (
            f"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {len(raw)}\r\n"
        )
        self.wfile.write(head.encode() + b"\r\n" + raw)


class Server(ThreadingHTTPServer):
    """HTTP server that many clients can use at the same time."""

    request_queue_size = 512
    daemon_threads = True


if __name__ == "__main__":
    Server(("127.0.0.1", int(sys.argv[1])), Handler).serve_forever()
