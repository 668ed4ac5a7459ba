"""Commands of the bot in the process of their test.

A process of its own takes ten times as long, because it imports the bot. It is for what depends on a
process: its start, its environment, its signals and its end.
"""

from __future__ import annotations

import logging
import subprocess
from collections.abc import Callable, Iterator
from io import BytesIO, TextIOWrapper

import pytest
import structlog

from bot.__main__ import main

Here = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def here(
    capfdbinary: pytest.CaptureFixture[bytes], monkeypatch: pytest.MonkeyPatch
) -> Iterator[Here]:
    """Return a function that runs a command with this environment and this standard input."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level

    def run(
        command: str, env: dict[str, str], *options: str, given: bytes = b""
    ) -> subprocess.CompletedProcess[str]:
        monkeypatch.setattr("sys.stdin", TextIOWrapper(BytesIO(given)))
        capfdbinary.readouterr()
        code = main([command, *options], env)
        told = capfdbinary.readouterr()
        return subprocess.CompletedProcess(command, code, told.out.decode(), told.err.decode())

    yield run
    structlog.reset_defaults()
    logging.basicConfig(level=level, handlers=handlers, force=True)
