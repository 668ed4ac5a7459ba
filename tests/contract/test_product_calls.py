"""Requests of the product to Microsoft Graph and Webex, against their specifications.

The tests are skipped if the files with the specifications are missing.
"""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

import httpx
import pytest
from cryptography.fernet import Fernet
from redis import Redis

from bot.webex.client import Webex
from jobs.clock import now
from jobs.engine.context import StepContext
from jobs.engine.engine import Engine
from jobs.mail.message_trace import Trace
from jobs.microsoft.exchange import InvokeCommand
from jobs.microsoft.graph import EXCHANGE_APP_ID, MESSAGE_TRACE_APP_ID, Graph
from jobs.microsoft.scopes import EXCHANGE_SCOPE, GRAPH_SETUP_SCOPES
from jobs.model import Account, Channel, Person, State
from jobs.runs.run import Event, Kind, Origin
from jobs.runs.run_store import RunStore
from jobs.runtime import no_listener
from jobs.settings import Settings
from jobs.steps import all_steps
from jobs.storage.vault import Vault
from practice.microsoft import catalogue
from practice.settings import PracticeSettings
from practice.shared import ABSENT, GRAPH, WEBEX
from practice.tls import Tls
from tests.contract.openapi import Asked, Spec
from tests.fixtures.parsed import files
from tests.fixtures.practice_cloud import BASE, administrators_token, practice_cloud

NO_PAUSES = True
MAILBOX = "support@contoso.com"
CHANNEL = Channel(MAILBOX, "https://uk.webexconnect.io/callback", "x1@mail.webexconnect.io")
ORIGIN = Origin("room-1", message="m-1")
FORM = {
    "token_saved": "yes",
    "registered": "yes",
    "rehearse": "skip:nobody is here",
    "test_sent": "yes",
    "agent_has_it": "yes",
}


@dataclass
class Tenant:
    """Practice cloud in this process with the product's clients; it keeps every Graph request."""

    http: httpx.Client
    settings: PracticeSettings
    asked: list[Asked] = field(default_factory=list)
    cmdlets: list[str] = field(default_factory=list)

    def answer(self, request: httpx.Request) -> httpx.Response:
        """Keep the request, and let the practice cloud answer it.

        The method is httpx.MockTransport's handler.
        """
        url, body = (
            urlsplit(str(request.url)),
            json.loads(request.content) if request.content else None,
        )
        if url.path.startswith("/graph/"):
            path = (
                unquote(url.path).removeprefix("/graph/v1.0").removeprefix("/graph/beta")
            )  # the one call of beta is also one of v1.0
            self.asked.append(Asked(request.method, path, parse_qs(url.query), body))
        else:
            self.cmdlets.append(str(body["CmdletInput"]["CmdletName"]))
        answer = self.http.request(
            request.method, str(request.url), headers=request.headers, content=request.content
        )
        return httpx.Response(answer.status_code, headers=answer.headers, content=answer.content)

    @property
    def writes(self) -> list[str]:
        """Return the requests and cmdlets that change something."""
        graph = [f"{asked.method} {asked.path}" for asked in self.asked if asked.method != "GET"]
        return graph + [cmdlet for cmdlet in self.cmdlets if not cmdlet.startswith("Get-")]

    def consent(self, principal: str, resource: str, role: str) -> None:
        """Grant an app role as Microsoft's consent page does.

        The token has more permissions than the product asks for.
        """
        body = {"principalId": principal, "resourceId": resource, "appRoleId": role}
        headers = {
            "Authorization": f"Bearer {self.token('AppRoleAssignment.ReadWrite.All Application.Read.All')}"
        }
        self.http.post(
            f"{BASE}/graph/v1.0/servicePrincipals/{principal}/appRoleAssignments",
            json=body,
            headers=headers,
        ).raise_for_status()

    def token(self, scopes: str) -> str:
        """Return an administrator's token."""
        return administrators_token(self.http, self.settings, scopes)


@pytest.fixture
def tenant(certificates: Tls) -> Iterator[Tenant]:
    """Tenant of a started practice cloud without delays."""
    with practice_cloud(certificates) as (cloud, http):
        yield Tenant(http, cloud.world.settings)


