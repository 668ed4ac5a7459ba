"""Fault matrix of a request: every outcome is defined, and the number of tries is bounded."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from typing import Any

import httpx
import pytest
import stamina
from stamina.instrumentation import RetryDetails, set_on_retry_hooks

from jobs.clouds.errors import (
    Forbidden,
    MalformedAnswer,
    NotFound,
    Rejected,
    SignInNeeded,
    Transient,
    TruncatedAnswer,
)
from jobs.clouds.http import Call, async_client, request, sync_client
from jobs.clouds.retry import RetryPolicy
from jobs.microsoft.responses import judge_graph
from jobs.settings import Settings
from tests.unit.jobs.clouds.scripted_cloud import OK, Cloud, ask


@pytest.fixture
def no_waiting() -> Iterator[None]:
    """Stamina's own test mode: the waits are asked for, but not slept."""
    stamina.set_testing(True, attempts=5, cap=True)
    yield
    stamina.set_testing(False)


@pytest.fixture
def waits() -> Iterator[list[RetryDetails]]:
    """Retries that stamina scheduled, with their waits."""
    seen: list[RetryDetails] = []
    set_on_retry_hooks([seen.append])
    yield seen
    set_on_retry_hooks(None)


@asynccontextmanager
async def answering(answers: list[bytes], seen: list[bytes]) -> AsyncIterator[str]:
    """Yield the address of a real server that sends these bytes, and repeats the last ones."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        seen.append(await reader.readuntil(b"\r\n\r\n"))
        writer.write(answers[min(len(seen), len(answers)) - 1])
        await writer.drain()
        writer.close()
        await writer.wait_closed()

    async with await asyncio.start_server(serve, "127.0.0.1", 0) as server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"


MATRIX = [
    # what comes first, the outcome of a GET and its tries, the outcome of a POST and its tries
    ("429 with Retry-After", httpx.Response(429, headers={"Retry-After": "1"}), None, 2, None, 2),
    ("429 without", httpx.Response(429), None, 2, None, 2),
    ("429 senseless", httpx.Response(429, headers={"Retry-After": "soon"}), None, 2, None, 2),
    ("429 negative", httpx.Response(429, headers={"Retry-After": "-5"}), None, 2, None, 2),
    (
        "429 for an hour",
        httpx.Response(429, headers={"Retry-After": "3600"}),
        Transient,
        1,
        Transient,
        1,
    ),
    ("500", httpx.Response(500), None, 2, Transient, 1),
    ("502", httpx.Response(502, html="<html>"), None, 2, Transient, 1),
    ("503", httpx.Response(503), None, 2, Transient, 1),
    (
        "503 with Retry-After",
        httpx.Response(503, headers={"Retry-After": "2"}),
        None,
        2,
        Transient,
        1,
    ),
    ("504", httpx.Response(504), None, 2, Transient, 1),
    ("timeout", httpx.ReadTimeout("slow"), None, 2, Transient, 1),
    ("reset", httpx.ReadError("reset"), None, 2, Transient, 1),
    ("not connected", httpx.ConnectError("refused"), None, 2, None, 2),
    (
        "wrong JSON",
        httpx.Response(200, content=b'{"value": ['),
        MalformedAnswer,
        1,
        MalformedAnswer,
        1,
    ),
    ("HTML", httpx.Response(200, html="<html>"), MalformedAnswer, 1, MalformedAnswer, 1),
    (
        "NUL bytes",
        httpx.Response(200, content=b"\0" * 4096),
        MalformedAnswer,
        1,
        MalformedAnswer,
        1,
    ),
    (
        "redirect",
        httpx.Response(302, headers={"Location": "https://evil.test/"}),
        Rejected,
        1,
        Rejected,
        1,
    ),
    ("400", httpx.Response(400, json={"error": {"code": "BadRequest"}}), Rejected, 1, Rejected, 1),
    ("401", httpx.Response(401), SignInNeeded, 1, SignInNeeded, 1),
    ("403", httpx.Response(403), Forbidden, 1, Forbidden, 1),
    ("403 of NUL bytes", httpx.Response(403, content=b"\0" * 4096), Forbidden, 1, Forbidden, 1),
    ("404", httpx.Response(404, json={"error": {"code": "x"}}), NotFound, 1, NotFound, 1),
    ("404 of a gateway", httpx.Response(404), MalformedAnswer, 1, MalformedAnswer, 1),
]


@pytest.mark.usefixtures("no_waiting")
@pytest.mark.parametrize("method", ["GET", "POST"])
@pytest.mark.parametrize("row", MATRIX, ids=[row[0] for row in MATRIX])
async def test_fault_matrix(
    make_settings: Callable[..., Settings], row: tuple[Any, ...], method: str
):
    """A fault followed by a good answer gives a defined outcome after a defined number of tries."""
    _, fault, *expected = row
    outcome, tries = expected[:2] if method == "GET" else expected[2:]
    cloud = Cloud(fault, OK)
    if outcome is None:
        assert (await ask(make_settings(), cloud, method)).data == {"value": []}
    else:
        with pytest.raises(outcome) as failed:
            await ask(make_settings(), cloud, method)
        assert failed.type is outcome
    assert len(cloud.seen) == tries


@pytest.mark.usefixtures("no_waiting")
async def test_a_fault_that_stays_ends_after_five_tries(make_settings: Callable[..., Settings]):
    """A fault that stays ends after five tries, and the last error is raised with its status."""
    cloud = Cloud(httpx.Response(503))
    with pytest.raises(Transient) as failed:
        await ask(make_settings(), cloud)
    assert (len(cloud.seen), failed.value.status, failed.value.cause) == (
        5,
        503,
        "service_unavailable",
    )


@pytest.mark.usefixtures("no_waiting")
async def test_a_post_that_may_be_repeated_is(make_settings: Callable[..., Settings]):
    """A POST is repeated if its caller says that sending it twice does no harm."""
    cloud = Cloud(httpx.ReadTimeout("slow"), OK)
    await ask(make_settings(), cloud, "POST", repeatable=True)
    assert len(cloud.seen) == 2


@pytest.mark.slow
@pytest.mark.usefixtures("real_pauses")
async def test_retry_after_is_a_minimum(
    make_settings: Callable[..., Settings], waits: list[RetryDetails]
):
    """The pause before the second try is as long as the Retry-After header asks for."""
    await ask(make_settings(), Cloud(httpx.Response(429, headers={"Retry-After": "1"}), OK))
    assert [wait.wait_for for wait in waits] == [1.0]


async def test_the_whole_is_bounded_by_time(make_settings: Callable[..., Settings]):
    """A request to a server that never answers ends after the policy's total time.

    The length of the read timeout makes no difference.
    """

    async def never(_: httpx.Request) -> httpx.Response:
        await asyncio.sleep(30)
        return OK

    with pytest.raises(Transient) as failed:
        await ask(make_settings(), never, patience=RetryPolicy(total_s=0.05))
    assert failed.value.cause == "timed_out"


@pytest.mark.parametrize(
    ("status", "method", "outcome", "tries"),
    [
        (403, "GET", Forbidden, 1),
        (401, "POST", SignInNeeded, 1),
        (404, "GET", MalformedAnswer, 1),
        (503, "POST", Transient, 1),
        (200, "GET", None, 2),
        (200, "POST", TruncatedAnswer, 1),
    ],
)
async def test_a_body_that_is_not_what_it_declares(
    make_settings: Callable[..., Settings],
    status: int,
    method: str,
    outcome: type[Exception] | None,
    tries: int,
):
    """If a body cannot be decoded, an error keeps the meaning of its status.

    A successful GET is sent again, which heals the fault. Exchange declares the NUL bytes of its
    403 as gzip.
    """
    body = b"\0" * 4096
    bad = f"HTTP/1.1 {status} X\r\nContent-Encoding: gzip\r\nContent-Length: {len(body)}\r\n\r\n"
    good = b'HTTP/1.1 200 OK\r\nContent-Length: 13\r\n\r\n{"value": []}'
    answers, seen = [bad.encode() + body, good], list[bytes]()

    async with (
        answering(answers, seen) as base,
        async_client(make_settings(graph_url=base)) as client,
    ):
        call = Call("graph", method, base)
        if outcome is None:
            assert (await request(client, call, judge_graph)).data == {"value": []}
        else:
            with pytest.raises(outcome) as failed:
                await request(client, call, judge_graph)
            assert failed.type is outcome
    assert len(seen) == tries


async def test_half_a_body_is_cut_short(make_settings: Callable[..., Settings]):
    """A truncated response is retried for a GET and raises TruncatedAnswer for a POST.

    A real server announces 100 bytes and sends 10.
    """
    answers = [
        b'HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{"value": ',
        b'HTTP/1.1 200 OK\r\nContent-Length: 13\r\n\r\n{"value": []}',
    ]
    tries: list[bytes] = []

    async with (
        answering(answers, tries) as base,
        async_client(make_settings(graph_url=base)) as client,
    ):
        assert (await request(client, Call("graph", "GET", base), judge_graph)).data == {
            "value": []
        }
        tries.clear()
        with pytest.raises(TruncatedAnswer):
            await request(client, Call("graph", "POST", base, body={}), judge_graph)
    assert len(tries) == 1


@pytest.mark.usefixtures("no_waiting")
async def test_every_attempt_has_an_id_of_its_own_and_the_answers_id_is_kept(
    make_settings: Callable[..., Settings],
):
    """Each attempt has a new client-request-id, and the error holds the last attempt's two ids."""
    cloud = Cloud(httpx.Response(500), httpx.Response(403, headers={"request-id": "r-1"}))
    with pytest.raises(Forbidden) as failed:
        await ask(make_settings(), cloud)
    sent = [asked.headers["client-request-id"] for asked in cloud.seen]
    assert len(set(sent)) == 2
    assert all(re.fullmatch(r"[0-9a-f-]{36}", each) for each in sent)
    assert (failed.value.ids.request_id, failed.value.ids.client_request_id) == ("r-1", sent[-1])


async def test_no_other_host_is_spoken_to(make_settings: Callable[..., Settings]):
    """Neither client sends a token to another host, even if an answer contained the URL."""
    cloud = Cloud(OK)
    async with async_client(make_settings(), httpx.MockTransport(cloud)) as client:
        with pytest.raises(Rejected) as refused:
            await request(
                client, Call("graph", "GET", "https://graph.microsoft.com.evil.test/"), judge_graph
            )
    with (
        sync_client(make_settings(), httpx.MockTransport(cloud)) as client,
        pytest.raises(Rejected),
    ):
        client.get("https://evil.test/")
    assert (refused.value.cause, cloud.seen) == ("host_not_allowed", [])
