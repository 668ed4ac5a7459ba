"""Message trace by Graph or by a cmdlet, which give the same rows, and the causes of bounces in it."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

import httpx
import pytest

from jobs.causes.reader import Place, read
from jobs.clock import now, parse
from jobs.clouds.clock_skew import METER, MICROSOFT
from jobs.clouds.errors import CloudError, MalformedAnswer, Rejected, Transient
from jobs.mail.message_trace import Trace, TraceRow, TraceStatus, cause_at, cause_of_copy
from jobs.microsoft.exchange import ExchangeRow
from jobs.microsoft.graph import Graph
from jobs.model import Station
from tests.fixtures.parsed import table
from tests.unit.jobs.clouds.scripted_cloud import Cloud as Answers

ROWS = table("bounces")

SINCE = datetime(2026, 11, 24, tzinfo=UTC)
SENDER, TO, ID = "a@fabrikam.com", "support@contoso.com", "<1@fabrikam.com>"
COPIED_TO = "alias@forward.test"
GRAPH_ROW = {"id": "m-1", "senderAddress": SENDER, "recipientAddress": TO, "messageId": ID}
GRAPH_ROW |= {"receivedDateTime": "2026-11-24T10:00:00Z", "subject": "Test 1"}
GRAPH_ROW |= {"status": "delivered"}
COPY = GRAPH_ROW | {"recipientAddress": COPIED_TO, "status": "failed"}
COPY |= {"receivedDateTime": "2026-11-24T10:00:05.1234567Z"}
RECEIVED = datetime(2026, 11, 24, 10, tzinfo=UTC)
DELIVERED = TraceRow("m-1", SENDER, TO, ID, RECEIVED, "Test 1", TraceStatus.DELIVERED)
COPIED = RECEIVED.replace(second=5, microsecond=123456)
FAILED = replace(DELIVERED, recipient=COPIED_TO, received=COPIED, status=TraceStatus.FAILED)
CMDLET_ROW = {"MessageTraceId": "m-1", "SenderAddress": SENDER, "RecipientAddress": TO}
CMDLET_ROW |= {"MessageId": ID, "Received": "2026-11-24T10:00:00"}
CMDLET_ROW |= {"Subject": "Test 1", "Status": "Delivered"}
CMDLET_ROWS = [ExchangeRow(CMDLET_ROW)]


class Exchange:
    """Cmdlet runner that returns rows or raises, and records its calls."""

    def __init__(self, rows: list[ExchangeRow] | Exception) -> None:
        self.rows = rows
        self.asked: list[tuple[str, dict[str, Any]]] = []

    async def run(self, cmdlet: str, parameters) -> list[ExchangeRow]:
        """Return the rows of the test, or raise its error."""
        self.asked.append((cmdlet, dict(parameters)))
        if isinstance(self.rows, Exception):
            raise self.rows
        return self.rows


def response(answer: httpx.Response | list[dict[str, Any]]) -> httpx.Response:
    """Return Graph's answer, which may be given as its rows."""
    return httpx.Response(200, json={"value": answer}) if isinstance(answer, list) else answer


def trace(
    *answers: httpx.Response | list[dict[str, Any]],
    exchange: Any = None,
    seen: list[httpx.Request] | None = None,
) -> Trace:
    """Return a trace whose Graph gives these answers or rows in turn, the last one repeatedly."""
    graph = Answers(*map(response, answers))
    graph.seen = graph.seen if seen is None else seen

    async def token() -> str:
        return "token-1"

    http = httpx.AsyncClient(transport=httpx.MockTransport(graph))
    return Trace(Graph(http, token, "https://graph.microsoft.com"), exchange or Exchange([]))


async def test_graphs_rows_come_newest_first_and_once():
    """A row that Graph lists twice counts once. A forwarded copy is a row of its own."""
    found = await trace([GRAPH_ROW, COPY, GRAPH_ROW]).find(SINCE, sender="a@fabrikam.com")
    assert found == (FAILED, DELIVERED)


async def test_the_cmdlets_rows_are_the_same():
    """Get-MessageTraceV2 gives the same rows as Graph.

    The cmdlet uses other names, and times without a zone. The newest rows count if the bot's clock
    is slow, too.
    """
    exchange = Exchange([*CMDLET_ROWS, *CMDLET_ROWS])
    ahead = now() + timedelta(minutes=4)
    METER.note(MICROSOFT, {"Date": format_datetime(ahead, usegmt=True)}, 0.1)
    since = now() - timedelta(hours=1)
    assert await Trace(None, exchange).find(since, recipient="support@contoso.com") == (DELIVERED,)
    ((cmdlet, parameters),) = exchange.asked
    assert cmdlet == "Get-MessageTraceV2"
    assert sorted(parameters) == ["EndDate", "RecipientAddress", "StartDate"]
    assert parameters["StartDate"] == since.strftime("%Y-%m-%dT%H:%M:%SZ")
    assert parse(parameters["EndDate"]) >= ahead + timedelta(seconds=5)


