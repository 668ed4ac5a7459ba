"""Log of the changing calls in a piece of work, with the ids that Microsoft's support asks for."""

from __future__ import annotations

import re
from collections.abc import Callable

import httpx
import pytest

from jobs.clouds import calls
from jobs.clouds.errors import RequestIds, Transient
from jobs.clouds.http import Call, async_client, request
from jobs.microsoft.responses import judge_graph
from jobs.settings import Settings

URL = "https://graph.microsoft.com/v1.0/applications/o-1"
ID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


async def test_writes_are_noted_and_reads_are_not(make_settings: Callable[..., Settings]):
    """Writes are recorded with both request ids, or with ours alone if the answer was lost.

    A cmdlet is recorded under its name, and reads are not recorded.
    """

    def cloud(asked: httpx.Request) -> httpx.Response:
        if asked.method == "POST":
            raise httpx.ReadTimeout("slow")
        return httpx.Response(204, headers={"request-id": "r-1"})

    async with async_client(make_settings(), httpx.MockTransport(cloud)) as client:
        with calls.record_calls() as made:
            await request(client, Call("graph", "GET", URL), judge_graph)
            await request(client, Call("graph", "PATCH", URL), judge_graph)
            await request(
                client,
                Call("exchange", "PUT", URL, headers={"X-CmdletName": "Get-Mailbox"}),
                judge_graph,
            )
            with pytest.raises(Transient):
                await request(
                    client,
                    Call("exchange", "POST", URL, headers={"X-CmdletName": "Set-Mailbox"}),
                    judge_graph,
                )
    assert [ID.sub("*", line) for line in made] == [
        "graph PATCH /v1.0/applications/o-1 204 request-id=r-1 client-request-id=*",
        "exchange Set-Mailbox 0 client-request-id=*",
    ]


def test_outside_nobody_keeps_them():
    """A call that is made outside of a recording is not kept."""
    calls.record("graph", "PATCH /x", 200, RequestIds("r"))
    with calls.record_calls() as made:
        pass
    assert made == []
