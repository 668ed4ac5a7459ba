"""Requests to a cloud: every fault has a defined outcome, and every changing call is logged."""

import asyncio
import re
from contextlib import asynccontextmanager, nullcontext, suppress
from types import SimpleNamespace

import httpx
import pytest
import stamina
from stamina.instrumentation import set_on_retry_hooks

from jobs.clouds import calls, errors
from jobs.clouds.calls import measured, outcome
from jobs.clouds.errors import CloudError, Rejected, Transient
from jobs.clouds.http import Call, RetryPolicy, async_client, request, sync_client
from jobs.microsoft.graph import judge_graph
from jobs.microsoft.identity import Identity
from jobs.storage.counters import COUNTERS, read
from tests.unit.jobs.clouds.scripted_cloud import OK, Cloud


@pytest.fixture
def no_waiting():
    """Stamina's own test mode: the waits are asked for, but not slept."""
    with stamina.set_testing(True, attempts=5, cap=True):
        yield


@pytest.fixture
def waits():
    """Retries that stamina scheduled, with their waits."""
    seen = []
    set_on_retry_hooks([seen.append])
    yield seen
    set_on_retry_hooks(None)


@asynccontextmanager
async def answering(answers: list[bytes], seen: list[bytes]):
    """Yield the address of a real server that sends these bytes, and repeats the last ones."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        seen.append(await reader.readuntil(b"\r\n\r\n"))
        writer.write(answers[min(len(seen), len(answers)) - 1])
        await writer.drain()
        writer.close()
        await writer.wait_closed()

    async with await asyncio.start_server(serve, "127.0.0.1", 0) as server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"


def later(status: int, seconds: str) -> httpx.Response:
    """Return an answer with this Retry-After."""
    return httpx.Response(status, headers={"Retry-After": seconds})


HEALS, FAILS, REFUSED = (None, 2), (errors.Transient, 1), (errors.Rejected, 1)
BAD, DENIED, LOGIN = (errors.MalformedAnswer, 1), (errors.Forbidden, 1), (errors.SignInNeeded, 1)
NULS, NO = b"\0" * 4096, {"error": {"code": "x"}}
MATRIX = [
    # what comes first, and the outcomes and tries of a GET and of a POST
    ("429 with Retry-After", later(429, "1"), HEALS, HEALS),
    ("429 without", httpx.Response(429), HEALS, HEALS),
    ("429 for an hour", later(429, "3600"), FAILS, FAILS),
    ("500", httpx.Response(500), HEALS, FAILS),
    ("503 with Retry-After", later(503, "2"), HEALS, FAILS),
    ("timeout", httpx.ReadTimeout("slow"), HEALS, FAILS),
    ("reset", httpx.ReadError("reset"), HEALS, FAILS),
    ("not connected", httpx.ConnectError("refused"), HEALS, HEALS),
    ("wrong JSON", httpx.Response(200, content=b'{"value": ['), BAD, BAD),
    ("redirect", httpx.Response(302, headers={"Location": "https://evil.test/"}), REFUSED, REFUSED),
    ("401", httpx.Response(401), LOGIN, LOGIN),
    ("403", httpx.Response(403), DENIED, DENIED),
    ("404", httpx.Response(404, json=NO), (errors.NotFound, 1), (errors.NotFound, 1)),
    ("404 of a gateway", httpx.Response(404), BAD, BAD),
]


@pytest.mark.usefixtures("no_waiting")
@pytest.mark.parametrize("method", ["GET", "POST"])
@pytest.mark.parametrize("row", MATRIX, ids=[row[0] for row in MATRIX])
async def test_fault_matrix(ask, row, method):
    """A fault followed by a good answer gives a defined outcome after a defined number of tries."""
    outcome, tries = row[2 if method == "GET" else 3]
    cloud = Cloud(row[1], OK)
    with pytest.raises(outcome) if outcome else nullcontext() as failed:
        assert (await ask(cloud, method)).data == {"value": []}
    assert outcome is None or failed.type is outcome
    assert len(cloud.seen) == tries


@pytest.mark.slow
@pytest.mark.usefixtures("real_pauses")
async def test_retry_after_is_a_minimum(ask, waits):
    """The pause before the second try is as long as the Retry-After header asks for."""
    await ask(Cloud(later(429, "1"), OK))
    assert [wait.wait_for for wait in waits] == [1.0]


async def test_the_whole_is_bounded_by_time(ask):
    """A request to a server that never answers ends after the policy's total time.

    The length of the read timeout makes no difference.
    """

    async def never(_: httpx.Request) -> httpx.Response:
        await asyncio.sleep(30)
        return OK

    with pytest.raises(errors.Transient) as failed:
        await ask(never, patience=RetryPolicy(total_s=0.05))
    assert failed.value.cause == "timed_out"


GZIP = f"Content-Encoding: gzip\r\nContent-Length: {len(NULS)}\r\n\r\n".encode() + NULS
HALF = b'Content-Length: 100\r\n\r\n{"value": '


@pytest.mark.parametrize(
    ("status", "rest", "method", "outcome", "tries"),
    [
        (403, GZIP, "GET", errors.Forbidden, 1),
        (503, GZIP, "POST", errors.Transient, 1),
        (200, GZIP, "GET", None, 2),
        (200, GZIP, "POST", errors.TruncatedAnswer, 1),
        (200, HALF, "GET", None, 2),
        (200, HALF, "POST", errors.TruncatedAnswer, 1),
    ],
)
async def test_a_body_that_is_not_what_it_declares(
    make_settings, status, rest, method, outcome, tries
):
    """If a real server's body ends early or cannot be decoded, its status keeps its meaning.

    A successful GET is sent again, which heals the fault. Exchange declares the NUL bytes of its
    403 as gzip.
    """
    good = b'HTTP/1.1 200 OK\r\nContent-Length: 13\r\n\r\n{"value": []}'
    answers, seen = [f"HTTP/1.1 {status} X\r\n".encode() + rest, good], list[bytes]()
    async with (
        answering(answers, seen) as base,
        async_client(make_settings(graph_url=base)) as client,
    ):
        with pytest.raises(outcome) if outcome else nullcontext() as failed:
            answer = await request(client, Call("graph", method, base), judge_graph)
            assert answer.data == {"value": []}
        assert outcome is None or failed.type is outcome
    assert len(seen) == tries


@pytest.mark.usefixtures("no_waiting")
async def test_every_attempt_has_an_id_of_its_own_and_the_answers_id_is_kept(ask):
    """Each attempt has a new client-request-id, and the error holds the last attempt's two ids.

    A fault that stays ends after five tries. A POST is repeated if its caller says that sending it
    twice does no harm.
    """
    cloud = Cloud(httpx.Response(500), httpx.Response(503, headers={"request-id": "r-1"}))
    with pytest.raises(errors.Transient) as failed:
        await ask(cloud, "POST", repeatable=True)
    sent = [asked.headers["client-request-id"] for asked in cloud.seen]
    assert len(set(sent)) == 5
    assert all(re.fullmatch(r"[0-9a-f-]{36}", each) for each in sent)
    assert (failed.value.ids.request_id, failed.value.ids.client_request_id) == ("r-1", sent[-1])
    assert (failed.value.status, failed.value.cause) == (503, "service_unavailable")


async def test_no_other_host_is_spoken_to(make_settings):
    """Neither client sends a token to another host, even if an answer contained the URL."""
    cloud = Cloud(OK)
    async with async_client(make_settings(), httpx.MockTransport(cloud)) as client:
        call = Call("graph", "GET", "https://graph.microsoft.com.evil.test/")
        with pytest.raises(errors.Rejected) as refused:
            await request(client, call, judge_graph)
    with sync_client(make_settings()) as msals, pytest.raises(errors.Rejected):
        msals.get("https://evil.test/")
    assert (refused.value.cause, cloud.seen) == ("host_not_allowed", [])


URL = "https://graph.microsoft.com/v1.0/applications/o-1"
ID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


async def test_writes_are_noted_and_reads_are_not(make_settings):
    """Writes are recorded with both request ids, or with ours alone if the answer was lost.

    A cmdlet is recorded under its name, and reads are not recorded.
    """

    def cloud(asked: httpx.Request) -> httpx.Response:
        if asked.method == "POST":
            raise httpx.ReadTimeout("slow")
        return httpx.Response(204, headers={"request-id": "r-1"})

    async with async_client(make_settings(), httpx.MockTransport(cloud)) as client:
        with calls.collect() as made:
            for method, cmdlet in (("GET", ""), ("PATCH", ""), ("PUT", "Get-Mailbox")):
                call = Call("graph", method, URL, headers={"X-CmdletName": cmdlet})
                await request(client, call, judge_graph)
            call = Call("exchange", "POST", URL, headers={"X-CmdletName": "Set-Mailbox"})
            with pytest.raises(Transient):
                await request(client, call, judge_graph)
    assert [ID.sub("*", line) for line in made] == [
        "graph PATCH /v1.0/applications/o-1 204 request-id=r-1 client-request-id=*",
        "exchange Set-Mailbox 0 client-request-id=*",
    ]


ONCE = RetryPolicy(attempts=1)


def counted(redis) -> dict[str, int]:
    """Return the counts since the last reset, without the latencies."""
    COUNTERS.flush(redis)
    found: dict[str, int] = {}
    for field, count in read(redis).items():
        name, *labels = field.split("|")
        if labels[-1] != "ms":
            key = "|".join((name, *labels[: 2 if name == "call_seconds" else 1]))
            found[key] = found.get(key, 0) + count
    return found


@pytest.mark.parametrize(
    ("answer", "word"),
    [
        (OK, "ok"),
        (httpx.Response(404), "refused"),
        (httpx.Response(429), "throttled"),
        (httpx.Response(503), "failed"),
        (httpx.ReadTimeout("late"), "lost"),
    ],
)
async def test_each_attempt_is_counted(redis, ask, answer, word):
    """Each attempt counts under its cloud and its outcome; a 429 has a counter of its own, too."""
    COUNTERS.reset()
    with suppress(CloudError):
        await ask(Cloud(answer), patience=ONCE)
    throttled = {"calls_throttled|graph": 1} if word == "throttled" else {}
    assert counted(redis) == {f"call_seconds|graph|{word}": 1} | throttled


def test_a_call_without_an_answer_is_lost(redis):
    """A call without an answer counts as lost, and its error is raised again."""
    COUNTERS.reset()
    with pytest.raises(OSError, match="away"), measured("webex"):
        raise OSError("away")
    assert counted(redis) == {"call_seconds|webex|lost": 1}


def test_words():
    """A metric has a word for each HTTP status."""
    words = [outcome(status) for status in (0, 200, 302, 401, 429, 500)]
    assert words == ["lost", "ok", "ok", "refused", "throttled", "failed"]


class Clock:
    """Time that a test moves."""

    now = 100.0


@pytest.fixture
def clock(monkeypatch) -> Clock:
    """Clock of the watch, which a test can move."""
    made = Clock()
    monkeypatch.setattr(calls, "time", SimpleNamespace(monotonic=lambda: made.now))
    return made


def failed(watch: calls.SilenceWatch, service: str) -> None:
    """Record a request that gets no answer."""
    with suppress(Transient), watch.request(service):
        raise Transient("timed_out", service)


def test_a_cloud_that_waits_or_fails_for_some_time_is_silent(clock):
    """A cloud that fails or lets a request wait for some time is silent until it answers.

    A single failure of a moment says nothing, and neither does a slow request among answers.
    """
    watch = calls.SilenceWatch()
    failed(watch, "exchange")
    with watch.request("graph"):
        assert watch.silent() == ()
        clock.now += calls.FAILING_S
        failed(watch, "exchange")
        assert watch.silent() == ("exchange",)
        clock.now += calls.WAITING_S - calls.FAILING_S
        assert watch.silent() == ("exchange", "graph")
        for service in ("exchange", "graph"):
            with watch.request(service):
                pass
        clock.now += calls.WAITING_S
        assert watch.silent() == ()
    assert watch.silent() == ()


@pytest.mark.parametrize(
    ("error", "silent"),
    [
        (Transient("service_unavailable", "graph", 503), ("graph",)),
        (Transient("throttled", "graph", 429), ()),
        (Rejected("request_rejected", "graph", 400), ()),
    ],
)
def test_a_refusal_is_an_answer(clock, error, silent):
    """A refusal counts as an answer of the cloud, and so does a 429."""
    with calls.watch_silence() as watch:
        with pytest.raises(CloudError), calls.request_to("graph"):
            raise error
        clock.now += calls.FAILING_S
        assert watch.silent() == silent


async def test_requests_to_graph_and_exchange_are_watched(clock, ask):
    """Each attempt at a request to Graph or Exchange is watched.

    After failures for some time the cloud is silent, and after an answer it is not.
    """
    seen: list[tuple[str, ...]] = []

    def answer(request: httpx.Request) -> httpx.Response:
        clock.now += calls.FAILING_S
        seen.append(watch.silent())
        return cloud(request)

    cloud = Cloud(httpx.Response(503), httpx.Response(503), OK)
    with calls.watch_silence() as watch:
        await ask(answer)
        assert watch.silent() == ()
    assert seen == [(), ("graph",), ("graph",)]


@pytest.mark.parametrize("provider", ["https"], indirect=True)
def test_requests_to_entra_are_watched(clock, provider, make_settings):
    """Entra counts as silent if its discovery document does not come."""
    provider.discovery = (503, {}, b"")
    settings = make_settings(login_url=provider.base)
    with (
        sync_client(settings) as http,
        calls.watch_silence() as watch,
        stamina.set_testing(True, attempts=1),
    ):
        with pytest.raises(Transient):
            Identity.of_bot(settings, http).discover()
        clock.now += calls.FAILING_S
        assert watch.silent() == ("entra",)
