"""Fixtures for runs in a practice cloud with injected faults, real steps and the real engine."""

from __future__ import annotations

import tomllib
from collections import Counter
from collections.abc import Callable, Coroutine, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import httpx
import pytest
import structlog
from redis import Redis

from bot.services import Services
from jobs.engine.context import StepContext
from practice.microsoft import Cloud, seed
from practice.settings import PracticeSettings
from practice.tls import Tls
from practice.virtual_time import carry_out
from tests.faults.rides import Country, Ride
from tests.faults.weather import FAULTS, Fault, Storm, Weather
from tests.fixtures.practice_cloud import practice_cloud

LISTED: dict[str, list[str]] = tomllib.loads(
    Path(__file__).with_name("calls.toml").read_text(encoding="utf-8")
)


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run a test that asks for ``fault`` once for every kind of fault.

    A test that asks for ``call`` or ``login_call`` runs once for every such call in calls.toml.
    """
    if "fault" in metafunc.fixturenames:
        metafunc.parametrize("fault", FAULTS, ids=[fault.name for fault in FAULTS])
    for name, calls in {"call": "setup", "login_call": "login"}.items():
        if name in metafunc.fixturenames:
            metafunc.parametrize(name, LISTED[calls])


@pytest.fixture(scope="session")
def sky(certificates: Tls) -> Iterator[tuple[Cloud, httpx.Client, PracticeSettings]]:
    """Practice cloud with its HTTP client and settings, without delays."""
    with practice_cloud(certificates) as (cloud, http):
        yield cloud, http, cloud.world.settings


@pytest.fixture
def listed() -> dict[str, list[str]]:
    """Return the calls that calls.toml lists, by part of the product."""
    return LISTED


@pytest.fixture
def faults() -> dict[str, Fault]:
    """Return every kind of fault by its name."""
    return {fault.name: fault for fault in FAULTS}


@pytest.fixture(autouse=True)
def quiet() -> Iterator[None]:
    """Turn the log off, because a fault matrix makes thousands of calls with a line for each."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(50))
    yield
    structlog.reset_defaults()


def _as_at_the_start(sky: tuple[Cloud, httpx.Client, PracticeSettings], redis: Redis) -> Country:
    """Reset the practice cloud and empty Redis.

    The tenant contoso.com then also needs the change to the whole tenant.
    """
    cloud, http, settings = sky
    cloud.world.tenants.clear()
    seed.fill(cloud.world)
    http.patch("/practice/tenants/contoso.com", json={"dehydrated": True}).raise_for_status()
    redis.flushall()
    return Country(cloud, http, settings, redis)


@pytest.fixture
def country(
    sky: tuple[Cloud, httpx.Client, PracticeSettings], redis: Redis, services: Services
) -> Country:
    """Tenant of the practice cloud in its initial state."""
    return replace(_as_at_the_start(sky, redis), services=services)


@pytest.fixture
def weather(country: Country) -> Weather:
    """Connection to the practice cloud without faults, which a test may change."""
    return Weather(country.http)


@pytest.fixture
def ride(country: Country, weather: Weather) -> Ride:
    """Setup that is about to begin."""
    return Ride(country, country.context(weather), weather)


@pytest.fixture
def storm(country: Country) -> Callable[..., Storm]:
    """Return a function that puts a fault between msal and the sign-in pages."""
    return lambda *what: Storm(country.http, *what)


@pytest.fixture
def weather_over() -> type[Weather]:
    """Return the class of connections with faults, for servers other than the practice cloud."""
    return Weather


@pytest.fixture
def without_waiting() -> Callable[[Coroutine[Any, Any, None]], float]:
    """Return a function that runs a piece of work without real pauses and returns their seconds."""
    return carry_out


@dataclass(frozen=True)
class Calm:
    """Calls of a setup without faults, and the state and the number of objects at its end."""

    calls: Counter[str]
    objects: dict[str, int]
    state: tuple[dict[str, Any], dict[bytes, Any]]


@pytest.fixture(scope="session")
def calm(sky: tuple[Cloud, httpx.Client, PracticeSettings], redis_url: str) -> Calm:
    """One setup without faults, whose run has not ended. It is made once for all tests."""
    with Redis.from_url(redis_url) as redis:
        country = _as_at_the_start(sky, redis)
        weather = Weather(country.http)
        Ride(country, country.context(weather), weather).to_its_end()
        return Calm(weather.calls, country.objects(), country.state())


@pytest.fixture
def set_up(calm: Calm, country: Country) -> Country:
    """Tenant of the practice cloud after a setup without faults."""
    return country.restore(calm.state)


@dataclass
class Connected:
    """Tenant with a connected mailbox that can be checked again and again.

    This works because checks write nothing.
    """

    country: Country

    def weather(self, fault: Fault | None = None, times: int = 1) -> Weather:
        """Return a new connection to the tenant with this fault, or without one."""
        return Weather(self.country.http, fault, times)

    def context(self, weather: Weather, kind: str) -> StepContext:
        """Return the context of a run that uses this connection."""
        self.country.redis.flushall()
        return self.country.context(weather, kind)

    def carry_out(self, work: Coroutine[Any, Any, None]) -> float:
        """Run a piece of work to its end without real pauses, and return their seconds."""
        return carry_out(work)


@pytest.fixture(scope="module")
def connected(
    sky: tuple[Cloud, httpx.Client, PracticeSettings], redis_url: str, calm: Calm
) -> Iterator[Connected]:
    """Connected mailbox. No test of its module may ask for ``country``, which resets the cloud."""
    with Redis.from_url(redis_url) as redis:
        yield Connected(Country(*sky, redis).restore(calm.state))
