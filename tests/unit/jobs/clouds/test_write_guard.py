"""Guard of changing calls, which is asked before each call is sent, over a real connection."""

import asyncio
import re
from contextlib import asynccontextmanager
from dataclasses import replace

import pytest

from jobs.clouds import calls
from jobs.clouds.http import Call, async_client, request
from jobs.microsoft.graph import judge_graph

OK = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}"


class OverError(Exception):
    """Error of the guard, which says that nothing may be changed anymore."""


class Guard:
    """Guard that refuses from its n-th question on; ``asked`` counts the questions."""

    def __init__(self, refuses_from: int = 1000) -> None:
        self.asked, self._from = 0, refuses_from

    def __call__(self) -> None:
        """Count the question, and raise OverError if the guard refuses by now."""
        self.asked += 1
        if self.asked >= self._from:
            raise OverError


@asynccontextmanager
async def server(seen: list[str]):
    """Yield the address of a real server that notes the method of each whole request.

    A connection that ends is noted as closed.
    """

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while head := await reader.readuntil(b"\r\n\r\n"):
                length = re.search(rb"content-length: (\d+)", head.lower())
                await reader.readexactly(int(length[1]) if length else 0)
                seen.append(head.split()[0].decode())
                writer.write(OK)
                await writer.drain()
        except asyncio.IncompleteReadError:
            seen.append("closed")
        finally:  # also if Python 3.11 ends the server before this connection
            writer.close()

    async with await asyncio.start_server(serve, "127.0.0.1", 0) as listening:
        yield f"http://127.0.0.1:{listening.sockets[0].getsockname()[1]}"


async def send(
    settings, guard: Guard, *methods: str, body: dict[str, str] | None = None
) -> list[str]:
    """Send requests one after another under the guard; return the methods that the server got."""
    seen: list[str] = []
    async with server(seen) as url:
        allowed = replace(settings, graph_url=url)
        try:
            with calls.guarded(guard):
                async with async_client(allowed) as client:
                    for method in methods:
                        await request(client, Call("graph", method, url, body=body), judge_graph)
        except OverError:
            seen.append("stopped")
        return [each for each in seen if each != "closed"]


async def test_reads_are_not_guarded(work_settings):
    """Reads do not ask the guard, because they change nothing."""
    guard = Guard(1)
    assert (await send(work_settings, guard, "GET", "GET"), guard.asked) == (["GET", "GET"], 0)


async def test_each_write_is_asked_for_before_and_after(work_settings):
    """For each write the guard is asked three times.

    It is asked before the connection, before the first byte, and when the answer has come.
    """
    guard = Guard()
    assert await send(work_settings, guard, "POST", "PATCH") == ["POST", "PATCH"]
    assert guard.asked == 6


@pytest.mark.parametrize(
    ("methods", "body", "refuses_from", "sees"),
    [
        ("POST PATCH", None, 1, ["stopped"]),
        ("POST PATCH", None, 2, ["stopped"]),
        ("POST PATCH", None, 3, ["POST", "stopped"]),
        ("POST PATCH", None, 4, ["POST", "stopped"]),
        ("POST", {"a": "b"}, 3, ["stopped"]),
        ("POST", {"a": "b"}, 4, ["POST", "stopped"]),
    ],
)
async def test_not_one_more_write_leaves(work_settings, methods, body, refuses_from, sees):
    """If the guard refuses in the middle of a change of two calls, the second call is never sent.

    This also holds if the refusal comes while the connection is being opened, or between the head
    and the body. What was sent is in the audit trail, although its answer does not count.
    """
    with calls.collect() as made:
        assert await send(work_settings, Guard(refuses_from), *methods.split(), body=body) == sees
    assert [line.split()[:4] for line in made] == [["graph", "POST", "/", "200"]] * (len(sees) - 1)


async def test_without_a_guard_everything_may_be_sent(work_settings):
    """Without a guard every write may be sent, for example for a page of the web process."""
    calls.check_guard()
    seen: list[str] = []
    async with server(seen) as url, async_client(replace(work_settings, graph_url=url)) as client:
        await request(client, Call("graph", "POST", url), judge_graph)
        assert seen == ["POST"]


async def test_the_guard_reaches_tasks_and_ends_with_its_block():
    """The guard also applies to tasks that its block starts, because a job runs its steps as tasks.

    It ends with its block.
    """
    guard = Guard()

    async def ask() -> None:
        calls.check_guard()

    with calls.guarded(guard):
        await asyncio.gather(asyncio.ensure_future(ask()), asyncio.to_thread(calls.check_guard))
    calls.check_guard()
    assert guard.asked == 2