def context(tenant: Tenant, redis: Redis) -> StepContext:
    """Return the context of a run of the mailbox, signed in as the tenant's administrator."""
    store, keys = RunStore(redis), (Fernet.generate_key().decode(),)
    tenant_id = str(
        tenant.http.get(f"{BASE}/contoso.com/v2.0/.well-known/openid-configuration")
        .json()["issuer"]
        .split("/")[-2]
    )
    run = store.open(CHANNEL, Person("anna", "anna@contoso.com"), ORIGIN)
    account = Account(tenant_id, "admin", "admin@contoso.com")
    store.append(
        run.id,
        Event(Kind.DETAILS, now(), channel=CHANNEL),
        Event(Kind.SIGNED_IN, now(), account=account),
    )
    graph_token, exchange_token = (
        tenant.token(" ".join(GRAPH_SETUP_SCOPES)),
        tenant.token(EXCHANGE_SCOPE),
    )

    async def for_graph() -> str:
        return graph_token

    async def for_exchange() -> str:
        return exchange_token

    http = httpx.AsyncClient(transport=httpx.MockTransport(tenant.answer))
    graph = Graph(http, for_graph, f"{BASE}/graph")
    exchange = InvokeCommand(http, for_exchange, BASE, tenant_id, account.upn)
    settings = Settings(
        "https://bot.test",
        "",
        tenant.settings.bot_client_id,
        "",
        keys,
        graph_url=f"{BASE}/graph",
        exchange_url=BASE,
    )
    return StepContext(
        store.load(run.id),
        settings,
        store,
        Vault(redis, keys),
        graph,
        exchange,
        lambda: Trace(graph, exchange),
    )


async def carry_out(tenant: Tenant, ctx: StepContext) -> None:
    """Do a whole run: plan, both approvals, changes, consent, and the answers of people."""
    engine = Engine(ctx, all_steps(), no_listener, lambda: True)
    await engine.make_plan()
    assert ctx.run.plan is not None
    plan = ctx.run.plan.id
    ctx.store.append(
        ctx.run.id,
        *(
            Event(Kind.APPROVED, now(), data={"plan": plan, "scope": scope})
            for scope in ("mailbox", "tenant")
        ),
    )
    await engine.apply_plan()
    if ctx.fact("sp_id") and ctx.run.findings["admin_consent"].state is State.WAITING:
        tenant.consent(ctx.fact("sp_id"), ctx.fact("exchange_sp_id"), ctx.fact("mail_send"))
    for question, value in FORM.items():
        ctx.store.append(
            ctx.run.id, Event(Kind.ANSWERED, now(), data={"question": question, "value": value})
        )
    await engine.apply_plan()


@pytest.mark.slow
@pytest.mark.skipif(not GRAPH.exists(), reason=ABSENT)
async def test_a_whole_run_asks_graph_what_graph_knows(tenant: Tenant, redis: Redis):
    """Graph's specification knows every path, method and body property that a whole run uses."""
    ctx = context(tenant, redis)
    await carry_out(tenant, ctx)
    spec = Spec(GRAPH)
    assert [problem for asked in tenant.asked for problem in spec.problems(asked)] == []
    assert {name for name in all_steps() if not ctx.run.settled(name)} <= {
        "test_mail",
        "agent_has_it",
        "agent_answer",
    }
    assert {"PATCH", "POST", "GET"} == {asked.method for asked in tenant.asked}


@pytest.mark.slow
async def test_a_second_run_writes_nothing(tenant: Tenant, redis: Redis):
    """After the secret is handed over, a second run has an empty plan and changes nothing."""
    ctx = context(tenant, redis)
    await carry_out(tenant, ctx)
    ctx.store.record_secret_shown(ctx.fact("key_id"))
    ctx.store.end(ctx.run, Event(Kind.FINISHED, now()))
    tenant.asked.clear()
    tenant.cmdlets.clear()
    again = context(tenant, redis)
    await Engine(again, all_steps(), no_listener, lambda: True).make_plan()
    assert again.run.plan is not None
    assert (again.run.plan.changes, tenant.writes) == ((), [])
    await Engine(again, all_steps(), no_listener, lambda: True).apply_plan()
    assert tenant.writes == []


@pytest.mark.slow
async def test_each_thing_is_made_once(tenant: Tenant, redis: Redis):
    """A whole run sends each creating request once.

    Two kinds of request may come once for each resource: grants and service principals.
    """
    await carry_out(tenant, context(tenant, redis))
    made = [write for write in tenant.writes if write.startswith(("POST", "New-", "Enable-"))]
    kinds = [re.sub(r"/[0-9a-f-]{36}", "/ID", write) for write in made]
    twice = {
        "POST /oauth2PermissionGrants",
        "POST /servicePrincipals",
    }  # one a resource; the app's, and the message trace's
    assert sorted(kind for kind in set(kinds) if kinds.count(kind) > 1 and kind not in twice) == []
    bodies = [
        json.dumps(asked.body, sort_keys=True) for asked in tenant.asked if asked.method == "POST"
    ]
    assert len(bodies) == len(set(bodies))
    assert MESSAGE_TRACE_APP_ID != EXCHANGE_APP_ID


