"""Lines that a process writes to its log."""

from __future__ import annotations

import json
import subprocess
import sys
import textwrap

from bot import logs
from tests.fixtures.waiting import LIMIT_S

SECRET = "Zx8Q~made.up-secret_0123456789abcdefghij"
PREPARED = """
import logging, structlog
from bot import logs
logs.configure("INFO")
"""


def written(source: str) -> str:
    """Run code in a process with the product's logging and return its stderr.

    The code can use ``SECRET`` for the secret.
    """
    command = [sys.executable, "-c", PREPARED + f"SECRET = {SECRET!r}\n" + textwrap.dedent(source)]
    return subprocess.run(  # noqa: S603  our own
        command, check=True, capture_output=True, text=True, timeout=LIMIT_S
    ).stderr


def test_a_line_is_one_json_object():
    """Line breaks and control characters in a value cannot make up a second line."""
    lines = written("""
        with structlog.contextvars.bound_contextvars(job="job-1"):
            structlog.get_logger("bot.test").info("hello", room="a\\r\\nb\\x1b[31m", token=SECRET)
    """).splitlines()
    entry = json.loads(lines[0])
    assert (len(lines), entry.pop("timestamp")[:2]) == (1, "20")
    assert entry == {
        "event": "hello",
        "level": "info",
        "logger": "bot.test",
        "job": "job-1",
        "room": "a\r\nb\x1b[31m",
        "token": logs.GONE,
    }


def test_other_peoples_logs_and_tracebacks_are_cleaned_too():
    """A library's own log line, its arguments and the traceback go through the same cleaning."""
    line = written("""
        try:
            int(f"client_secret={SECRET}")
        except ValueError:
            logging.getLogger("some.library").exception("request with %s", f"Bearer {SECRET}")
    """)
    assert ("ValueError" in line, SECRET in line) == (True, False)


def test_values_within_values_are_cleaned():
    """A secret inside a mapping, a list or an object is removed from the log."""
    line = written("""
        body = {"client_secret": SECRET, "list": [f"code={SECRET}"]}
        structlog.get_logger("bot.test").info("x", body=body, error=ValueError(f"Bearer {SECRET}"))
    """)
    assert (SECRET in line, json.loads(line)["body"]) == (
        False,
        {"client_secret": logs.GONE, "list": [f"code={logs.GONE}"]},
    )


def test_spaces_around_a_level_do_not_count():
    """Spaces around a log level are ignored, as in the settings."""
    line = written("""
        logs.configure("debug ")
        logging.getLogger("x").debug("yes")
    """)
    assert json.loads(line)["event"] == "yes"


def test_an_unknown_level_is_info():
    """An unknown log level counts as INFO.

    It does not stop the command that would complain about it.
    """
    line = written("""
        logs.configure("LOUD")
        logging.getLogger("x").debug("no")
        logging.getLogger("x").info("yes")
    """)
    assert json.loads(line)["event"] == "yes"


def test_lines_of_the_audit_trail_do_not_depend_on_the_level():
    """Lines of the audit trail are logged at every level.

    They are the record of the trail outside Redis (docs/audit.md). RQ's housekeeping is not logged.
    """
    lines = written("""
        logs.configure("ERROR")
        structlog.get_logger("jobs.runs.audit").info("audit", n=1)
        structlog.get_logger("jobs.advance").info("something else")
        logs.configure("INFO")
        logging.getLogger("rq.worker").info("cleaning registries")
        logging.getLogger("rq.worker").warning("a work horse died")
    """).splitlines()
    assert [json.loads(line)["event"] for line in lines] == ["audit", "a work horse died"]