class Many(Exchange):
    """Mailbox with one row a minute.

    An answer holds ``most`` rows. With ``warns``, Exchange returns none of them if there are more.
    """

    def __init__(self, rows: int, most: int, *, warns: bool = False) -> None:
        times = [now() - timedelta(minutes=number) for number in range(1, rows + 1)]
        received = [at.strftime("%Y-%m-%dT%H:%M:%S") for at in times]
        rows = [CMDLET_ROW | {"MessageTraceId": at, "Received": at} for at in received]
        super().__init__(list(map(ExchangeRow, rows)))
        self.most, self.warns = most, warns

    async def run(self, cmdlet: str, parameters) -> list[ExchangeRow]:
        """Return the newest rows of the interval, at most ``most`` of them."""
        start, end = (str(parameters[name]).removesuffix("Z") for name in ("StartDate", "EndDate"))
        rows = await super().run(cmdlet, parameters)
        found = [row for row in rows if start <= row["Received"] <= end]
        if self.warns and len(found) > self.most:
            raise MalformedAnswer("exchange_answer_cut", "exchange", 200)
        return found[: self.most]


@pytest.mark.parametrize(
    ("rows", "warns", "calls"),
    [(999, False, 1), (1000, False, 2), (2500, False, 3), (2500, True, 7)],
)
async def test_a_busy_mailbox_is_read_whole(rows, warns, calls):
    """More than a thousand rows are read in parts, and each row counts once.

    If even ten minutes hold too many rows, the read fails instead of returning part of them.
    """
    many, since = Many(rows, 1000, warns=warns), now() - timedelta(hours=48)
    found = await Trace(None, many).find(since, recipient="support@contoso.com")
    assert (len(found), len({row.id for row in found}), len(many.asked)) == (rows, rows, calls)
    if warns:
        many.most = 3
        with pytest.raises(MalformedAnswer) as cut:
            await Trace(None, many).find(since)
        assert cut.value.cause == "exchange_answer_cut"


async def test_a_page_that_ends_within_a_second_is_followed_from_that_moment():
    """The next part of a trace ends at the exact time of the last row, with fractions of a second.

    Exchange's times have seven digits, and the next rows may be of the same second.
    """
    row = ExchangeRow(CMDLET_ROW | {"Received": "2026-07-23T22:01:22.0480000Z"})
    exact = Exchange([row] * 1000)
    await Trace(None, exact).find(now() - timedelta(hours=48))
    assert exact.asked[1][1]["EndDate"] == "2026-07-23T22:01:22.048000Z"


async def test_the_subject_is_looked_at_here_as_well():
    """Rows are filtered by subject even if the backend does not filter them."""
    for both in (Trace(None, Exchange(CMDLET_ROWS)), trace([GRAPH_ROW])):
        assert await both.find(SINCE, subject="TEST") == (DELIVERED,)
        assert await both.find(SINCE, subject="other") == ()


async def test_no_more_than_ten_days_are_asked_for():
    """An interval of more than ten days is cut, because both backends refuse it."""
    seen: list[httpx.Request] = []
    exchange = Exchange([])
    for each in (trace([], seen=seen), Trace(None, exchange)):
        await each.find(now() - timedelta(days=60))
    by_graph = seen[0].url.params["$filter"].split(" ge ")[1].split(" ")[0]
    for start in (by_graph, exchange.asked[0][1]["StartDate"]):
        assert now() - datetime.fromisoformat(start) < timedelta(days=10, minutes=1)


@pytest.mark.parametrize(
    ("word", "status", "went_on"),
    [
        ("delivered", TraceStatus.DELIVERED, True),
        ("FilteredAsSpam", TraceStatus.FILTERED_AS_SPAM, False),
        ("Getting Status", TraceStatus.GETTING_STATUS, False),
        ("Resolved", TraceStatus.RESOLVED, True),
        ("Expanded", TraceStatus.EXPANDED, True),
        ("somethingNew", TraceStatus.UNKNOWN, False),
        (None, TraceStatus.UNKNOWN, False),
    ],
)
async def test_a_status_is_read_in_any_spelling(word, status, went_on):
    """The status of a mail is read in the spelling of Graph and in that of the cmdlet.

    A new word is unknown, and not an error. A mail to a group or an alias was passed on.
    """
    (found,) = await trace([GRAPH_ROW | {"status": word}]).find(SINCE)
    assert (found.status, found.went_on) == (status, went_on)


