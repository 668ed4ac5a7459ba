"""Read access that a tenant grants to the bot's own app.

The grant is proven by tokens, kept without a secret, and never used for a write.
"""

import ast
import inspect
import re
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import httpx
import jwt
import pytest

import jobs
from jobs.access import tenants
from jobs.clouds import errors
from jobs.clouds.json_values import Json
from jobs.microsoft import scopes, tokens
from jobs.microsoft.graph import Graph
from jobs.microsoft.scopes import EXCHANGE_APP_ROLES, EXCHANGE_SCOPE, GRAPH_APP_ROLES, GRAPH_SCOPE

TENANT = "11111111-2222-3333-4444-555555555555"
SECRET = "s3cr~t.Value"
ALL = {GRAPH_SCOPE: list(GRAPH_APP_ROLES), EXCHANGE_SCOPE: list(EXCHANGE_APP_ROLES)}
WRITES = ("upsert", "update", "delete", "add", "remove", "create")
KEY = "a key of thirty-two bytes at least"


@pytest.fixture
def here(provider, work_settings):
    """Settings whose Entra is the small provider on loopback, where all roles are granted."""
    provider.app_roles.update(ALL)
    app = {"microsoft_client_id": "client-1", "microsoft_client_secret": SECRET}
    return replace(work_settings, login_url=provider.base, **app)


def token(**claims: object) -> str:
    """Return an access token with these claims."""
    return jwt.encode(claims, KEY)


def test_roles_of_a_token():
    """Roles of a token are compared without regard to case.

    A token without a list of roles has none.
    """
    assert tokens.roles_in(token(roles=["A.Read", "B.Read"])) == {"A.Read", "B.Read"}
    assert tokens.roles_in(token()) == tokens.roles_in(token(roles="A.Read")) == frozenset()
    assert tokens.missing_in(token(roles=["a.read"]), ["A.Read", "B.Read"]) == ("B.Read",)


@pytest.mark.parametrize("text", ["", "opaque", "a.b.c", "a.!!.c", "a.bnVsbA.c"])
def test_what_is_no_token(text):
    """A text that is not a token raises an error, because it says nothing about roles."""
    with pytest.raises(errors.MalformedAnswer):
        tokens.roles_in(text)


def test_proven_by_both_tokens(here, provider):
    """A grant is proven by a token for Graph and a token for Exchange.

    Both tokens come from the tenant's own endpoint. Optional roles in a token are noted, too.
    """
    provider.app_roles[GRAPH_SCOPE].append("AuditLog.Read.All")
    proven = tenants.prove(here, TENANT, "anna@contoso.com")
    roles = tuple(sorted([*GRAPH_APP_ROLES, "AuditLog.Read.All", *EXCHANGE_APP_ROLES]))
    assert proven == tenants.AppAccess(TENANT, proven.at, "anna@contoso.com", roles)
    asked = {(path, form["scope"]) for path, form in provider.requests if form}
    assert asked == {(f"/{TENANT}/oauth2/v2.0/token", scope) for scope in ALL}


def test_missing_roles_are_named(here, provider):
    """The error names all missing roles, whichever of the two tokens lacks them."""
    some = ["User.Read.All", "Application.Read.All", "Directory.Read.All"]
    provider.app_roles.update({GRAPH_SCOPE: some, EXCHANGE_SCOPE: []})
    with pytest.raises(errors.Forbidden) as told:
        tenants.prove(here, TENANT, "anna@contoso.com")
    lacking = "ExchangeMessageTrace.Read.All, Policy.Read.All, Exchange.ManageAsApp"
    assert (told.value.cause, told.value.code) == ("app_roles_missing", lacking)


