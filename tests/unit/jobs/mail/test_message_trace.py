"""Message trace by Graph or by a cmdlet as the fallback; both give the same rows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest

from jobs.clock import now
from jobs.clouds.errors import CloudReply, Forbidden, MalformedAnswer, Rejected, Transient
from jobs.mail.message_trace import (
    CmdletTrace,
    FirstThatCan,
    GraphTrace,
    TraceRow,
    TraceStatus,
    open_trace,
)
from jobs.microsoft.exchange import ExchangeRow
from jobs.microsoft.graph import Graph

SINCE = datetime(2026, 11, 24, tzinfo=UTC)
GRAPH_ROWS = [
    {
        "id": "m-1",
        "senderAddress": "a@fabrikam.com",
        "recipientAddress": "support@contoso.com",
        "messageId": "<1@fabrikam.com>",
        "receivedDateTime": "2026-11-24T10:00:00Z",
        "subject": "Test 1",
        "status": "delivered",
    },
    {
        "id": "m-1",
        "senderAddress": "a@fabrikam.com",
        "recipientAddress": "alias@forward.test",
        "messageId": "<1@fabrikam.com>",
        "receivedDateTime": "2026-11-24T10:00:05.1234567Z",
        "subject": "Test 1",
        "status": "failed",
    },
]
DELIVERED = TraceRow(
    "m-1",
    "a@fabrikam.com",
    "support@contoso.com",
    "<1@fabrikam.com>",
    datetime(2026, 11, 24, 10, tzinfo=UTC),
    "Test 1",
    TraceStatus.DELIVERED,
)
FAILED = TraceRow(
    "m-1",
    "a@fabrikam.com",
    "alias@forward.test",
    "<1@fabrikam.com>",
    datetime(2026, 11, 24, 10, 0, 5, 123456, tzinfo=UTC),
    "Test 1",
    TraceStatus.FAILED,
)
CMDLET_ROWS = [
    ExchangeRow(
        {
            "MessageTraceId": "m-1",
            "SenderAddress": "a@fabrikam.com",
            "RecipientAddress": "support@contoso.com",
            "MessageId": "<1@fabrikam.com>",
            "Received": "2026-11-24T10:00:00",
            "Subject": "Test 1",
            "Status": "Delivered",
        }
    )
]


class Exchange:
    """Cmdlet runner that returns rows or raises, and records its calls."""

    def __init__(self, rows: list[ExchangeRow] | Exception) -> None:
        self.rows = rows
        self.asked: list[tuple[str, dict[str, Any]]] = []

    async def run(
        self, cmdlet: str, parameters: Mapping[str, Any], *, select: Sequence[str] = ()
    ) -> list[ExchangeRow]:
        """Return the rows of the test, or raise its error."""
        self.asked.append((cmdlet, dict(parameters)))
        if isinstance(self.rows, Exception):
            raise self.rows
        return self.rows


def graph(answer: httpx.Response, seen: list[httpx.Request] | None = None) -> Graph:
    """Return a Graph client that gets the same answer to every request."""

    def handler(request: httpx.Request) -> httpx.Response:
        if seen is not None:
            seen.append(request)
        return httpx.Response(answer.status_code, headers=answer.headers, content=answer.content)

    async def token() -> str:
        return "token-1"

    return Graph(
        httpx.AsyncClient(transport=httpx.MockTransport(handler)),
        token,
        "https://graph.microsoft.com",
    )


async def test_graphs_rows_come_newest_first_and_once():
    """The rows of a trace come newest first. A row that Graph lists twice counts once.

    A forwarded copy is a row of its own.
    """
    trace = GraphTrace(graph(httpx.Response(200, json={"value": [*GRAPH_ROWS, GRAPH_ROWS[0]]})))
    assert await trace.find(SINCE, sender="a@fabrikam.com") == (FAILED, DELIVERED)


async def test_the_cmdlets_rows_are_the_same():
    """Get-MessageTraceV2 gives the same rows as Graph.

    The cmdlet uses other names, and times without a zone.
    """
    exchange = Exchange([*CMDLET_ROWS, *CMDLET_ROWS])
    since = now() - timedelta(hours=1)
    assert await CmdletTrace(exchange).find(since, recipient="support@contoso.com") == (DELIVERED,)
    ((cmdlet, parameters),) = exchange.asked
    assert (cmdlet, sorted(parameters)) == (
        "Get-MessageTraceV2",
        ["EndDate", "RecipientAddress", "StartDate"],
    )
    assert parameters["StartDate"] == since.strftime("%Y-%m-%dT%H:%M:%SZ")


class Many:
    """Mailbox with one row a minute.

    An answer holds ``most`` rows. With ``warns``, Exchange returns none of them if there are more.
    """

    def __init__(self, rows: int, most: int, *, warns: bool = False) -> None:
        self.most, self.warns, self.asked = most, warns, 0
        times = [now() - timedelta(minutes=number) for number in range(1, rows + 1)]
        self.rows = [
            ExchangeRow(CMDLET_ROWS[0])
            | {"MessageTraceId": f"m-{number}", "Received": at.strftime("%Y-%m-%dT%H:%M:%S")}
            for number, at in enumerate(times)
        ]

    async def run(
        self, cmdlet: str, parameters: Mapping[str, Any], *, select: Sequence[str] = ()
    ) -> list[ExchangeRow]:
        """Return the newest rows of the interval, at most ``most`` of them."""
        self.asked += 1
        start, end = (str(parameters[name]).removesuffix("Z") for name in ("StartDate", "EndDate"))
        found = [ExchangeRow(row) for row in self.rows if start <= row["Received"] <= end]
        if self.warns and len(found) > self.most:
            raise MalformedAnswer(
                "exchange_answer_cut", CloudReply("exchange", 200, message="There are more results")
            )
        return found[: self.most]


@pytest.mark.parametrize(
    ("rows", "warns", "calls"),
    [(999, False, 1), (1000, False, 2), (2500, False, 3), (2500, True, 7)],
)
async def test_a_busy_mailbox_is_read_whole(rows: int, warns: bool, calls: int):
    """More than a thousand rows are read in parts, and each row counts once."""
    many = Many(rows, 1000, warns=warns)
    found = await CmdletTrace(many).find(
        now() - timedelta(hours=48), recipient="support@contoso.com"
    )
    assert (len(found), len({row.id for row in found}), many.asked) == (rows, rows, calls)


async def test_a_page_that_ends_within_a_second_is_followed_from_that_moment():
    """The next part of a trace ends at the exact time of the last row, with fractions of a second.

    Exchange's times have seven digits, and the next rows may be of the same second.
    """
    asked: list[Mapping[str, Any]] = []

    class Exact:
        async def run(
            self, cmdlet: str, parameters: Mapping[str, Any], *, select: Sequence[str] = ()
        ) -> list[ExchangeRow]:
            asked.append(dict(parameters))
            row = CMDLET_ROWS[0] | {"Received": "2026-07-23T22:01:22.0480000Z"}
            return [ExchangeRow(row)] * (1000 if len(asked) == 1 else 1)

    await CmdletTrace(Exact()).find(now() - timedelta(hours=48))
    assert [each["EndDate"] for each in asked[1:]] == ["2026-07-23T22:01:22.048000Z"]


async def test_rows_that_stay_missing_are_no_answer():
    """If even ten minutes hold too many rows, the read fails instead of returning part of them."""
    with pytest.raises(MalformedAnswer) as cut:
        await CmdletTrace(Many(2500, 3, warns=True)).find(now() - timedelta(hours=48))
    assert cut.value.cause == "exchange_answer_cut"


async def test_the_subject_is_looked_at_here_as_well():
    """Rows are filtered by subject even if the backend does not filter them."""
    assert await CmdletTrace(Exchange(CMDLET_ROWS)).find(SINCE, subject="TEST") == (DELIVERED,)
    assert await CmdletTrace(Exchange(CMDLET_ROWS)).find(SINCE, subject="other") == ()
    assert (
        await GraphTrace(graph(httpx.Response(200, json={"value": GRAPH_ROWS}))).find(
            SINCE, subject="other"
        )
        == ()
    )


async def test_no_more_than_ten_days_are_asked_for():
    """An interval of more than ten days is cut, because both backends refuse it."""
    seen: list[httpx.Request] = []
    exchange = Exchange([])
    long_ago = now() - timedelta(days=60)
    await GraphTrace(graph(httpx.Response(200, json={"value": []}), seen)).find(long_ago)
    await CmdletTrace(exchange).find(long_ago)
    start = seen[0].url.params["$filter"].split(" ge ")[1].split(" ")[0]
    assert now() - datetime.fromisoformat(start) < timedelta(days=10, minutes=1)
    assert now() - datetime.fromisoformat(exchange.asked[0][1]["StartDate"]) < timedelta(
        days=10, minutes=1
    )


@pytest.mark.parametrize(
    ("word", "status"),
    [
        ("delivered", TraceStatus.DELIVERED),
        ("FilteredAsSpam", TraceStatus.FILTERED_AS_SPAM),
        ("Getting Status", TraceStatus.GETTING_STATUS),
        ("Resolved", TraceStatus.RESOLVED),
        ("None", TraceStatus.UNKNOWN),
        ("somethingNew", TraceStatus.UNKNOWN),
        (None, TraceStatus.UNKNOWN),
    ],
)
def test_a_status_is_read_in_any_spelling(word: object, status: TraceStatus):
    """The status of a mail is read in the spelling of Graph and in that of the cmdlet.

    A new word is unknown, and not an error.
    """
    assert TraceStatus(word) is status


async def test_details_are_lines_in_which_codes_can_be_found():
    """Each event of a mail becomes one line, with its action and its text.

    Graph and the cmdlet give the same kind of lines.
    """
    by_graph = GraphTrace(
        graph(
            httpx.Response(
                200,
                json={
                    "value": [
                        {"event": "Fail", "description": "550 5.7.520 Access denied", "data": None}
                    ]
                },
            )
        )
    )
    by_cmdlet = CmdletTrace(
        Exchange(
            [
                ExchangeRow(
                    {"Date": "2026-11-24", "Event": "Fail", "Detail": "550 5.7.520 Access denied"}
                )
            ]
        )
    )
    assert await by_graph.details(FAILED) == ("Fail | 550 5.7.520 Access denied",)
    assert await by_cmdlet.details(FAILED) == ("2026-11-24 | Fail | 550 5.7.520 Access denied",)


@pytest.mark.parametrize("status", [400, 401, 403, 404])
async def test_the_cmdlet_takes_over_where_graph_does_not_trace(status: int):
    """If Graph refuses to trace, the cmdlet is asked instead.

    From then on only the cmdlet is asked, for the details as well.
    """
    seen: list[httpx.Request] = []
    exchange = Exchange(CMDLET_ROWS)
    trace = open_trace(graph(httpx.Response(status), seen), exchange)
    assert await trace.find(SINCE) == (DELIVERED,)
    assert await trace.find(SINCE) == (DELIVERED,)
    await trace.details(DELIVERED)
    assert (len(seen), [asked[0] for asked in exchange.asked]) == (
        1,
        ["Get-MessageTraceV2"] * 2 + ["Get-MessageTraceDetailV2"],
    )


async def test_if_neither_can_graphs_words_are_told():
    """If both backends refuse, the error is Graph's, because Graph is the documented way."""
    exchange = Exchange(Rejected("exchange_parameter_wrong", CloudReply("exchange", 400)))
    trace = open_trace(graph(httpx.Response(403)), exchange)
    for _ in range(2):
        with pytest.raises(Forbidden) as failed:
            await trace.find(SINCE)
        assert failed.value.service == "graph"