async def test_details_are_lines_in_which_codes_can_be_found():
    """Graph and the cmdlet give the same kind of lines, one for each event."""
    by_graph = trace([{"event": "Fail", "description": "550 5.7.520 Access denied", "data": None}])
    row = {"Date": "2026-11-24", "Event": "Fail", "Detail": "550 5.7.520 Access denied"}
    by_cmdlet = Trace(None, Exchange([ExchangeRow(row)]))
    assert await by_graph.details(FAILED) == ("Fail | 550 5.7.520 Access denied",)
    assert await by_cmdlet.details(FAILED) == ("2026-11-24 | Fail | 550 5.7.520 Access denied",)


@pytest.mark.parametrize("status", [400, 401, 403, 404])
async def test_the_cmdlet_takes_over_where_graph_does_not_trace(status):
    """From a refusal on only the cmdlet is asked, for the details as well."""
    seen: list[httpx.Request] = []
    exchange = Exchange(CMDLET_ROWS)
    either = trace(httpx.Response(status), exchange=exchange, seen=seen)
    assert [await either.find(SINCE) for _ in range(2)] == [(DELIVERED,), (DELIVERED,)]
    await either.details(DELIVERED)
    cmdlets = ["Get-MessageTraceV2", "Get-MessageTraceV2", "Get-MessageTraceDetailV2"]
    assert (len(seen), [asked[0] for asked in exchange.asked]) == (1, cmdlets)


@pytest.mark.parametrize(
    ("graph", "exchange", "raised"),
    [
        (403, Rejected("exchange_parameter_wrong", "exchange", 400), "graph"),
        (403, Transient("service_unavailable", "exchange", 503), "exchange"),
        (403, MalformedAnswer("answer_unreadable", "exchange", 200), "exchange"),
        (429, AssertionError("the cmdlet is asked only if Graph refuses"), "graph"),
    ],
)
async def test_whose_error_is_raised(graph, exchange, raised):
    """If both refuse, it is Graph's, because Graph is the documented way.

    If only a cloud is away or unreadable, it is that one's: asking for somebody with a role would not help.
    """
    said = httpx.Response(graph, headers={"Retry-After": "300"}, json={"error": {"code": "No"}})
    either = trace(said, exchange=Exchange(exchange))
    for _ in range(2):
        with pytest.raises(CloudError) as failed:
            await either.find(SINCE)
        assert failed.value.service == raised


@pytest.mark.parametrize("status", [400, 401, 403, 404])
async def test_details_that_are_not_given_out_leave_the_row(status):
    """If the details of a mail may not be read, its row in the trace is still returned."""
    found = trace([GRAPH_ROW, COPY], httpx.Response(status))
    assert (await found.find(SINCE), await found.details(FAILED)) == ((FAILED, DELIVERED), ())


async def test_a_row_without_a_time_is_left_out():
    """Other rows count; if no row has a time, the answer is unreadable.

    A time is converted to UTC from any time zone, because cards show UTC.
    """
    rows = [GRAPH_ROW | {"receivedDateTime": time} for time in (None, "yesterday")]
    elsewhere = GRAPH_ROW | {"receivedDateTime": "2026-11-24T12:00:00.0000000+02:00"}
    assert await trace([*rows, elsewhere, COPY]).find(SINCE) == (FAILED, DELIVERED)
    with pytest.raises(MalformedAnswer):
        await trace(rows).find(SINCE)


@pytest.mark.slow
@pytest.mark.parametrize(("words", "cause"), ROWS["meanings"])
def test_what_a_code_means(words, cause):
    """A bounce code has the same cause in a message trace and in pasted text."""
    named = {cause_at(each, [f"Fail | Reason: [{{LED={words}}}]"]) for each in Station}
    assert named - {""} == {cause} - {""}
    certain = [found.cause for found in read(words, Place.EXCHANGE).certain]
    assert certain == ([cause] if cause else [])


@pytest.mark.slow
@pytest.mark.parametrize("row", ROWS["places"], ids=str)
def test_of_whom_a_code_speaks(row):
    """The cause of a code depends on the place at which the mail was refused.

    A colleague who may not send, or a customer's full mailbox, is no fault of the channel's
    mailbox.
    """
    words, *causes = row
    places = (Station.MAILBOX, Station.FORWARD, Station.ANSWER)
    assert [cause_at(place, [words]) for place in places] == causes


@pytest.mark.parametrize("row", ROWS["copies"], ids=str)
def test_a_copy_that_nobody_took(row):
    """A forwarded copy that expired or is deferred has its own cause."""
    cause, *words = row
    assert cause_of_copy(words) == cause
