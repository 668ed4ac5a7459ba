"""Get-MessageTraceV2 and its details: the rows of Graph's message trace under other names.

Source: platforms/microsoft.md 2.5.
"""

from datetime import UTC, datetime, timedelta
from typing import Any, Final

from practice.mail.trace import Row
from practice.microsoft.exchange.call import READERS, Rows, Run, cmdlet, invalid, missing
from practice.microsoft.world import stamp

FILTERS: Final = (
    "SenderAddress RecipientAddress StartDate EndDate MessageTraceId MessageId Status "
    "Subject SubjectFilterType ResultSize"
)
STATUS: Final = {
    "delivered": "Delivered",
    "failed": "Failed",
    "pending": "Pending",
    "expanded": "Expanded",
    "quarantined": "Quarantined",
}
PAGE: Final = 1000
MORE: Final = "There are more results, use the following command to get more. Get-MessageTraceV2"
SPAN: Final = timedelta(days=10)


def _moment(value: Any, usual: datetime) -> datetime:
    if value is None:
        return usual
    try:
        found = datetime.fromisoformat(str(value))
    except ValueError:
        raise invalid(
            f'Cannot process argument transformation on a date parameter. Cannot convert value "{value}".'
        ) from None
    return found if found.tzinfo else found.replace(tzinfo=UTC)


@cmdlet("Get-MessageTraceV2", READERS, f"{FILTERS} StartingRecipientAddress FromIP ToIP")
def get_message_trace(run: Run) -> Rows:
    """Return the rows of the message trace, newest first."""
    start, end = _span(run)
    found = [
        _trace(row)
        for row in run.world.traces.seen(run.tenant.id)
        if start <= row.at <= end and _wanted(run, row)
    ]
    most = int(run.value("ResultSize") or PAGE)
    if len(found) > most:
        run.warnings.append(MORE)
    return found[::-1][:most]


def _span(run: Run) -> tuple[datetime, datetime]:
    end = _moment(run.value("EndDate"), run.world.now())
    start = _moment(run.value("StartDate"), end - timedelta(hours=48))
    if start > end or end - start > SPAN + timedelta(minutes=1):
        raise invalid("Invalid StartDate value. The time range has to be 10 days or less.")
    return start, end


def _wanted(run: Run, row: Row) -> bool:
    """Return whether the row of the trace meets every filter except that of the dates."""
    return (
        _address(run, "SenderAddress", row.sender)
        and _address(run, "RecipientAddress", row.recipient)
        and run.value("MessageTraceId") in {None, row.trace_id}
        and run.value("MessageId") in {None, row.message_id}
        and _subject(run, row.subject)
        and run.value("Status") in {None, STATUS[row.status]}
    )


def _trace(row: Row) -> dict[str, Any]:
    return {
        "MessageTraceId": row.trace_id,
        "MessageId": row.message_id,
        "SenderAddress": row.sender,
        "RecipientAddress": row.recipient,
        "Received@data.type": "System.DateTime",
        "Received": _exact(row.at),
        "Subject": row.subject,
        "Status": STATUS[row.status],
        "Size": row.size,
        "FromIP": row.from_ip,
        "ToIP": "",
    }


def _exact(moment: datetime) -> str:
    """Return a time as Exchange writes it in a trace: with seven digits of a second."""
    return f"{moment.astimezone(UTC):%Y-%m-%dT%H:%M:%S.%f}0Z"


def _address(run: Run, name: str, address: str) -> bool:
    wanted = [item.lower() for item in run.list_(name)]
    return not wanted or address.lower() in wanted


def _subject(run: Run, subject: str) -> bool:
    wanted = str(run.value("Subject") or "").lower()
    kind = str(run.value("SubjectFilterType") or "Contains").lower()
    seen = subject.lower()
    return {"startswith": seen.startswith(wanted), "endswith": seen.endswith(wanted)}.get(
        kind, wanted in seen
    )


@cmdlet(
    "Get-MessageTraceDetailV2",
    READERS,
    "MessageTraceId RecipientAddress StartDate EndDate SenderAddress MessageId",
)
def get_message_trace_detail(run: Run) -> Rows:
    """Return the events of one message for one recipient, from the message trace."""
    row = run.world.traces.find(
        run.tenant.id, run.text("MessageTraceId"), run.text("RecipientAddress")
    )
    if row is None:
        raise missing(run.text("MessageTraceId"))
    return [
        {
            "MessageTraceId": row.trace_id,
            "MessageId": row.message_id,
            "Date": stamp(event.at),
            "Event": event.event,
            "Action": event.action,
            "Detail": event.detail,
            "Data": event.data,
        }
        for event in row.events
    ]
