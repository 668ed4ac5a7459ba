"""Data for the drawing of the mail path.

It has the position of the last mail, its obstacle, and the latest events.
"""

from dataclasses import asdict, dataclass
from typing import Any

Json = dict[str, Any]
LINES = 6
OUTSIDE = ("forward", "connect", "agent")
TAKEN, SENT = "received", "7501"
STOPPED = frozenset({"refused", "rejected"})
"""Places which show that the mailbox refused the mail, or that the mail could not leave it."""


@dataclass(frozen=True, slots=True)
class Station:
    """Station on the path of a mail.

    Its state is ``ok``, ``wrong`` or ``idle``. ``note`` is shown under its name. ``at`` is the time
    (ISO, UTC).
    """

    name: str
    state: str = "idle"
    note: str = ""
    at: str = ""
    reply: str = ""


@dataclass(frozen=True, slots=True)
class Line:
    """Line about an event of a mail; ``reply`` is the full reply of a server."""

    at: str
    good: bool
    text: str
    reply: str = ""


def stations(mail: list[Json], log: list[Json], tasks: list[Json], forwarding: str) -> Json:
    """Return the stations in the mail's order, the newest lines first, and the count of stops.

    Mails count as stopped since the last mail that came through.
    """
    inward = [
        copy
        for copy in mail
        if not (copy["sender"].startswith("postmaster@") or copy["subject"].startswith("Re:"))
    ]
    last = inward[-1]["message_id"] if inward else ""
    copies = [copy for copy in inward if copy["message_id"] == last]
    stations = [*_inward(copies, log, tasks, forwarding), _answer(log, mail)]
    return {
        "stations": [asdict(station) for station in stations],
        "lines": [asdict(line) for line in _newest_lines(mail, log)],
        "stopped": _stopped(inward),
        "mail": last,
        "answers": sum(entry["direction"] == "outbound" for entry in log),
    }


def _newest_lines(mail: list[Json], log: list[Json]) -> list[Line]:
    lines = [*map(_copy_line, mail), *map(_logged, log)]
    return sorted(lines, key=lambda line: line.at, reverse=True)[:LINES]


def _inward(
    copies: list[Json], log: list[Json], tasks: list[Json], forwarding: str
) -> list[Station]:
    if not copies:
        return [Station("customer", note="not yet"), *_idle("mailbox", *OUTSIDE)]
    first, places = copies[0], {copy["place"]: copy for copy in copies}
    at = str(first["at"])
    customer = Station("customer", "ok", "wrote", at)
    if stopped := places.get("nowhere") or places.get("refused"):
        note = "no such mailbox" if "nowhere" in places else "stops here"
        refused = Station("mailbox", "wrong", note, at, stopped["note"])
        return [customer, refused, *_idle(*OUTSIDE)]
    box = Station("mailbox", "ok", "keeps a copy" if "mailbox" in places else "keeps no copy", at)
    forward = _forward(places, forwarding)
    if forward.state != "ok":
        return [customer, box, forward, *_idle("connect", "agent")]
    return [customer, box, forward, *_beyond(first, log, tasks)]


def _idle(*names: str) -> list[Station]:
    return [Station(name) for name in names]


def _forward(places: dict[str, Json], forwarding: str) -> Station:
    if "rejected" in places:
        stopped = places["rejected"]
        return Station("forward", "wrong", "stops here", stopped["at"], stopped["note"])
    if "connect" in places:
        return Station("forward", "ok", "passed on", places["connect"]["at"])
    if "internet" in places:
        return Station(
            "forward",
            "wrong",
            "another address",
            places["internet"]["at"],
            f"went to {places['internet']['owner']}, not to {forwarding}",
        )
    return Station(
        "forward", "wrong", "not set", reply="The mailbox forwards to no address outside."
    )


def _beyond(first: Json, log: list[Json], tasks: list[Json]) -> list[Station]:
    """Return the stations Webex Connect and agent, for a mail that left the mailbox."""
    seen = _received(first, log)
    if seen is None:
        return _idle("connect", "agent")
    if seen["code"] != TAKEN:
        reply = f"{seen['code']} {seen['description']}"
        return [Station("connect", "wrong", "starts no flow", seen["at"], reply), *_idle("agent")]
    mine = [task for task in tasks if task["message_id"] == first["message_id"]]
    return [Station("connect", "ok", "task created", seen["at"]), _agent(mine, seen["at"])]


def _received(first: Json, log: list[Json]) -> Json | None:
    """Return Webex Connect's last log entry about the received mail, or None."""
    found = [
        entry
        for entry in log
        if entry["direction"] == "inbound"
        and entry["subject"] == first["subject"]
        and entry["at"] >= first["at"]
    ]
    return found[-1] if found else None


def _agent(tasks: list[Json], at: str) -> Station:
    if not tasks:
        return Station("agent", at=at)
    note = "answered" if tasks[-1]["status"] == "completed" else "has the task"
    return Station("agent", "ok", note, at)


def _answer(log: list[Json], mail: list[Json]) -> Station:
    sent = [entry for entry in log if entry["direction"] == "outbound"]
    if not sent:
        return Station("answer", note="no answer yet")
    last = sent[-1]
    reply = _refusal(last, mail)
    if reply is None:
        return Station("answer", "ok", "left by SMTP", last["at"])
    return Station("answer", "wrong", "stops here", last["at"], reply)


def _refusal(sent: Json, mail: list[Json]) -> str | None:
    """Return the reply that stopped an answer, or None if the answer left the mailbox."""
    if sent["code"] != SENT:
        return f"{sent['code']} {sent['description']}"
    copies = [copy for copy in mail if copy["subject"] == sent["subject"]]
    stopped = bool(copies) and copies[-1]["place"] == "refused"
    return str(copies[-1]["note"]) if stopped else None


def _stopped(inward: list[Json]) -> int:
    """Return how many mails stopped at the mailbox since the last one reached Webex Connect."""
    count = 0
    for copy in reversed(inward):
        if copy["place"] == "connect":
            break
        count += copy["place"] in STOPPED
    return count


def _copy_line(copy: Json) -> Line:
    subject, place = copy["subject"] or "(no subject)", copy["place"]
    if place == "mailbox":
        return Line(
            copy["at"], good=True, text=f"{subject}: delivered to {copy['owner']}, a copy stays"
        )
    if place == "connect":
        return Line(copy["at"], good=True, text=f"{subject}: passed on to Webex Connect")
    if place == "internet":
        return Line(copy["at"], good=True, text=f"{subject}: left for {copy['owner']}")
    return Line(
        copy["at"],
        good=False,
        text=f"{subject}: {'stopped at forwarding' if place == 'rejected' else 'not delivered'}",
        reply=copy["note"],
    )


def _logged(entry: Json) -> Line:
    what = (
        "Webex Connect sends the answer"
        if entry["direction"] == "outbound"
        else "Webex Connect takes it"
    )
    return Line(
        entry["at"],
        good=entry["code"] in {TAKEN, SENT},
        text=f"{entry['subject']}: {what}",
        reply=f"{entry['code']} {entry['description']}",
    )