class _Webex(BaseHTTPRequestHandler):
    def _serve(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        url = urlsplit(self.path)
        asked: list[Asked] = self.server.asked  # type: ignore[attr-defined]  # set by the fixture
        asked.append(
            Asked(
                self.command,
                unquote(url.path).removeprefix("/v1"),
                parse_qs(url.query),
                json.loads(body) if body else None,
            )
        )
        content = json.dumps({"id": "x", "items": [{}], "emails": ["a@b.c"]}).encode()
        self.send_response(204 if self.command == "DELETE" else 200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", "0" if self.command == "DELETE" else str(len(content)))
        self.end_headers()
        if self.command != "DELETE":
            self.wfile.write(content)

    do_GET = do_POST = do_PUT = do_DELETE = _serve  # noqa: N815  http.server's names

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002  http.server's signature
        """Log nothing."""


@pytest.fixture
def webex() -> Iterator[tuple[Webex, list[Asked]]]:
    """Bot's Webex client, and the list of all its requests."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Webex)
    server.daemon_threads = True
    server.asked = []  # type: ignore[attr-defined]  # the handler reads it
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    client = Webex("token", f"http://127.0.0.1:{server.server_port}/v1/")
    yield client, server.asked  # type: ignore[attr-defined]  # see above
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.mark.skipif(not WEBEX.exists(), reason=ABSENT)
def test_webex_is_asked_what_webex_knows(webex: tuple[Webex, list[Asked]]):
    """Every call of the bot's Webex client is in Webex's specification.

    The one exception is a card in an edit, which the reference does not name (webex.md 2).
    """
    client, asked = webex
    card = {
        "type": "AdaptiveCard",
        "version": "1.3",
    }  # cards have a schema of their own, and tests of their own
    (
        client.me(),
        client.person("p1"),
        client.message("m1"),
        client.action("a1"),
        client.members("r1"),
        client.membership("r1", "p1"),
    )
    client.room_type("r1"), client.room_title("r1"), client.people("a@b.c")
    client.send(room_id="r1", text="t", card=card, parent_id="m1")
    client.send(to_email="a@b.c", text="t", card=card)
    client.send(to_person_id="p1", text="t")
    client.edit("m1", "r1", "t", card)
    client.webhooks()
    client.create_webhook(
        name="n",
        target_url="https://b.test/x",
        resource="messages",
        event="created",
        secret="s" * 20,
    )
    client.update_webhook("w1", name="n", target_url="https://b.test/x", secret="s" * 20)
    client.delete_webhook("w1")
    spec = Spec(WEBEX, {"PUT /messages/{messageId}": {"attachments"}})
    assert [problem for each in asked for problem in spec.problems(each)] == []
    assert len(asked) == 17


@pytest.mark.skipif(not GRAPH.exists(), reason=ABSENT)
@pytest.mark.parametrize(
    "asked",
    [
        Asked("GET", "/no/such/path", {}, None),
        Asked("DELETE", "/organization", {}, None),
        Asked("PATCH", "/applications/o-1", {}, {"color": "red"}),
        Asked("PATCH", "/applications/o-1", {}, {"web": {"redirectUris": "not a list"}}),
        Asked(
            "PATCH", "/applications/o-1", {}, {"requiredResourceAccess": [{"resourceAppID": "x"}]}
        ),
        Asked("POST", "/applications/o-1/removePassword", {}, {}),
    ],
)
def test_the_comparison_can_fail(asked: Asked):
    """The comparison names one problem for each wrong path, method, property or type.

    A missing property is one problem, too.
    """
    assert len(Spec(GRAPH).problems(asked)) == 1


def test_the_product_has_no_real_permission_id():
    """The product reads the ids of Exchange's permissions from the tenant, and has none in its code."""
    real = {*catalogue.REAL_SCOPES.values(), *catalogue.REAL_ROLES.values()}
    sources = files("jobs", "bot")
    assert (len(real) > 1, len(sources) > 100) == (True, True)
    assert [path for path in sources if any(each in path.read_text("utf-8") for each in real)] == []