async def test_graph_being_slow_is_no_reason_to_change():
    """The cmdlet is asked only if Graph refuses. A temporary error of Graph is raised."""
    exchange = Exchange(CMDLET_ROWS)
    with pytest.raises(Transient):
        await open_trace(graph(httpx.Response(429, headers={"Retry-After": "300"})), exchange).find(
            SINCE
        )
    assert exchange.asked == []


@pytest.mark.parametrize("status", [400, 401, 403, 404])
async def test_details_that_are_not_given_out_leave_the_row(status: int):
    """If the details of a mail may not be read, its row in the trace is still returned."""
    answers = [httpx.Response(200, json={"value": GRAPH_ROWS}), httpx.Response(status)]
    http = httpx.AsyncClient(transport=httpx.MockTransport(lambda _: answers.pop(0)))

    async def token() -> str:
        return "token-1"

    trace = open_trace(Graph(http, token, "https://graph.microsoft.com"), Exchange([]))
    assert (await trace.find(SINCE), await trace.details(FAILED)) == ((FAILED, DELIVERED), ())


def test_what_went_on():
    """A mail to a group or an alias was passed on, although it was not delivered.

    A pending or failed mail was neither passed on nor delivered.
    """
    assert {status for status in TraceStatus if status.went_on} == {
        TraceStatus.DELIVERED,
        TraceStatus.EXPANDED,
        TraceStatus.RESOLVED,
    }


