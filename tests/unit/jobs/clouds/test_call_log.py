"""Log of the changing calls in a piece of work, with the ids that Microsoft's support asks for."""

import re
from contextlib import suppress
from types import SimpleNamespace

import httpx
import pytest
import stamina

from jobs.clouds import calls
from jobs.clouds.calls import measured, outcome
from jobs.clouds.errors import CloudError, CloudReply, Rejected, Transient
from jobs.clouds.http import Call, async_client, request, sync_client
from jobs.clouds.retry import RetryPolicy
from jobs.mail.smtp_login import SmtpProbe
from jobs.microsoft.identity import Identity
from jobs.microsoft.responses import judge_graph
from jobs.storage.counters import COUNTERS, read
from tests.unit.jobs.clouds.scripted_cloud import OK, Cloud

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
        with calls.record_calls() as made:
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
    """HTTP statuses and results of an SMTP login use the same words for their outcomes."""
    words = [outcome(status) for status in (0, 200, 302, 401, 429, 500)]
    assert words == ["lost", "ok", "ok", "refused", "throttled", "failed"]
    causes = ("", "timed_out", "smtp_token_refused")
    probes = [SmtpProbe(not cause, "auth", cause, "", ()) for cause in causes]
    assert [probe.outcome for probe in probes] == ["ok", "lost", "refused"]


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
        raise Transient("timed_out", CloudReply(service))


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
        (Transient("service_unavailable", CloudReply("graph", 503)), ("graph",)),
        (Transient("throttled", CloudReply("graph", 429)), ()),
        (Rejected("request_rejected", CloudReply("graph", 400)), ()),
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
