"""Fixtures and hooks of all tests.

The tests have a Valkey of their own, on a free port and in a folder of its own.
"""

import gc
import os
import random
import re
import subprocess
from collections.abc import Generator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from redis import ConnectionPool, Redis

from adaptive_cards import locale
from bot.processes import redis_server
from practice import patience, ports
from practice.conversation import words
from tests.fixtures.redis_servers import answers
from tests.fixtures.waiting import until

pytest_plugins = (
    "tests.fixtures.clock",
    "tests.fixtures.webex_script",
    "tests.fixtures.openid_provider",
    "tests.fixtures.stacks",
    "tests.fixtures.practice_cloud",
    "tests.fixtures.practice_webex",
    "tests.fixtures.smtp_server",
)

os.environ.setdefault(patience.VARIABLE, "6")
os.environ.setdefault(patience.PACE, "0.1")

LAST_MESSAGES, LAST_LINES, WHY_MOST = 4, 30, 1000
YOUNG_OBJECTS = 20_000
"""Number of new objects after which garbage is collected. Python's own number is a tenth of it."""
TESTS = Path(__file__).parent
ONLY_IN_TEST_ALL = re.compile(r"`(\w+/test_\w+\.py)`")
"""Tests that CONTRIBUTING.md names as left out of ``make test``."""
REAL_PROCESSES = {"journeys", "chaos", "browser", "security", "processes", "foreign"}


settings.register_profile(
    "anywhere", max_examples=50, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("anywhere")


def pytest_configure() -> None:
    """Turn off garbage collection while pytest collects the tests.

    Everything that is made during that time is kept.
    """
    gc.disable()


def pytest_collection_finish() -> None:
    """Turn on garbage collection, but never for the collected tests and their modules.

    Otherwise each garbage collection would read all ten thousand tests, which takes an eighth of
    the time of the unit tests.
    """
    gc.freeze()
    gc.set_threshold(YOUNG_OBJECTS, 20, 20)
    gc.enable()


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the option of ``make test``."""
    parser.addoption(
        "--before-commit", action="store_true", help="leave out what only make test-all runs"
    )


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Leave out the fuzzing unless its path is given, and what only make test-all runs."""
    if collection_path == TESTS / "fuzz":
        return "fuzz" not in str(config.args) or None
    if not config.getoption("before_commit"):
        return None
    named = ONLY_IN_TEST_ALL.findall((TESTS.parent / "CONTRIBUTING.md").read_text("utf-8"))
    assert all((TESTS / name).exists() for name in named)
    return str(collection_path.relative_to(TESTS)) in named or None


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Retry tests of real processes once, because a busy machine can make them late.

    No other test is retried. The variable TEST_ORDER shuffles the modules, and the tests of each.
    """
    if seed := os.environ.get("TEST_ORDER"):
        drawn = random.Random(seed)  # noqa: S311  an order of tests
        places = {item.path: drawn.random() for item in items}
        items.sort(key=lambda item: (places[item.path], drawn.random()))
    for item in items:
        if item.path.relative_to(TESTS).parts[0] in REAL_PROCESSES:
            item.add_marker(pytest.mark.flaky(reruns=1))


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """Print how many tests needed a second try, and the failure of each first try."""
    first = terminalreporter.stats.get("rerun", [])
    terminalreporter.write_line(f"{len({each.nodeid for each in first})} tests were run again")
    for report in first:
        crash = getattr(report.longrepr, "reprcrash", None)
        whole = str(report.longrepr).strip()
        why = whole[-WHY_MOST:] if not crash or "ExceptionGroup" in crash.message else crash.message
        terminalreporter.write_line(f"{report.nodeid}, {report.when}: {why[:WHY_MOST]}")


@pytest.fixture(autouse=True)
def in_english():
    """Begin each test in English.

    A page that was shown in German in the test's thread would leave German set.
    """
    with locale.drawn_for(locale.DEFAULT):
        yield


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Add the last messages and the ends of the logs to the report of a failed test."""
    report = yield
    fixtures = getattr(item, "funcargs", {})
    if report.failed and "people" in fixtures:
        last = sorted(fixtures["people"].messages.values(), key=lambda each: -int(each["change"]))[
            :LAST_MESSAGES
        ]
        report.sections.append(
            (
                "the last messages, newest first",
                "\n\n".join(f"{each['from']}: {words(each)}" for each in last),
            )
        )
    if report.failed and "stack" in fixtures:
        report.sections.append(("logs", fixtures["stack"].logs(LAST_LINES)))
    return report


@pytest.fixture(scope="module", autouse=True)
def measured(request):
    """Turn off coverage of real processes, except in modules with ``MEASURED``.

    With coverage, the process of each job takes three times as long.
    """
    with pytest.MonkeyPatch.context() as patch:
        if request.path.parent.name in REAL_PROCESSES and not getattr(
            request.module, "MEASURED", False
        ):
            patch.delenv("COVERAGE_PROCESS_START", raising=False)
        yield


@pytest.fixture(scope="session")
def redis_url(tmp_path_factory):
    """Yield the address of a Valkey that lives as long as the test run."""
    port = ports.free_port()
    command = redis_server.command(port, Path(tmp_path_factory.mktemp("valkey")))
    server = subprocess.Popen(command)  # noqa: S603  our own command line
    try:
        until(lambda: answers(port), "the Valkey of the tests")
        yield f"redis://127.0.0.1:{port}/0"
    finally:
        server.terminate()
        server.wait()


@pytest.fixture(scope="session")
def redis_pool(redis_url):
    """Yield a pool of connections for all tests.

    Making a connection takes longer than emptying the Valkey.
    """
    pool = ConnectionPool.from_url(redis_url)
    yield pool
    pool.disconnect()


@pytest.fixture
def redis(redis_pool):
    """Return a client of an empty Valkey."""
    client = Redis(connection_pool=redis_pool)
    client.flushall()
    return client


@pytest.fixture
def free_port():
    """Return a port of loopback on which nobody listens."""
    return ports.free_port()
