"""Fixtures with Graph and Identity clients for the tests of this folder."""

import asyncio

import httpx
import pytest

from jobs.clouds.http import async_client, sync_client
from jobs.microsoft.exchange import InvokeCommand
from jobs.microsoft.graph import Graph
from jobs.microsoft.identity import Identity
from tests.unit.jobs.clouds.scripted_cloud import Cloud
from tests.unit.jobs.microsoft.graph_directory import Directory
from tests.unit.jobs.microsoft.identity_sign_in import TENANT


@pytest.fixture
def directory() -> Directory:
    """Directory without any scripted answers."""
    return Directory()


@pytest.fixture
async def graph(directory, make_settings):
    """Graph client that sends its requests to the scripted directory."""

    async def token() -> str:
        return "token-1"

    async with async_client(make_settings(), httpx.MockTransport(directory)) as http:
        yield Graph(http, token, "https://graph.microsoft.com")


@pytest.fixture
def run(make_settings):
    """Return a function that runs a cmdlet against a handler or its only answer."""

    async def token() -> str:
        return "token-1"

    async def made(answer, cmdlet: str, *others, times: int = 1, **options):
        if isinstance(answer, httpx.Response):
            answer = Cloud(answer)
        url, upn = "https://outlook.office365.com", "admin@contoso.com"
        async with async_client(make_settings(), httpx.MockTransport(answer)) as http:
            runner = InvokeCommand(http, token, url, TENANT, upn)
            parameters, *_ = (*others, {})
            if times == 1:
                return await runner.run(cmdlet, parameters, **options)
            several = (runner.run(cmdlet, {"Identity": str(each)}) for each in range(times))
            return await asyncio.gather(*several)

    return made


@pytest.fixture
def http(provider, make_settings):
    """HTTP client that may send requests to the OpenID provider."""
    with sync_client(make_settings(login_url=provider.base)) as client:
        yield client


@pytest.fixture
def bot(provider, http, make_settings) -> Identity:
    """Identity of the bot's own app at the OpenID provider."""
    return Identity.of_bot(make_settings(login_url=provider.base), http)
