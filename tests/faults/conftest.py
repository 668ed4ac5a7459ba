"""Practice cloud in this process with injected faults, real steps and the real engine.

People do what a card asks for. Time jumps over every pause, so a run that would wait for minutes
takes none.
"""

from __future__ import annotations

import re
import tomllib
from collections import Counter
from collections.abc import Callable, Coroutine, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
import structlog
from cryptography.fernet import Fernet
from redis import Redis

from jobs.advance import advance_steps
from jobs.clock import now
from jobs.clouds.errors import SignInNeeded
from jobs.engine.context import StepContext
from jobs.engine.engine import Engine
from jobs.engine.undo import known, recall
from jobs.mail.message_trace import open_trace
from jobs.microsoft.exchange import InvokeCommand
from jobs.microsoft.graph import Graph
from jobs.microsoft.scopes import EXCHANGE_SCOPE, GRAPH_READ_SCOPES, GRAPH_SETUP_SCOPES
from jobs.model import Account, Channel, Person, RunKind, State
from jobs.next_action import blocking_steps
from jobs.runs.origin import Origin
from jobs.runs.run import Event, Kind, Run
from jobs.runs.run_store import RunStore
from jobs.runtime import NoListener
from jobs.settings import Settings
from jobs.steps import all_steps, steps_of
from jobs.storage.vault import Vault
from practice.microsoft import Cloud, seed
from practice.settings import PracticeSettings
from practice.tls import Tls
from practice.virtual_time import carry_out
from tests.faults.weather import FAULTS, Fault, Storm, Weather
from tests.fixtures.practice_cloud import BASE, administrators_token, practice_cloud

MAILBOX = "support@contoso.com"
CHANNEL = Channel(MAILBOX, "https://uk.webexconnect.io/callback", "x1@mail.webexconnect.io")
ORIGIN = Origin("room-1", message="m-1")
FORM = {
    "token_saved": "yes",
    "registered": "yes",
    "rehearse": "skip:nobody is here",
    "test_sent": "yes",
}
ROUNDS = 30
LISTED: dict[str, list[str]] = tomllib.loads(
    Path(__file__).with_name("calls.toml").read_text(encoding="utf-8")
)


@dataclass
class Country:
    """One tenant in the practice cloud, as it was at the start, and how a run gets at it."""

    cloud: Cloud
    http: httpx.Client
    settings: PracticeSettings
    redis: Redis

    def tenant(self) -> dict[str, Any]:
        """Return the tenant as an administrator sees it."""
        found: dict[str, Any] = self.http.get("/practice/tenants/contoso.com").json()
        return found

    def objects(self) -> dict[str, int]:
        """Return the number of objects of each kind that a setup makes, including client secrets.

        It also counts the most service principals that one app has. The service principal for the
        message trace exists only if nothing else shows a trace.
        """
        tenant = self.tenant()
        kinds = (
            "applications",
            "grants",
            "role_assignments",
            "outbound_policies",
            "outbound_rules",
        )
        secrets = sum(len(app["passwordCredentials"]) for app in tenant["applications"])
        principals = Counter(each["appId"] for each in tenant["service_principals"])
        own = {
            "own principals": sum(principals[app["appId"]] for app in tenant["applications"]),
            "of one app": max(principals.values()),
        }
        return {kind: len(tenant[kind]) for kind in kinds} | own | {"secrets": secrets}

    def token(self, scopes: str) -> str:
        """An administrator's token."""
        return administrators_token(self.http, self.settings, scopes)

    def consent(self, principal: str, resource: str, role: str) -> None:
        """Grant an app role as Microsoft's consent page does."""
        headers = {
            "Authorization": f"Bearer {self.token('AppRoleAssignment.ReadWrite.All Application.Read.All')}"
        }
        body = {"principalId": principal, "resourceId": resource, "appRoleId": role}
        url = f"{BASE}/graph/v1.0/servicePrincipals/{principal}/appRoleAssignments"
        self.http.post(url, json=body, headers=headers)

    def context(self, weather: Weather, kind: str = "setup") -> StepContext:
        """A run of the mailbox, signed in as the tenant's administrator, through this weather."""
        store, keys = RunStore(self.redis), (Fernet.generate_key().decode(),)
        tenant_id = str(self.tenant()["id"])
        run = store.open(CHANNEL, Person("anna", "anna@contoso.com"), ORIGIN, RunKind(kind))
        store.append(run.id, Event(Kind.DETAILS, now(), channel=CHANNEL), signed_in(tenant_id))
        scopes = GRAPH_READ_SCOPES if kind == "check" else GRAPH_SETUP_SCOPES
        tokens = {"graph": self.token(" ".join(scopes)), "exchange": self.token(EXCHANGE_SCOPE)}

        async def for_graph() -> str:
            return tokens["graph"]

        async def for_exchange() -> str:
            return tokens["exchange"]

        http = httpx.AsyncClient(transport=httpx.MockTransport(weather))
        graph = Graph(http, for_graph, f"{BASE}/graph")
        exchange = InvokeCommand(http, for_exchange, BASE, tenant_id, "admin@contoso.com")
        ours = {"graph_url": f"{BASE}/graph", "exchange_url": BASE, "smtp_server": "127.0.0.1:1"}
        settings = Settings("https://bot.test", "", self.settings.bot_client_id, "", keys, **ours)
        return StepContext(
            store.load(run.id),
            settings,
            store,
            Vault(self.redis, keys),
            graph,
            exchange,
            lambda: open_trace(graph, exchange),
        )


