"""Traces whose spans reach across processes, and no traces at all without the extra otel."""

from __future__ import annotations

import subprocess
import sys
import textwrap
import threading
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest
import structlog

from jobs.clouds import tracing
from jobs.clouds.errors import CloudError
from jobs.clouds.retry import RetryPolicy
from jobs.settings import Settings
from tests.fixtures.waiting import LIMIT_S
from tests.unit.jobs.clouds.scripted_cloud import OK, Cloud, ask

PARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


@pytest.fixture
def spans() -> Iterator[Any]:
    """The finished spans of this process, in memory."""
    sdk = pytest.importorskip("opentelemetry.sdk.trace.export", reason="the extra otel is missing")
    memory = pytest.importorskip("opentelemetry.sdk.trace.export.in_memory_span_exporter")
    exporter = memory.InMemorySpanExporter()
    tracing.use(sdk.SimpleSpanProcessor(exporter))
    yield exporter.get_finished_spans
    tracing.shut_down()


def test_a_trace_goes_on_below_its_parent(spans: Any):
    """A trace continues below a parent whose numbers came as text, as they do from a queue.

    Log lines have the trace's id.
    """
    with tracing.span("run", parent=PARENT, run="R1"):
        bound = structlog.contextvars.get_contextvars()
        inner = tracing.traceparent()
        with tracing.span("step", step="ids"):
            pass
    step, run = spans()
    assert (bound, structlog.contextvars.get_contextvars()) == ({"trace": PARENT[3:35]}, {})
    assert [f"{each.context.trace_id:032x}" for each in (step, run)] == [PARENT[3:35]] * 2
    assert (f"{run.parent.span_id:016x}", step.parent.span_id) == (
        PARENT[36:52],
        run.context.span_id,
    )
    assert inner == f"00-{PARENT[3:35]}-{run.context.span_id:016x}-01"
    assert (run.attributes["run"], step.attributes["step"]) == ("R1", "ids")


@pytest.mark.parametrize(
    "parent",
    ["", "no parent", PARENT.replace("-", "_"), f"00-{'0' * 32}-{'0' * 16}-01", PARENT * 2],
)
def test_a_parent_that_is_none_begins_a_trace(spans: Any, parent: str):
    """A parent in a wrong form begins a new trace, because text from Redis is read strictly."""
    with tracing.span("run", parent=parent):
        pass
    (run,) = spans()
    assert (run.parent, run.context.is_valid) == (None, True)


async def test_a_call_is_a_span_without_its_address(
    spans: Any, make_settings: Callable[..., Settings]
):
    """The span of a call has the cloud and the status.

    The path is left out, because it may name a person.
    """
    with tracing.span("step"):
        await ask(make_settings(), Cloud(OK))
        with pytest.raises(CloudError):
            await ask(make_settings(), Cloud(httpx.Response(404)), patience=RetryPolicy(attempts=1))
    good, bad, step = spans()
    assert [dict(each.attributes) for each in (good, bad)] == [
        {"cloud": "graph", "status": 200},
        {"cloud": "graph", "status": 404, "error.type": "404"},
    ]
    assert [each.name for each in (good, bad, step)] == ["GET", "GET", "step"]
    assert {each.parent.span_id for each in (good, bad)} == {step.context.span_id}


async def test_a_call_outside_a_trace_begins_none(
    spans: Any, make_settings: Callable[..., Settings]
):
    """A call outside a trace begins no trace.

    The requests of timers and of the doctor command are therefore not traced.
    """
    await ask(make_settings(), Cloud(OK))
    assert spans() == ()


def test_an_error_is_named_by_its_class_alone(spans: Any):
    """A span has only the class of an error, because the error's text may hold an address."""
    with pytest.raises(ValueError, match="anna"), tracing.span("event"):
        raise ValueError("anna@contoso.com")
    (event,) = spans()
    assert (event.attributes["error.type"], event.status.is_ok) == ("ValueError", False)
    assert "anna" not in event.to_json()


def test_without_a_collector_nothing_happens(monkeypatch: pytest.MonkeyPatch):
    """Without a collector there is no span, no trace id, and nothing more in the log lines."""
    for name in tracing.ENDPOINTS:
        monkeypatch.delenv(name, raising=False)
    tracing.shut_down()
    with tracing.span("run", parent=PARENT), tracing.call("graph", "GET") as noted:
        noted.status = 200
        assert (tracing.traceparent(), structlog.contextvars.get_contextvars()) == ("", {})
    tracing.flush()
    assert (tracing.preload(), tracing.is_wanted()) == (False, False)


WITHOUT = """
import sys
class Missing:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] == "opentelemetry":
            raise ModuleNotFoundError(name)
sys.meta_path.insert(0, Missing())
import os
os.environ["OTEL_EXPORTER_OTLP_ENDPOINT"] = "http://127.0.0.1:9"
from bot import logs
logs.configure("INFO")
from jobs.clouds import tracing
with tracing.span("run"), tracing.call("graph", "GET"):
    print(repr(tracing.traceparent()), tracing.preload())
"""


def test_without_the_extra_a_line_says_so():
    """If a collector is named but the packages are missing, the bot works and says what to do."""
    done = subprocess.run(  # noqa: S603  our own
        [sys.executable, "-c", textwrap.dedent(WITHOUT)],
        check=True,
        capture_output=True,
        text=True,
        timeout=LIMIT_S,
    )
    assert done.stdout.strip() == "'' False"
    assert done.stderr.count("the extra otel is not installed") == 1
    assert "webex-email-bot[otel]" in done.stderr


def test_a_collector_that_hangs_holds_up_no_job(spans: Any, monkeypatch: pytest.MonkeyPatch):
    """The end of a job waits only a limited time for a collector that hangs."""
    goes_on = threading.Event()
    monkeypatch.setattr(tracing, "EXPORT_S", 0.01)
    monkeypatch.setattr(
        "opentelemetry.sdk.trace.TracerProvider.force_flush", lambda _: goes_on.wait(LIMIT_S)
    )
    tracing.flush()
    assert not goes_on.is_set()
    goes_on.set()
