"""Message trace of Graph (platforms/microsoft.md 2.5).

The trace needs its own service principal, and rows appear after a delay.
"""

from datetime import timedelta
from typing import Any, Final

from practice.mail.trace import Row
from practice.microsoft import ids
from practice.microsoft.graph import odata
from practice.microsoft.graph.call import Answer, Call, GraphError, absent, denied, route
from practice.microsoft.world import fine_stamp, stamp

Json = dict[str, Any]
READ: Final = frozenset({"ExchangeMessageTrace.Read.All"})
EQ: Final = odata.EQ
FILTERS: Final = {
    "id": EQ,
    "senderAddress": EQ,
    "recipientAddress": EQ,
    "messageId": EQ,
    "fromIP": EQ,
    "toIP": EQ,
    "status": EQ,
    "size": EQ,
    "subject": frozenset({"contains", "startswith", "endswith"}),
    "receivedDateTime": frozenset({"ge", "le"}),
}
SPAN: Final = timedelta(days=10)
BACK: Final = timedelta(days=90)
USUAL: Final = timedelta(hours=48)
LIMIT: Final = 100
WINDOW: Final = timedelta(minutes=5)
MOST: Final = 5000
PAGE: Final = 1000
DETAILS: Final = (
    "/admin/exchange/tracing/messageTraces/{row}"
    "/getDetailsByRecipient(recipientAddress='{recipient}')"
)


def row_json(row: Row) -> Json:
    """Return a row of the message trace as Graph represents it."""
    return {
        "id": row.trace_id,
        "senderAddress": row.sender,
        "recipientAddress": row.recipient,
        "messageId": row.message_id,
        "receivedDateTime": fine_stamp(row.at),
        "subject": row.subject,
        "size": row.size,
        "fromIP": row.from_ip,
        "toIP": "",
        "status": row.status,
    }


@route("GET", "/admin/exchange/tracing/messageTraces", READ)
def list_(call: Call) -> Answer:
    """Return the rows of the tenant's message trace that meet the filter, newest first."""
    _admit(call)
    alternatives = odata.conditions(call.query.get("$filter", ""), FILTERS)
    times = _about_time(alternatives)
    _check_times(call, times)
    rows = _rows(call, usual=not times)
    found = [row for row in reversed(rows) if odata.meets(alternatives, row)]
    known = frozenset(FILTERS)
    return odata.listed(
        call, [odata.select(call, row, known) for row in found], "messageTraces", MOST, PAGE
    )


def _about_time(alternatives: list[list[odata.Condition]]) -> list[odata.Condition]:
    wanted = (item for group in alternatives for item in group)
    return [item for item in wanted if item.name.lower() == "receiveddatetime"]


def _rows(call: Call, *, usual: bool) -> list[Json]:
    """Return the rows of the tenant's message trace, oldest first.

    With ``usual`` these are only the rows of the last days.
    """
    rows = [row_json(row) for row in call.world.traces.seen(call.tenant.id)]
    if not usual:
        return rows
    since = call.world.now() - USUAL
    return [row for row in rows if odata.date_time(row["receivedDateTime"]) >= since]


@route("GET", DETAILS, READ)
@route("GET", DETAILS.replace("getDetails", "microsoft.graph.getDetails"), READ)
def details(call: Call, row: str, recipient: str) -> Answer:
    """Return the events of one message for one recipient, from the message trace."""
    _admit(call)
    found = call.world.traces.find(call.tenant.id, row, recipient)
    if found is None:
        raise absent(row)
    events = [
        {
            "id": f"{row}-{number}",
            "messageId": found.message_id,
            "dateTime": stamp(event.at),
            "event": event.event,
        }
        | {"action": event.action, "description": event.detail, "data": event.data}
        for number, event in enumerate(found.events)
    ]
    return odata.listed(call, events, "exchangeMessageTraceDetail")


def _admit(call: Call) -> None:
    if not call.role(ids.TRACE_READERS):
        denied()
    if call.world.principal(call.tenant, ids.TRACE_APP) is None:
        text = (
            f"The service principal of the message trace service ({ids.TRACE_APP}) was "
            "not found in the tenant."
        )
        raise GraphError(403, "Forbidden", text)
    now, calls = call.world.now(), call.tenant.trace_calls
    while calls and now - calls[0] >= WINDOW:
        calls.popleft()
    if len(calls) >= LIMIT:
        seconds = str(int((WINDOW - (now - calls[0])).total_seconds()) + 1)
        raise GraphError(429, "TooManyRequests", "Too many requests.", {"Retry-After": seconds})
    calls.append(now)


def _check_times(call: Call, conditions: list[odata.Condition]) -> None:
    times = {item.op: odata.date_time(item.value) for item in conditions}
    end = times.get("le", call.world.now())
    start = times.get("ge", end - USUAL)
    if start > end or end - start > SPAN + timedelta(minutes=1):
        raise GraphError(
            400, "BadRequest", "The time range of receivedDateTime has to be 10 days or less."
        )
    if start < call.world.now() - BACK:
        raise GraphError(400, "BadRequest", "receivedDateTime cannot be more than 90 days back.")