def signed_in(tenant_id: str) -> Event:
    """The administrator signs in."""
    return Event(Kind.SIGNED_IN, now(), account=Account(tenant_id, "admin", "admin@contoso.com"))


@dataclass
class Ride:
    """Run on its way to its end, and the people who do what it asks for.

    ``longest`` is the longest piece of work in seconds.
    """

    country: Country
    ctx: StepContext
    weather: Weather
    longest: float = 0.0
    presses: int = 0

    def to_its_end(self) -> Run:
        """Work and people in turn, until only the test mail is still on its way, which nobody sends here."""
        for _ in range(ROUNDS):
            if self.round():
                return self._run()
        raise AssertionError(f"stuck after {ROUNDS} rounds: {self.left()}")

    def undoing(self) -> Ride:
        """Cancel the setup and return the ride of an undo that is about to begin."""
        self.ctx.store.end(self._run(), Event(Kind.CANCELLED, now()))
        runs = self.ctx.store.runs_of_mailbox(MAILBOX)
        undo = Ride(self.country, self.country.context(self.weather, "undo"), self.weather)
        undo._say(Event(Kind.RECALLED, now(), data=known(runs), past=recall(runs, all_steps())))
        return undo

    def round(self) -> bool:
        """Do one piece of work, then the people's part, and move time to the next look.

        Return whether the work has arrived at its end.
        """
        self.work()
        if self._arrived():
            return True
        self.people()
        self._time_passes()
        return False

    def work(self) -> None:
        """One piece of work of a worker."""
        self.longest = max(self.longest, carry_out(self._work()))

    def left(self) -> dict[str, tuple[str, str, str]]:
        """Every step that is not settled: its state, whose turn it is, and the cause."""
        run = self._run()
        return {
            name: (str(f.state), str(f.waiting_for), f.cause)
            for name, f in run.findings.items()
            if not run.settled(name)
        }

    def _arrived(self) -> bool:
        run = self._run()
        return bool(run.approvals) and self.left().keys() == (
            set() if run.kind == "undo" else {"test_mail"}
        )

    async def _work(self) -> None:
        """Do the work of one worker job."""
        if self._run().account is None:
            return
        try:
            await advance_steps(
                Engine(self.ctx, steps_of(self.ctx.run), NoListener(), lambda: True)
            )
        except SignInNeeded as error:
            self._say(
                Event(Kind.SIGNED_OUT, now(), data={"cause": error.cause, "code": error.code})
            )

    def people(self) -> None:
        """Sign in, press Look again, approve, consent, or report the form, as the run asks."""
        run = self._run()
        if run.account is None:
            self._press(signed_in(str(self.country.tenant()["id"])))
        elif any(
            finding.state is State.UNKNOWN and finding.until is None
            for finding in run.findings.values()
        ):
            self._press(Event(Kind.LOOK_AGAIN, now()))
        elif run.plan and run.plan.changes and not run.approvals and not blocking_steps(run):
            scopes = ("mailbox", "tenant")
            self._say(
                *(
                    Event(Kind.APPROVED, now(), data={"plan": run.plan.id, "scope": scope})
                    for scope in scopes
                )
            )
        self._outside(run)

    def _outside(self, run: Run) -> None:
        """At Microsoft and in Webex Connect."""
        waiting = {name for name, finding in run.findings.items() if finding.state is State.WAITING}
        if "admin_consent" in waiting and run.fact("sp_id") and "consent" not in run.answers:
            self.country.consent(
                run.fact("sp_id"), run.fact("exchange_sp_id"), run.fact("mail_send")
            )
            self._say(Event(Kind.ANSWERED, now(), data={"question": "consent", "value": "granted"}))
        if "token_saved" not in run.answers:
            self._say(
                *(
                    Event(Kind.ANSWERED, now(), data={"question": name, "value": value})
                    for name, value in FORM.items()
                )
            )

    def _time_passes(self) -> None:
        """Whatever was to be looked at later is due now."""
        key = f"run:{self.ctx.run.id}:events"
        for place, raw in enumerate(self.country.redis.lrange(key, 0, -1)):
            if (
                moved := re.sub(rb'"until":"2[^"]+"', b'"until":"2020-01-01T00:00:00Z"', raw)
            ) != raw:
                self.country.redis.lset(key, place, moved)

    def _press(self, event: Event) -> None:
        self.presses += 1
        self._say(event)

    def _say(self, *events: Event) -> None:
        self.ctx.store.append(self.ctx.run.id, *events)

    def _run(self) -> Run:
        self.ctx.run = self.ctx.store.load(self.ctx.run.id)
        return self.ctx.run


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """A test that asks for ``fault`` runs once for every kind of trouble."""
    if "fault" in metafunc.fixturenames:
        metafunc.parametrize("fault", FAULTS, ids=[fault.name for fault in FAULTS])
    for name, calls in {"call": "setup", "login_call": "login"}.items():
        if name in metafunc.fixturenames:
            metafunc.parametrize(name, LISTED[calls])


