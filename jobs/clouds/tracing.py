"""Traces with OpenTelemetry: webhook, event, run, step and call as spans of one trace.

They are written only if the environment names a collector, as OpenTelemetry's own variables do, and
the packages of the extra ``otel`` are installed. Otherwise everything here does nothing.

The trace goes from the web process to the worker in the queued event, and from there to every job
of the run in the run's origin, as a W3C ``traceparent``. Names of spans and attributes hold no
address and no object of a tenant: paths and queries are left out.
"""

from __future__ import annotations

import importlib.util
import os
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import structlog

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import SpanProcessor, TracerProvider
    from opentelemetry.trace import Span

ENDPOINTS = ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT")
"""Variables that name the collector, as the specification of OpenTelemetry names them."""
PACKAGES = ("opentelemetry.sdk", "opentelemetry.exporter.otlp.proto.http")
SERVICE = "webex-email-bot"
EXPORT_S = 3.0
"""Longest time that an ended job waits for the collector, in seconds."""
LARGEST_QUEUE = 2048
TRACEPARENT = re.compile(r"00-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})")
log = structlog.get_logger(__name__)


def is_wanted() -> bool:
    """Return whether the environment names a collector."""
    return any(os.environ.get(name, "").strip() for name in ENDPOINTS)


def is_installed() -> bool:
    """Return whether the packages of the extra ``otel`` are installed."""
    try:
        return all(importlib.util.find_spec(name) for name in PACKAGES)
    except ModuleNotFoundError:
        return False


@dataclass(slots=True)
class _Process:
    """Provider of the spans of this process.

    A fork has no provider, because the thread of its parent that exports spans does not run in it.
    """

    provider: TracerProvider | None = None
    decided: bool = False
    lock: threading.Lock = field(default_factory=threading.Lock)


_process = _Process()


def _forget() -> None:
    """Begin as a new process does, with a new lock: a thread of the parent may hold the old one."""
    _process.provider, _process.decided, _process.lock = None, False, threading.Lock()


os.register_at_fork(after_in_child=_forget)


def use(processor: SpanProcessor) -> None:
    """Write the spans of this process to a processor, until :func:`shut_down`."""
    from opentelemetry.sdk.resources import Resource  # noqa: PLC0415  only with the extra
    from opentelemetry.sdk.trace import TracerProvider as Provider  # noqa: PLC0415  same

    name = os.environ.get("OTEL_SERVICE_NAME", "").strip() or SERVICE
    provider = Provider(resource=Resource.create({"service.name": name}), shutdown_on_exit=False)
    provider.add_span_processor(processor)
    _process.provider, _process.decided = provider, True


def preload() -> bool:
    """Load the packages before a fork if traces are wanted; return whether they are written.

    A log line says it if they are wanted and the extra is missing.
    """
    if not is_wanted():
        return False
    if not is_installed():
        log.warning(
            "no traces: the extra otel is not installed",
            to_do="pip install 'webex-email-bot[otel]', or unset OTEL_EXPORTER_OTLP_ENDPOINT",
        )
        return False
    import opentelemetry.exporter.otlp.proto.http.trace_exporter  # noqa: PLC0415
    import opentelemetry.sdk.trace.export  # noqa: F401, PLC0415

    return True


@contextmanager
def span(
    name: str, *, parent: str = "", kind: str = "internal", **attributes: str | int
) -> Iterator[None]:
    """Record the block as a span.

    The span is below ``parent``, which is a ``traceparent``, or else below the span that is under
    way. ``kind`` is ``internal``, ``server``, ``producer``, ``consumer`` or ``client``. The trace's
    id is bound to every log line in the block. An error ends the span with its class, and without
    its text, which may hold an address.
    """
    provider = _provider()
    if provider is None:
        yield
        return
    from opentelemetry import trace  # noqa: PLC0415  only with the extra

    tracer = provider.get_tracer(SERVICE)
    options: dict[str, Any] = {"kind": trace.SpanKind[kind.upper()], "attributes": attributes}
    options |= {"record_exception": False, "set_status_on_exception": False}
    with tracer.start_as_current_span(name, _context(parent), **options) as begun:
        numbers = f"{begun.get_span_context().trace_id:032x}"
        with structlog.contextvars.bound_contextvars(trace=numbers):
            try:
                yield
            except BaseException as error:
                _fail(begun, type(error).__name__)
                raise


