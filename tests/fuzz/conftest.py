"""Seed of the fuzzing, and the stack that must stand it.

``SEED`` repeats a run, and ``ROUNDS`` multiplies its length.
"""

import os
import secrets
from random import Random

import pytest

SEED = int(os.environ.get("SEED") or secrets.randbelow(1_000_000))
ROUNDS = int(os.environ.get("ROUNDS") or 1)


def pytest_report_header() -> str:
    """Return the line that shows how to repeat the run."""
    return f"SEED={SEED} ROUNDS={ROUNDS}"


@pytest.fixture
def random(request):
    """Return a source of random values that depends only on the seed and the test."""
    return Random(f"{SEED} {request.node.name}")  # noqa: S311  the values are no secrets


@pytest.fixture
def no_traceback(stack, people):
    """Assert that no process logs a traceback during the test, and that no event is given up."""
    logs = [process.log for process in stack.processes.values()]
    before = {log: log.stat().st_size for log in logs}
    yield
    people.control("DELETE", "faults")
    for log in logs:
        new = log.read_bytes()[before[log] :].decode(errors="replace").splitlines()
        assert [line for line in new if "Traceback" in line or "given up" in line] == [], log.name