@pytest.fixture(scope="module")
def sky(certificates: Tls) -> Iterator[tuple[Cloud, httpx.Client, PracticeSettings]]:
    """One practice cloud for the module, in this process and without delays."""
    with practice_cloud(certificates) as (cloud, http):
        yield cloud, http, cloud.world.settings


@pytest.fixture
def listed() -> dict[str, list[str]]:
    """The calls of calls.toml."""
    return LISTED


@pytest.fixture
def faults() -> dict[str, Fault]:
    """Every kind of trouble, by its name."""
    return {fault.name: fault for fault in FAULTS}


@pytest.fixture(autouse=True)
def quiet() -> Iterator[None]:
    """A matrix makes thousands of calls, each of them a line in the log."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(50))
    yield
    structlog.reset_defaults()


def _as_at_the_start(sky: tuple[Cloud, httpx.Client, PracticeSettings], redis: Redis) -> Country:
    """Contoso, needing the change to the whole tenant, too; nothing in Redis."""
    cloud, http, settings = sky
    cloud.world.tenants.clear()
    seed.fill(cloud.world)
    http.patch("/practice/tenants/contoso.com", json={"dehydrated": True}).raise_for_status()
    redis.flushall()
    return Country(cloud, http, settings, redis)


@pytest.fixture
def country(sky: tuple[Cloud, httpx.Client, PracticeSettings], redis: Redis) -> Country:
    """One tenant, as it was at the start."""
    return _as_at_the_start(sky, redis)


@pytest.fixture
def weather(country: Country) -> Weather:
    """A clear sky over it."""
    return Weather(country.http)


@pytest.fixture
def ride(country: Country, weather: Weather) -> Ride:
    """A setup that is about to begin."""
    return Ride(country, country.context(weather), weather)


@pytest.fixture
def storm(country: Country) -> Callable[..., Storm]:
    """Makes storms over the sign-in pages."""
    return lambda *what: Storm(country.http, *what)


@pytest.fixture
def weather_over() -> type[Weather]:
    """Makes weather over another place than the practice cloud."""
    return Weather


@pytest.fixture
def without_waiting() -> Callable[[Coroutine[Any, Any, None]], float]:
    """Return a function that runs a piece of work without pauses and returns their seconds."""
    return carry_out


@dataclass(frozen=True)
class Calm:
    """Calls of an undisturbed setup, and the number of objects of each kind at its end."""

    calls: Counter[str]
    objects: dict[str, int]


@pytest.fixture(scope="module")
def calm(sky: tuple[Cloud, httpx.Client, PracticeSettings], redis_url: str) -> Calm:
    """One setup under a clear sky."""
    with Redis.from_url(redis_url) as redis:
        country = _as_at_the_start(sky, redis)
        weather = Weather(country.http)
        Ride(country, country.context(weather), weather).to_its_end()
        return Calm(weather.calls, country.objects())


@dataclass
class Connected:
    """Tenant with a connected mailbox that can be checked again and again, as checks write nothing."""

    country: Country

    def weather(self, fault: Fault | None = None, times: int = 1) -> Weather:
        """New weather over it."""
        return Weather(self.country.http, fault, times)

    def context(self, weather: Weather, kind: str) -> StepContext:
        """A run through this weather."""
        self.country.redis.flushall()
        return self.country.context(weather, kind)

    def carry_out(self, work: Coroutine[Any, Any, None]) -> float:
        """To its end, without waiting."""
        return carry_out(work)


@pytest.fixture(scope="module")
def connected(certificates: Tls, redis_url: str) -> Iterator[Connected]:
    """After one setup under a clear sky, in a cloud of its own, which no other test of the module brings back to its start."""
    with Redis.from_url(redis_url) as redis, practice_cloud(certificates) as (cloud, http):
        country = _as_at_the_start((cloud, http, cloud.world.settings), redis)
        weather = Weather(country.http)
        Ride(country, country.context(weather), weather).to_its_end()
        yield Connected(country)
