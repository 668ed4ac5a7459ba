"""One trace from the webhook to the calls, and log lines with the ids that belong to it.

The ids are those of the event, the job, the run and the trace.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from practice.stack import Stack
from tests.fixtures.trace_collector import Collector, Seen, trace_collector
from tests.fixtures.waiting import until


@pytest.fixture(scope="module")
def collector() -> Iterator[Collector]:
    """Collector that the product sends its spans to."""
    pytest.importorskip("opentelemetry.sdk", reason="the extra otel is not installed")
    with trace_collector() as running:
        yield running


@pytest.fixture(scope="module")
def env(collector: Collector) -> dict[str, str]:
    """Settings that name the collector, and with which spans are sent after 0.2 seconds."""
    return {"OTEL_EXPORTER_OTLP_ENDPOINT": collector.url, "OTEL_BSP_SCHEDULE_DELAY": "200"}


def lines_of(stack: Stack, name: str) -> list[dict[str, Any]]:
    """Return the lines of a process's log."""
    text = stack.processes[name].log.read_text(encoding="utf-8")
    return [json.loads(line) for line in text.splitlines() if line.startswith("{")]


def calls_to_graph(collector: Collector) -> list[list[Seen]]:
    """Return the calls to Graph with all their parents, from the webhook on."""
    calls = [span for span in collector.spans if span.attributes.get("cloud") == "graph"]
    lines = [collector.line_of(call) for call in calls]
    return [line for line in lines if line[0].name == "webhook"]


def opened_and_handled(stack: Stack, trace: str) -> tuple[dict[str, Any], list[str]]:
    """Return the worker's log line about the opened run.

    Also return the ids of the events that were handled in the same trace.
    """
    told = [each for each in lines_of(stack, "worker") if each.get("trace") == trace]
    opened = next(each for each in told if each.get("what") == "opened")
    return opened, [each["event_id"] for each in told if each["event"] == "event handled"]


def test_from_the_webhook_to_the_calls(stack: Stack, collector: Collector, new_walk: Any) -> None:
    """The calls of a run are in the trace of the message that began it.

    The run goes on in other processes, and even days later.
    """
    walk = new_walk()
    walk.plan()
    line = until(lambda: calls_to_graph(collector), "a call in the trace")[0]
    names = [span.name for span in line]
    assert names[:4] == ["webhook", "event", "run", "step"]
    assert len({span.trace for span in line}) == 1
    assert (line[0].attributes["resource"], line[0].parent) == ("messages", "")
    assert line[-1].attributes["status"] == "200"
    opened, handled = opened_and_handled(stack, line[0].trace)
    assert opened["run"] == line[2].attributes["run"]
    assert opened["event_id"] == line[0].attributes["event_id"]
    assert opened["job"]
    assert handled == [opened["event_id"]]


def test_nothing_personal_is_in_a_span(collector: Collector, new_walk: Any) -> None:
    """No span contains an address, a space or an object of the tenant."""
    walk = new_walk()
    walk.plan()
    until(lambda: len(calls_to_graph(collector)) > 3)
    texts = {value for span in collector.spans for value in (span.name, *span.attributes.values())}
    assert {text for text in texts if "@" in text or "/" in text or "contoso" in text} == set()


def test_every_call_to_webex_belongs_to_a_webhook(collector: Collector, new_walk: Any) -> None:
    """Every call to Webex is in the trace of a webhook, also a call that is made ahead in a thread.

    Calls of timers begin no trace.
    """
    new_walk().ask()

    def beginnings() -> set[str]:
        webex = [span for span in collector.spans if span.attributes.get("cloud") == "webex"]
        return {collector.line_of(span)[0].name for span in webex}

    until(lambda: beginnings() == {"webhook"}, "the webhook of every call")
