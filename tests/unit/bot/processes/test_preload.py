"""Work that a worker does once before it forks, so that no job repeats it."""

from __future__ import annotations

import subprocess
import sys

import pytest

PRELOADED = """
import sys, tomllib
from bot.processes import worker
worker.preload()
before = set(sys.modules)

def fail(*_arguments, **_named):
    raise AssertionError("read again")

tomllib.loads = fail
from adaptive_cards import locale, texts
from bot import commands
from bot.webex import session
for language in locale.languages():
    assert texts.own_text("command.help", language)
assert "setup-email" in commands.by_typed_name()
assert session.public_authorities.cache_info().currsize == 1
from webexteamssdk import WebexTeamsAPI
print(sorted(set(sys.modules) - before))
"""


@pytest.mark.slow
def test_the_texts_of_every_language_the_authorities_and_the_sdk_are_there():
    """A worker loads all texts, the public certificate authorities and the SDK before it forks.

    Reading the texts again took more time than the rest of a command.
    """
    line = [sys.executable, "-c", PRELOADED]
    done = subprocess.run(line, capture_output=True, text=True, check=False)  # noqa: S603  our own
    assert (done.stdout.strip(), done.stderr) == ("[]", "")
