"""Graph and Identity clients of the tests."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

import httpx
import pytest

from jobs.clouds.http import async_client, sync_client
from jobs.microsoft.graph import Graph
from jobs.microsoft.identity import Identity
from jobs.settings import Settings
from tests.unit.jobs.microsoft.graph_directory import Directory


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """A test that signs in at the provider runs over https and over http.

    Here are the tests of the client that speaks to it. Elsewhere the provider has https alone.
    """
    if "provider" in metafunc.fixturenames:
        metafunc.parametrize("provider", ["https", "http"], indirect=True)


@pytest.fixture
def directory() -> Directory:
    """An empty directory."""
    return Directory()


@pytest.fixture
async def graph(
    directory: Directory, make_settings: Callable[..., Settings]
) -> AsyncIterator[Graph]:
    """A Graph that speaks to the directory."""

    async def token() -> str:
        return "token-1"

    async with async_client(make_settings(), httpx.MockTransport(directory)) as http:
        yield Graph(http, token, "https://graph.microsoft.com/")


@pytest.fixture
def http(provider: Any, make_settings: Callable[..., Settings]) -> Iterator[httpx.Client]:
    """A client that may speak to the provider."""
    with sync_client(make_settings(login_url=provider.base)) as client:
        yield client


@pytest.fixture
def bot(provider: Any, http: httpx.Client, make_settings: Callable[..., Settings]) -> Identity:
    """The bot's own app."""
    return Identity.of_bot(make_settings(login_url=provider.base), http)
