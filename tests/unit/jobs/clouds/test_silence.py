"""Silence of a cloud: which clouds count as silent, and that each kind of request is watched."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import httpx
import pytest
import stamina

from jobs.clouds import calls
from jobs.clouds.errors import CloudError, CloudReply, Rejected, Transient
from jobs.clouds.http import sync_client
from jobs.microsoft.identity import Identity
from jobs.settings import Settings
from tests.unit.jobs.clouds.scripted_cloud import OK, Cloud, ask


class Clock:
    """Time that a test moves."""

    now = 100.0


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """Clock of the watch, which a test can move."""
    made = Clock()
    monkeypatch.setattr(calls, "time", SimpleNamespace(monotonic=lambda: made.now))
    return made


def failed(watch: calls.SilenceWatch, service: str) -> None:
    """Record a request that gets no answer."""
    watch.end(watch.begin(service), answered=False)


def test_a_cloud_that_waits_or_fails_for_some_time_is_silent(clock: Clock):
    """A cloud that fails or lets a request wait for some time is silent until it answers.

    A single failure of a moment says nothing.
    """
    watch = calls.SilenceWatch()
    failed(watch, "exchange")
    waiting = watch.begin("graph")
    assert watch.silent() == ()
    clock.now += calls.FAILING_S
    failed(watch, "exchange")
    assert watch.silent() == ("exchange",)
    clock.now += calls.WAITING_S - calls.FAILING_S
    assert watch.silent() == ("exchange", "graph")
    watch.end(watch.begin("exchange"), answered=True)
    watch.end(waiting, answered=True)
    assert watch.silent() == ()


def test_a_slow_request_among_answers_is_no_silence(clock: Clock):
    """A cloud that answers other requests is not silent, even if one request is slow."""
    watch = calls.SilenceWatch()
    watch.begin("graph")
    clock.now += calls.WAITING_S
    assert watch.silent() == ("graph",)
    watch.end(watch.begin("graph"), answered=True)
    clock.now += calls.WAITING_S
    assert watch.silent() == ()


@pytest.mark.parametrize(
    ("error", "silent"),
    [
        (Transient("service_unavailable", CloudReply("graph", 503)), ("graph",)),
        (Transient("throttled", CloudReply("graph", 429)), ()),
        (Rejected("request_rejected", CloudReply("graph", 400)), ()),
    ],
)
def test_a_refusal_is_an_answer(clock: Clock, error: CloudError, silent: tuple[str, ...]):
    """A refusal counts as an answer of the cloud, and so does a 429."""
    with calls.watch_silence() as watch:
        with pytest.raises(CloudError), calls.request_to("graph", Transient):
            raise error
        clock.now += calls.FAILING_S
        assert watch.silent() == silent


async def test_requests_to_graph_and_exchange_are_watched(
    clock: Clock, make_settings: Callable[..., Settings]
):
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
        await ask(make_settings(), answer)
        assert watch.silent() == ()
    assert seen == [(), ("graph",), ("graph",)]


@pytest.mark.parametrize("provider", ["https"], indirect=True)
def test_requests_to_entra_are_watched(
    clock: Clock, provider: Any, make_settings: Callable[..., Settings]
):
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


def test_nobody_watches_by_itself():
    """Without a watch, a request is made as usual and its error is raised."""
    with pytest.raises(ValueError, match="x"), calls.request_to("graph", Transient):
        raise ValueError("x")
