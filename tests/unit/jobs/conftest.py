"""Fixtures for the tests of jobs: a real store and vault, and a scripted Microsoft cloud."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import chain, starmap
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

import httpx
import pytest
from cryptography.fernet import Fernet

from jobs.engine.step import StepContext
from jobs.mail.message_trace import Trace
from jobs.microsoft.exchange import ExchangeRow, InvokeCommand
from jobs.microsoft.graph import Graph
from jobs.model import Account, Channel, Finding, Person, RunKind, State
from jobs.runs.run import Event, Kind, Origin
from jobs.runs.run_store import RunStore
from jobs.runtime import Runtime, no_listener
from jobs.settings import Settings
from jobs.storage.vault import Vault
from practice.virtual_time import carry_out
from tests.fixtures.run_events import answered, changing
from tests.fixtures.serving import Quiet, Server, serving

MAILBOX = "support@contoso.com"
CHANNEL = Channel(
    MAILBOX, "https://uk.webexconnect.io/callback", "x1@mail.webexconnect.io", tenant_id="tenant-1"
)
ASKER = Person("person-1", "anna@contoso.com", "org-1")
ACCOUNT = Account("tenant-1", "oid-1", "admin@contoso.com")
_NOT_HERE = "|Microsoft.Exchange.Configuration.Tasks.ManagementObjectNotFoundException|Not here."
NO_OBJECT = 404, {"error": {"code": "NotFound", "details": [{"message": _NOT_HERE}]}}
BARE = 200, {"value": [{"Name": "a"}]}
ONE = dict.fromkeys(("Get-Mailbox", "Get-CASMailbox", "Get-Recipient"), NO_OBJECT)
ONE |= dict.fromkeys(("Get-User", "Get-OrganizationConfig", "Get-TransportConfig"), BARE)
"""Answers to cmdlets that ask for one object: none, or one without any setting."""
MOMENT = datetime(2026, 11, 25, 9, 0, tzinfo=UTC)


def _by_then(moment) -> Any:
    """Return the time that ``moment`` gives now, because the tests were collected minutes ago.

    A row of Exchange is its properties.
    """
    return dict(moment) if isinstance(moment, ExchangeRow) else moment()


@dataclass
class Cloud:
    """Scripted Graph and Exchange. The last answer for a request is repeated.

    Requests are named ``GET /path`` or by their cmdlet. An answer is a JSON body, or a status with
    a body. A body without an id gets one, and an empty row of a cmdlet a name. Without a script,
    Graph answers 404, a cmdlet returns no rows, or says that its object does not exist, and writes
    succeed.
    """

    script: dict[str, list[Any]] = field(default_factory=dict)
    asked: list[tuple[str, Any]] = field(default_factory=list)

    def on(self, what: str, *answers: Any) -> Cloud:
        """Script the answers to a request, in their order, and return the cloud."""
        self.script[what] = list(answers)
        return self

    def refuse(self, what: str, status: int, code: str = "", message: str = "") -> Cloud:
        """Script an error in the form of the service as the answer to a request."""
        told = {"code": code, "message": message, "details": [{"message": message}]}
        return self.on(what, (status, {"error": told}))

    @property
    def writes(self) -> list[tuple[str, Any]]:
        return [(what, body) for what, body in self.asked if not what.startswith(("GET ", "Get-"))]

    def answer(self, request: httpx.Request) -> httpx.Response:
        """Answer a request as the handler of ``httpx.MockTransport``."""
        body = json.loads(request.content) if request.content else None
        if "/InvokeCommand" in request.url.path:
            call = body["CmdletInput"]
            name = call["CmdletName"]
            return self._answer(name, call["Parameters"], ONE.get(name, (200, {"value": []})))
        path = unquote(request.url.raw_path.decode().partition("?")[0]).removeprefix("/v1.0")
        missing = (404, {"error": {"code": "Request_ResourceNotFound"}})
        known = {"GET": missing, "POST": (201, {"id": "made"})}.get(request.method, (204, None))
        return self._answer(f"{request.method} {path}", body, known)

    def _answer(self, what: str, body: Any, otherwise: Any) -> httpx.Response:
        self.asked.append((what, body))
        answers = self.script.get(what, [otherwise])
        found = answers.pop(0) if len(answers) > 1 else answers[0]
        plain = {"value": found} if isinstance(found, list) else found
        status, content = found if isinstance(found, tuple) else (200, plain)
        if what.startswith("GET ") and isinstance(found, dict) and "value" not in found:
            content = {"id": "id-1", **content}
        if what.startswith("Get-") and isinstance(found, list):
            content = {"value": [row or {"Name": "a"} for row in found]}
        told = None if content is None else json.dumps(content, default=_by_then)
        return httpx.Response(status, content=told)


@dataclass
class Outside:
    """Scripted web services, whose answers are found by method and path.

    Each request is kept with its query, its headers and its body.
    """

    base: str = ""
    answers: dict[str, tuple[int, Any]] = field(default_factory=dict)
    asked: list[tuple[str, dict[str, list[str]], dict[str, str], Any]] = field(default_factory=list)

    def on(self, what: str, body: Any, status: int = 200) -> Outside:
        """Script the answer to a request, and return the services."""
        self.answers[what] = (status, body)
        return self


@pytest.fixture
def outside():
    """Yield a web server that runs in a thread and gives the scripted answers."""
    state = Outside()

    class Handler(Quiet):
        def do_GET(self) -> None:  # noqa: N802  the base's word
            parts, sent = urlsplit(self.path), self.sent().decode()
            body = json.loads(sent) if sent.startswith("{") else sent
            what, query = f"{self.command} {parts.path}", parse_qs(parts.query)
            headers = {name.lower(): value for name, value in self.headers.items()}
            state.asked.append((what, query, headers, body))
            status, content = state.answers.get(what, (404, {}))
            if callable(content):
                status, content = content(query)
            self.reply(status, {}, json.dumps(content, default=lambda moment: moment()).encode())

        do_POST = do_GET  # noqa: N815  the base's word

    server = Server(Handler)
    state.base = server.base
    with serving(server):
        yield state


@pytest.fixture(name="carry_out")
def _carry_out():
    """Return a function that runs a coroutine to its end in virtual time, without waiting."""
    return carry_out


@pytest.fixture
def cloud() -> Cloud:
    """Return a scripted Microsoft cloud."""
    return Cloud()


@pytest.fixture
def channel() -> Channel:
    return CHANNEL


@pytest.fixture
def asker() -> Person:
    """Return the person who requests the runs."""
    return ASKER


@pytest.fixture
def store(redis) -> RunStore:
    """Return a store of runs in an empty Valkey."""
    return RunStore(redis)


@pytest.fixture
def work_settings(redis_url) -> Settings:
    """Return settings with the addresses of the public clouds, which the tests never reach."""
    return Settings(
        "https://bot.test", redis_url, "bot-app", "bot-secret", (Fernet.generate_key().decode(),)
    )


@pytest.fixture
def vault(redis, work_settings) -> Vault:
    """Return a vault of sealed values in an empty Valkey."""
    return Vault(redis, work_settings.encryption_keys)


def waited(name: str, count: int) -> list[Event]:
    """Return the events of a step that waited so many times."""
    waiting = Finding(name, State.WAITING, until=MOMENT)
    return [Event(Kind.FOUND, MOMENT, step=name, finding=waiting)] * count


def change(name: str, at: datetime) -> list[Event]:
    """Return the events of a change that the run has made."""
    return [changing(name, at), Event(Kind.CHANGED, at, step=name)]


@pytest.fixture
def given(cloud, store, vault, work_settings):
    """Return a function that makes the context of a run.

    ``facts`` are the facts of earlier findings, ``answers`` are those of people, ``changed`` holds
    the steps that the run changed, and ``brief`` is the input of the run.
    """

    def make(
        *,
        channel: Channel = CHANNEL,
        facts: dict[str, str] | None = None,
        answers: dict[str, str] | None = None,
        changed: dict[str, datetime] | None = None,
        waits: dict[str, int] | None = None,
        events: tuple[Event, ...] = (),
        settings: Settings = work_settings,
        kind: str = "setup",
        brief=None,
    ) -> StepContext:
        origin = Origin("room-1", "thread-1", message="message-1")
        run = store.open(channel, ASKER, origin, RunKind(kind), brief)
        found = Finding("given", State.OK, facts=facts or {})
        store.append(
            run.id,
            Event(Kind.DETAILS, MOMENT, channel=channel),
            Event(Kind.SIGNED_IN, MOMENT, account=ACCOUNT),
            Event(Kind.FOUND, MOMENT, step="given", finding=found),
            *chain.from_iterable(starmap(waited, (waits or {}).items())),
            *starmap(answered, (answers or {}).items()),
            *chain.from_iterable(starmap(change, (changed or {}).items())),
            *events,
        )
        return context(run.id, settings)

    def context(run_id: str, settings: Settings) -> StepContext:
        http = httpx.AsyncClient(transport=httpx.MockTransport(cloud.answer))
        graph = Graph(http, _token, settings.graph_url)
        exchange = InvokeCommand(http, _token, settings.exchange_url, "tenant-1", ACCOUNT.upn)
        clients = (graph, exchange, lambda: Trace(graph, exchange))
        return StepContext(store.load(run_id), settings, store, vault, *clients)

    return make


async def _token() -> str:
    return "token"


@pytest.fixture
def runtime_of(store, vault):
    """Return a function that makes a worker's runtime with the given settings."""
    return lambda settings: Runtime(settings, store, vault, no_listener)
