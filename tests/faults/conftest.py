"""Fixtures for runs in a practice cloud with injected faults, real steps and the real engine."""

from collections import Counter
from dataclasses import dataclass, replace
from typing import Any

import httpx
import pytest
import structlog
from redis import Redis

from practice.microsoft import Cloud, seed
from practice.settings import PracticeSettings
from tests.faults.rides import Country, Ride
from tests.faults.weather import FAULTS, LISTED, Weather
from tests.fixtures.practice_cloud import practice_cloud


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
def sky(certificates):
    """Practice cloud with its HTTP client and settings, without delays."""
    with practice_cloud(certificates) as (cloud, http):
        yield cloud, http, cloud.world.settings


@pytest.fixture(autouse=True)
def quiet():
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
def country(sky, redis, services):
    """Tenant of the practice cloud in its initial state."""
    return replace(_as_at_the_start(sky, redis), services=services)


@pytest.fixture
def weather(country):
    """Connection to the practice cloud without faults, which a test may change."""
    return Weather(country.http)


@pytest.fixture
def ride(country, weather):
    """Setup that is about to begin."""
    return Ride(country, country.context(weather), weather)


@dataclass(frozen=True)
class Calm:
    """Calls of a setup without faults, and the state and the number of objects at its end."""

    calls: Counter[str]
    objects: dict[str, int]
    state: tuple[dict[str, Any], dict[bytes, Any]]


@pytest.fixture(scope="session")
def calm(sky, redis_url):
    """One setup without faults, whose run has not ended. It is made once for all tests."""
    with Redis.from_url(redis_url) as redis:
        country = _as_at_the_start(sky, redis)
        weather = Weather(country.http)
        Ride(country, country.context(weather), weather).to_its_end()
        return Calm(weather.calls, country.objects(), country.state())


@pytest.fixture
def set_up(calm, country):
    """Tenant of the practice cloud after a setup without faults."""
    return country.restore(calm.state)


@pytest.fixture(scope="module")
def connected(sky, redis_url, calm):
    """Connected mailbox. No test of its module may ask for ``country``, which resets the cloud."""
    with Redis.from_url(redis_url) as redis:
        yield Country(*sky, redis).restore(calm.state)