def test_kept_by_tenant_without_a_secret(here, redis):
    """Redis stores what a tenant granted, but neither the token nor the bot's secret."""
    access = tenants.prove(here, TENANT, "anna@contoso.com")
    tenants.keep_grant(redis, access)
    found = [tenants.grant_for(redis, each) for each in (TENANT, TENANT.upper(), "", "another")]
    assert found == [access, access, None, None]
    kept = b"".join(redis.hvals("tenants:app-access"))
    assert (SECRET.encode() in kept, b"eyJ" in kept) == (False, False)


def test_one_that_was_granted_anew_is_not_forgotten(redis):
    """A check that began before a new grant can drop only the old grant, so the new grant stays."""
    old = tenants.AppAccess(TENANT, datetime(2026, 1, 1, tzinfo=UTC), "a@b.c", ())
    new = replace(old, at=datetime(2026, 1, 2, tzinfo=UTC))
    tenants.keep_grant(redis, new)
    tenants.drop_grant(redis, old)
    assert tenants.grant_for(redis, TENANT) == new
    tenants.drop_grant(redis, new)
    assert tenants.grant_for(redis, TENANT) is None


def asking(*answers: str | errors.CloudError):
    """Return a function that gives these answers in order, and the list of the scopes asked for."""
    left, asked = list(answers), list[str]()

    def ask(scope: str) -> str:
        asked.append(scope)
        answer = left.pop(0)
        if isinstance(answer, errors.CloudError):
            raise answer
        return answer

    return ask, asked


async def test_one_token_for_all_that_ask():
    """An access token is requested once and then used for all later requests."""
    ask, asked = asking(token(roles=["A"]))
    source = tokens.AppTokens(ask, {"s": ["A"]}).source("s")
    assert {await source() for _ in range(3)} == {token(roles=["A"])}
    assert asked == ["s"]


@pytest.mark.parametrize(
    ("kind", "cause", "status", "code", "ended"),
    [
        (errors.Rejected, "app_not_found", 400, "AADSTS700016", True),
        (errors.Rejected, "blocked_by_conditional_access", 400, "AADSTS53003", False),
        (errors.Transient, "entra_busy", 503, "", False),
        (errors.MalformedAnswer, "answer_unreadable", 200, "", False),
        (None, "no_roles", 200, "", True),
    ],
)
async def test_when_it_has_ended(kind, cause, status, code, ended):
    """Access has ended only if the tenant withdrew it, not if Entra is busy or our secret is wrong.

    A policy does not end it either. A later request gets the same error without a call.
    """
    ask, asked = asking(kind(cause, "entra", status, code) if kind else token(roles=[]))
    held = tokens.AppTokens(ask, {"s": ["A"]})
    for _ in range(2):
        with pytest.raises(errors.CloudError) as told:
            await held.source("s")()
        assert told.value.cause == ("app_access_withdrawn" if ended else cause)
    assert (held.ended is not None, asked) == (ended, ["s"])


async def test_the_eyes_of_a_tenant(here, provider, runtime_of, asker):
    """Without a grant a tenant cannot be read, and with one it is read by the app.

    A withdrawn grant is reported with its reason and forgotten.
    """
    runtime = runtime_of(here)
    async with tenants.open_reader(runtime, TENANT) as seen:
        assert (seen.granted, seen.revoked_event()) == (None, None)
    tenants.keep_grant(runtime.store.redis, tenants.prove(here, TENANT, asker.email))
    provider.app_roles[GRAPH_SCOPE] = ["User.Read.All"]
    async with tenants.open_reader(runtime, TENANT) as seen:
        assert seen.granted is not None
        with pytest.raises(errors.Forbidden):
            await seen.graph.verified_domains()
    event = seen.revoked_event()
    assert event is not None
    lacking = ", ".join(name for name in GRAPH_APP_ROLES if name != "User.Read.All")
    withdrawn = {"question": "app_access", "cause": "app_access_withdrawn"}
    assert event.data == withdrawn | {"code": lacking}
    assert tenants.grant_for(runtime.store.redis, TENANT) is None


def writing() -> list[str]:
    """Return the names of the Graph methods that change something."""
    methods = inspect.getmembers(Graph, inspect.iscoroutinefunction)
    return [name for name, _ in methods if name.startswith(WRITES)]


