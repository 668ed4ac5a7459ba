"""Runs in a practice cloud in this process, with real steps and the real engine.

People do each thing that a card asks for. Time jumps over every pause, so a run that would wait for
minutes takes none.
"""

from __future__ import annotations

import copy
import re
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

import httpx
from cryptography.fernet import Fernet
from redis import Redis

from bot.services import Services
from jobs.advance import plan_and_apply
from jobs.clock import now
from jobs.clouds.errors import SignInNeeded
from jobs.engine.engine import Engine
from jobs.engine.step import StepContext
from jobs.engine.undo import ids_of, recall
from jobs.mail.message_trace import Trace
from jobs.microsoft.exchange import InvokeCommand
from jobs.microsoft.graph import Graph
from jobs.microsoft.scopes import EXCHANGE_SCOPE, GRAPH_READ_SCOPES, GRAPH_SETUP_SCOPES
from jobs.model import Account, Channel, Person, RunKind, State
from jobs.next_action import blocking_steps
from jobs.runs.run import Event, Kind, Origin, Run
from jobs.runs.run_store import RunStore
from jobs.runtime import no_listener
from jobs.settings import Settings
from jobs.steps import all_steps, steps_of
from jobs.storage import codec
from jobs.storage.vault import Vault
from practice.microsoft import Cloud
from practice.settings import PracticeSettings
from practice.virtual_time import carry_out
from tests.faults.weather import Weather
from tests.fixtures.practice_cloud import BASE, administrators_token
from tests.fixtures.true_cards import require_true

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


@dataclass
class Country:
    """Tenant in the practice cloud in its initial state, and the contexts of runs in it.

    With ``services`` every card that a run has between two actions is drawn, and has to be true.
    """

    cloud: Cloud
    http: httpx.Client
    settings: PracticeSettings
    redis: Redis
    services: Services | None = None
    tokens: dict[str, str] = field(default_factory=dict)

    def state(self) -> tuple[dict[str, Any], dict[bytes, Any]]:
        """Return a copy of the tenants and of everything in Redis."""
        kept = {key: self.redis.dump(key) for key in self.redis.scan_iter()}
        return copy.deepcopy(self.cloud.world.tenants), kept

    def restore(self, state: tuple[dict[str, Any], dict[bytes, Any]]) -> Country:
        """Return to a state, and return the country. Nothing that Redis held expires."""
        tenants, kept = state
        self.cloud.world.tenants.clear()
        self.cloud.world.tenants.update(copy.deepcopy(tenants))
        self.redis.flushall()
        for key, value in kept.items():
            self.redis.restore(key, 0, value)
        return self

    def after_setup(self, weather: Weather, kind: str, end: Kind) -> Ride:
        """End the setup of this state, and return the next run, which is about to begin."""
        store = RunStore(self.redis)
        (run,) = store.runs_of_mailbox(MAILBOX)
        store.mark_secret_shown(run.fact("key_id"))
        store.end(run, Event(end, now()))
        ride = Ride(self, self.context(weather, kind), weather)
        if kind == "undo":
            runs = store.runs_of_mailbox(MAILBOX)
            ride.say(Event(Kind.RECALLED, now(), data=ids_of(runs), past=recall(runs, all_steps())))
        return ride

    def tenant(self) -> dict[str, Any]:
        """Return the tenant as an administrator sees it."""
        return self.http.get("/practice/tenants/contoso.com").json()

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
        """Return an administrator's token."""
        if scopes not in self.tokens:
            self.tokens[scopes] = administrators_token(self.http, self.settings, scopes)
        return self.tokens[scopes]

    def consent(self, principal: str, resource: str, role: str) -> None:
        """Grant an app role as Microsoft's consent page does."""
        headers = {
            "Authorization": f"Bearer {self.token('AppRoleAssignment.ReadWrite.All Application.Read.All')}"
        }
        body = {"principalId": principal, "resourceId": resource, "appRoleId": role}
        url = f"{BASE}/graph/v1.0/servicePrincipals/{principal}/appRoleAssignments"
        self.http.post(url, json=body, headers=headers)

    def alone(self, weather: Weather, kind: str = "check") -> StepContext:
        """Open a run over this connection, after all others are forgotten."""
        self.redis.flushall()
        return self.context(weather, kind)

    def context(self, weather: Weather, kind: str = "setup") -> StepContext:
        """Open a run of the mailbox over this connection, signed in as the administrator."""
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
        return StepContext(
            store.load(run.id),
            Settings("https://bot.test", "", self.settings.bot_client_id, "", keys, **ours),
            store,
            Vault(self.redis, keys),
            graph,
            exchange,
            lambda: Trace(graph, exchange),
        )


