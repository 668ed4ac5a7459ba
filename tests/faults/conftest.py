"""Fixtures for runs in a practice cloud with injected faults, real steps and the real engine."""

from __future__ import annotations

import tomllib
from collections import Counter
from collections.abc import Callable, Coroutine, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
import structlog
from redis import Redis

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
    """Return a connected mailbox in a practice cloud of its own.

    No other test of the module resets this cloud.
    """
    with Redis.from_url(redis_url) as redis, practice_cloud(certificates) as (cloud, http):
        country = _as_at_the_start((cloud, http, cloud.world.settings), redis)
        weather = Weather(country.http)
        Ride(country, country.context(weather), weather).to_its_end()
        yield Connected(country)
