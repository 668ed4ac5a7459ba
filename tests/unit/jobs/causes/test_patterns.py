"""Expressions of error texts are compiled when they are needed, or before a worker forks."""

from __future__ import annotations

import subprocess
import sys

import pytest

from jobs.causes import patterns

SITE = """
import sys, bot.web.wsgi
from jobs.causes.patterns import patterns
print(patterns.cache_info().currsize, "webexteamssdk" in sys.modules)
"""
WORKER = """
from bot.processes import worker
from jobs.causes.patterns import patterns
worker.preload()
print(patterns.cache_info().currsize)
"""


def run(code: str) -> str:
    """Return what a new interpreter prints."""
    line = [sys.executable, "-c", code]
    return subprocess.run(line, check=True, capture_output=True, text=True).stdout.strip()  # noqa: S603  our own


def test_a_misspelled_field_is_refused():
    """A field of an entry that nobody reads is refused, so that no words are lost silently."""
    rows = [{"cause": "smtp_unreachable", "shard": ["timeout"]}]
    with pytest.raises(ValueError, match=r"smtp_unreachable: shard"):
        list(patterns.words_of(rows))


@pytest.mark.slow
def test_a_web_process_starts_without_compiling_them():
    """A web process starts without compiling the expressions of error texts.

    It does not import the Webex SDK either, which it needs only for its first call of Webex.
    """
    assert run(SITE) == "0 False"


@pytest.mark.slow
def test_a_worker_has_compiled_all_of_them_before_it_forks():
    """A worker compiles all expressions before it forks, so that no job has to do it again."""
    assert run(WORKER) == "1"