def signed_in(tenant_id: str) -> Event:
    """Return the event of the administrator's sign-in."""
    account = Account(tenant_id, "admin", "admin@contoso.com")
    data = {"permissions": " ".join(GRAPH_SETUP_SCOPES)}
    return Event(Kind.SIGNED_IN, now(), account=account, data=data)


@dataclass
class Ride:
    """Run on its way to its end, and the people who do the things that it asks for.

    The field ``longest`` has the seconds of the longest piece of work.
    """

    country: Country
    ctx: StepContext
    weather: Weather
    longest: float = 0.0
    presses: int = 0

    def to_its_end(self) -> Run:
        """Let the worker and the people act in turn until only the test mail is missing.

        Nobody sends a test mail here.
        """
        for _ in range(ROUNDS):
            if self.round():
                return self._run()
        raise AssertionError(f"stuck after {ROUNDS} rounds: {self.left()}")

    def round(self) -> bool:
        """Do one piece of work, then the people's part, and move time to the next look.

        Return whether the run has arrived at its end.
        """
        self.work()
        if self._arrived():
            return True
        self.people()
        self._time_passes()
        return False

    def work(self) -> None:
        """Do one piece of work as a worker does."""
        self.longest = max(self.longest, carry_out(self._work()))
        if self.country.services is not None:
            require_true(self.country.services, self._run())

    def left(self) -> dict[str, tuple[str, str, str]]:
        """Return the state, the turn and the cause of every step that is not settled."""
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
            await plan_and_apply(
                Engine(self.ctx, steps_of(self.ctx.run), no_listener, lambda: True)
            )
        except SignInNeeded as error:
            self.say(Event(Kind.SIGNED_OUT, now(), data={"cause": error.cause, "code": error.code}))

    def people(self) -> None:
        """Do the people's part as the run asks.

        People sign in, press Look again, approve, consent, or report the form.
        """
        run = self._run()
        if run.account is None:
            self._press(signed_in(str(self.country.tenant()["id"])))
        elif any(
            finding.state is State.UNKNOWN and finding.until is None
            for finding in run.findings.values()
        ):
            self._press(Event(Kind.LOOK_AGAIN, now()))
        elif run.plan and run.plan.changes and not run.approvals and not blocking_steps(run):
            for scope in ("mailbox", "tenant"):
                self.say(Event(Kind.APPROVED, now(), data={"plan": run.plan.id, "scope": scope}))
        self._outside(run)

    def _outside(self, run: Run) -> None:
        """Do the people's part at Microsoft and in Webex Connect."""
        waiting = {name for name, finding in run.findings.items() if finding.state is State.WAITING}
        if "admin_consent" in waiting and run.fact("sp_id") and "consent" not in run.answers:
            self.country.consent(
                run.fact("sp_id"), run.fact("exchange_sp_id"), run.fact("mail_send")
            )
            self.say(Event(Kind.ANSWERED, now(), data={"question": "consent", "value": "granted"}))
        if "token_saved" not in run.answers:
            for name, value in FORM.items():
                self.say(Event(Kind.ANSWERED, now(), data={"question": name, "value": value}))

    def _time_passes(self) -> None:
        """Make everything due that the run would look at only later."""
        run_id, redis = self.ctx.run.id, self.country.redis
        key = f"run:{run_id}:events"
        moved = [
            re.sub(rb'"until":"2[^"]+"', b'"until":"2020-01-01T00:00:00Z"', codec.dump(event))
            for event in self.ctx.store.events(run_id)
        ]
        for place, line in enumerate(self.ctx.store.event_log.chained(run_id, moved)):
            redis.lset(key, place, line.decode())

    def _press(self, event: Event) -> None:
        self.presses += 1
        self.say(event)

    def say(self, *events: Event) -> None:
        """Add events to the run."""
        self.ctx.store.append(self.ctx.run.id, *events)

    def _run(self) -> Run:
        self.ctx.run = self.ctx.store.load(self.ctx.run.id)
        return self.ctx.run