@contextmanager
def call(cloud: str, name: str) -> Iterator[CallSpan]:
    """Record a request to a cloud as a span, if a span is under way.

    Yields the object in which the block notes the status of the answer.
    """
    noted = CallSpan()
    with span(name, kind="client", cloud=cloud) if traceparent() else nullcontext():
        yield noted
        if traceparent() and noted.status:
            _note_status(noted.status)


@dataclass(slots=True)
class CallSpan:
    """Answer to a request: its HTTP status, or 0 without one.

    ``outcome`` is set for a protocol that has no HTTP status, and otherwise empty.
    """

    status: int = 0
    outcome: str = ""


def traceparent() -> str:
    """Return the span that is under way as a W3C ``traceparent``, or an empty string."""
    if _provider() is None:
        return ""
    from opentelemetry import trace  # noqa: PLC0415  only with the extra

    found = trace.get_current_span().get_span_context()
    if not found.is_valid:
        return ""
    return f"00-{found.trace_id:032x}-{found.span_id:016x}-{int(found.trace_flags):02x}"


def flush() -> None:
    """Send the spans of a process that is about to end, for :data:`EXPORT_S` seconds at most."""
    provider = _process.provider
    if provider is None:
        return
    sending = threading.Thread(target=provider.force_flush, daemon=True)
    sending.start()
    sending.join(EXPORT_S)


def shut_down() -> None:
    """Write no spans any more, until traces are wanted again."""
    provider = _process.provider
    _forget()
    if provider is not None:
        provider.shutdown()


def _provider() -> TracerProvider | None:
    """Return the provider of this process, made at its first span; None without traces."""
    if not _process.decided:
        with _process.lock:
            if not _process.decided and is_wanted() and is_installed():
                use(_to_collector())
            _process.decided = True
    return _process.provider


def _to_collector() -> SpanProcessor:
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import (  # noqa: PLC0415  only with the extra
        OTLPSpanExporter,
    )
    from opentelemetry.sdk.trace.export import BatchSpanProcessor  # noqa: PLC0415  same

    timeout = os.environ.get("OTEL_EXPORTER_OTLP_TIMEOUT")
    exporter = OTLPSpanExporter() if timeout else OTLPSpanExporter(timeout=EXPORT_S)
    return BatchSpanProcessor(exporter, max_queue_size=LARGEST_QUEUE)


def _context(parent: str) -> Any:
    """Return the context below the span that the header names, or None if it names none.

    OpenTelemetry takes None for the present context.
    """
    found = TRACEPARENT.fullmatch(parent)
    if found is None:
        return None
    from opentelemetry import trace  # noqa: PLC0415  only with the extra

    numbers = trace.SpanContext(
        int(found[1], 16),
        int(found[2], 16),
        is_remote=True,
        trace_flags=trace.TraceFlags(int(found[3], 16)),
    )
    if not numbers.is_valid:
        return None
    return trace.set_span_in_context(trace.NonRecordingSpan(numbers))


def _note_status(status: int) -> None:
    from opentelemetry import trace  # noqa: PLC0415  only with the extra

    under_way = trace.get_current_span()
    under_way.set_attribute("status", status)
    if status >= _ERROR:
        _fail(under_way, str(status))


def _fail(begun: Span, why: str) -> None:
    from opentelemetry.trace import Status, StatusCode  # noqa: PLC0415  only with the extra

    begun.set_attribute("error.type", why)
    begun.set_status(Status(StatusCode.ERROR))


_ERROR = 400