@pytest.mark.parametrize("name", writing())
async def test_graph_is_never_written_to(name):
    """With the read access, every Graph method that writes is refused before anything is sent."""
    sent: list[httpx.Request] = []
    answer = lambda request: sent.append(request) or httpx.Response(200, json={})  # noqa: E731
    async with httpx.AsyncClient(transport=httpx.MockTransport(answer)) as http:
        method = getattr(tokens.ReadingGraph(http, _token, "https://graph.test"), name)
        kinds = {datetime: datetime.now(UTC), Json: {}}
        named = inspect.signature(method).parameters.items()
        given = {each: kinds.get(kind.annotation, "x") for each, kind in named}
        with pytest.raises(tokens.WriteRefusedError):
            await method(**given)
    assert (sent, len(writing())) == ([], 7)


@pytest.mark.parametrize("cmdlet", ["Set-CASMailbox", "New-HostedOutboundSpamFilterRule"])
async def test_exchange_is_never_written_to(cmdlet):
    """With the read access, only cmdlets that read are sent to Exchange."""
    sent: list[httpx.Request] = []

    def answer(request: httpx.Request) -> httpx.Response:
        sent.append(request)
        return httpx.Response(200, json={"value": [{"Name": "a"}]})

    async with httpx.AsyncClient(transport=httpx.MockTransport(answer)) as http:
        exchange = tokens.ReadingExchange(http, _token, "https://exchange.test", TENANT, "")
        with pytest.raises(tokens.WriteRefusedError):
            await exchange.run(cmdlet, {})
        await exchange.run("Get-Mailbox", {})
    anchor = f"APP:SystemMailbox{{bb558c35-97f1-4cb9-8ff7-d53741dc928c}}@{TENANT}"
    assert [request.headers["X-AnchorMailbox"] for request in sent] == [anchor]


def test_only_checks_use_it():
    """Only checks and the watch use the read access, and the modules that use it change nothing."""
    paths = [path for path in Path(jobs.__file__).parent.rglob("*.py") if _opens(path)]
    assert {path.name for path in paths} == {"check.py", "bulk.py", "look.py"}
    assert not re.search(r"apply_plan\(|make_plan\(|apply\(", "".join(p.read_text() for p in paths))


def test_its_permissions_only_read():
    """Every role of the app only reads; Exchange.ManageAsApp gives no right without a role there."""
    roles = {*GRAPH_APP_ROLES, *scopes.OPTIONAL_APP_ROLES, *EXCHANGE_APP_ROLES}
    assert {name for name in roles if not name.endswith(".Read.All")} == {"Exchange.ManageAsApp"}


def test_what_the_app_may_read():
    """If the app lacks a permission, the bot makes no call and leaves the probe to a sign-in."""
    lists = ((), ("User.Read.All", "View-Only Recipients"), ("ServiceHealth.Read.All",))
    assert list(map(scopes.app_may_read, lists)) == [True, True, False]


def _opens(path: Path) -> bool:
    return any(
        getattr(node, "attr", getattr(node, "id", getattr(node, "name", ""))) == "open_reader"
        and not isinstance(node, ast.AsyncFunctionDef)
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
    )


async def _token() -> str:
    return "token"


@pytest.mark.parametrize(
    ("host", "traces"),
    [("graph.microsoft.com", True), ("graph.microsoft.us", False), ("127.0.0.1:9", True)],
)
def test_what_a_cloud_does_not_have_is_not_needed_there(make_settings, host, traces):
    """The role for message traces is needed in the public cloud only.

    Graph traces no messages in national clouds, so no national token can carry that role.
    """
    graph, _ = tenants.needed(make_settings(graph_url=f"https://{host}")).values()
    lacking = set() if traces else {"ExchangeMessageTrace.Read.All"}
    assert set(GRAPH_APP_ROLES) - set(graph) == lacking
