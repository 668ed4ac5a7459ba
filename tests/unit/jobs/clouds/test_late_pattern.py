"""Expressions of error texts are compiled when they are needed, or before a worker forks."""

from __future__ import annotations

import re
import subprocess
import sys

import pytest

from jobs.clouds.error_texts import reader
from jobs.clouds.late_pattern import LatePattern, compile_all

SITE = """
import sys, bot.web.site
from jobs.clouds import late_pattern
compiled = [each.pattern for each in late_pattern._known if "compiled" in vars(each)]
print(len(compiled), len(late_pattern._known) > 100, "webexteamssdk" in sys.modules)
"""
WORKER = """
from bot.processes import worker
from jobs.clouds import late_pattern
worker.preload()
print(len([each for each in late_pattern._known if "compiled" not in vars(each)]))
"""


def run(code: str) -> str:
    """Return what a new interpreter prints."""
    line = [sys.executable, "-c", code]
    return subprocess.run(line, check=True, capture_output=True, text=True).stdout.strip()  # noqa: S603  our own


def test_it_does_what_a_compiled_expression_does():
    """A late pattern gives the same results as a compiled expression, also with flags.

    This holds for search, match, sub and iteration.
    """
    late, ready = LatePattern(r"b(\d)", re.IGNORECASE), re.compile(r"b(\d)", re.IGNORECASE)
    text = "B1 a b2"
    assert [found[1] for found in late.finditer(text)] == ready.findall(text)
    assert str(late.search(text)) == str(ready.search(text))
    assert (str(late.match(text)), late.match(" b1")) == (str(ready.match(text)), None)
    assert late.sub("x", text) == ready.sub("x", text)


def test_every_expression_can_be_compiled():
    """Every expression can be compiled.

    Without this test a wrong expression would be found only at the first error.
    """
    assert not reader.read("").causes
    assert compile_all() > 100


@pytest.mark.slow
def test_a_web_process_starts_without_compiling_them():
    """A web process starts without compiling the expressions of error texts.

    It does not import the Webex SDK either, which it needs only for its first call of Webex.
    """
    assert run(SITE) == "0 True False"


@pytest.mark.slow
def test_a_worker_has_compiled_all_of_them_before_it_forks():
    """A worker compiles all expressions before it forks, so that no job has to do it again."""
    assert run(WORKER) == "0"
