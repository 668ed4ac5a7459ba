"""A cloud whose answers a test gives, and requests to it."""

import httpx

from jobs.clouds.http import Call, RetryPolicy, async_client, request
from jobs.microsoft.graph import judge_graph

URL = "https://graph.microsoft.com/v1.0/organization"
OK = httpx.Response(200, json={"value": []})
Script = list[httpx.Response | Exception]


class Cloud:
    """Transport handler that plays a script of answers and counts the requests.

    The last answer is repeated.
    """

    def __init__(self, *script: httpx.Response | Exception) -> None:
        self.script: Script = list(script)
        self.seen: list[httpx.Request] = []

    def __call__(self, asked: httpx.Request) -> httpx.Response:
        """Answer a request as a transport's handler."""
        self.seen.append(asked)
        step = self.script.pop(0) if len(self.script) > 1 else self.script[0]
        if isinstance(step, Exception):
            raise step
        return httpx.Response(step.status_code, headers=step.headers, content=step.content)


async def ask(settings, cloud, method: str = "GET", patience: RetryPolicy | None = None, **options):
    """Send one request to a cloud."""
    async with async_client(settings, httpx.MockTransport(cloud)) as client:
        return await request(
            client, Call("graph", method, URL, **options), judge_graph, patience or RetryPolicy()
        )
