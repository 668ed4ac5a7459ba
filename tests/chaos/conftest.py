"""One stack for each module; every test brings its own kills."""

from __future__ import annotations

from collections.abc import Generator, Iterator

import pytest

from practice.client import People
from practice.stack import Stack
from practice.walk import Walk, fresh, space, words

LAST_MESSAGES, LAST_LINES = 4, 30


@pytest.fixture(scope="module")
def stack() -> Iterator[Stack]:
    """Everything, running."""
    with Stack() as running:
        yield running


@pytest.fixture(scope="module")
def people(stack: Stack) -> Iterator[People]:
    """Everybody who uses it."""
    everybody = stack.people()
    yield everybody
    everybody.close()


@pytest.fixture
def walk(stack: Stack, people: People) -> Iterator[Walk]:
    """A walk in a tenant that is as it was at the start; cancelled in the end."""
    fresh(people)
    made = Walk(people, "support@contoso.com", space(people))
    yield made
    people.control("DELETE", "faults")
    for name in ("redis", "cloud", "web", "worker"):
        if not stack.processes[name].alive:
            stack.start(name)
    made.type(f"/cancel {made.mailbox}")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """A failure shows the last messages and the ends of the logs."""
    report = yield
    fixtures = getattr(item, "funcargs", {})
    if report.failed and "people" in fixtures:
        last = sorted(fixtures["people"].messages.values(), key=lambda each: -int(each["change"]))[:LAST_MESSAGES]
        report.sections.append(("the last messages, newest first", "\n\n".join(f"{each['from']}: {words(each)}" for each in last)))
    if report.failed and "stack" in fixtures:
        report.sections.append(("logs", fixtures["stack"].logs(LAST_LINES)))
    return report