async def test_times_are_told_in_utc():
    """A time of the trace is converted to UTC from any time zone, because cards show UTC."""
    rows = [{**GRAPH_ROWS[0], "receivedDateTime": "2026-11-24T12:00:00.1234567+02:00"}]
    (row,) = await GraphTrace(graph(httpx.Response(200, json={"value": rows}))).find(SINCE)
    assert f"{row.received:%d %b %H:%M}" == "24 Nov 10:00"


async def test_a_row_without_a_time_is_left_out():
    """A row without a time is left out, and the other rows count."""
    rows = [{**GRAPH_ROWS[0], "receivedDateTime": None}, *GRAPH_ROWS]
    assert await GraphTrace(graph(httpx.Response(200, json={"value": rows}))).find(SINCE) == (
        FAILED,
        DELIVERED,
    )


async def test_a_time_that_is_none_is_unreadable():
    """A time that cannot be read makes the answer unreadable, because its row cannot be sorted."""
    rows = [{**GRAPH_ROWS[0], "receivedDateTime": "yesterday"}]
    with pytest.raises(MalformedAnswer):
        await GraphTrace(graph(httpx.Response(200, json={"value": rows}))).find(SINCE)


async def test_a_cmdlet_that_is_not_answered_hides_no_missing_role():
    """If Graph cannot trace and Exchange is away, the temporary error of Exchange is raised.

    Asking for somebody with a role would not help.
    """

    class Away:
        async def find(self, since: datetime, **wanted: str) -> tuple[TraceRow, ...]:
            raise Transient("service_unavailable", CloudReply("exchange", 503))

        async def details(self, row: TraceRow) -> tuple[str, ...]:
            return ()

    first = GraphTrace(graph(httpx.Response(403, json={"error": {"code": "Forbidden"}})))
    with pytest.raises(Transient) as away:
        await FirstThatCan(first, Away()).find(SINCE)
    assert away.value.cause == "service_unavailable"
