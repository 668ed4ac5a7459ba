"""Start of the bot, which refuses a missing or weak setting.

The refusal names the setting and the way to make it.
"""

import sys

import pytest
from cryptography.fernet import Fernet

from bot.settings import settings_problems
from tests.fixtures.parsed import table
from tests.fixtures.waiting import ran

GOOD = {
    "WEBEX_ACCESS_TOKEN": "a-made-up-token",
    "WEBEX_WEBHOOK_SECRET": "Yw3-k0Vd_81nHb4xQz7RtJ2mUeLs",
    "PUBLIC_URL": "https://bot.example.com",
    "MICROSOFT_CLIENT_ID": "2f6e1b7c-0d5a-4b8e-9c3f-7a1d5e8b4c60",
    "MICROSOFT_CLIENT_SECRET": "abc8Q~made-up",
    "ENCRYPTION_KEYS": Fernet.generate_key().decode(),
    "ALLOWED_EMAIL_DOMAINS": "example.com",
}
WEAK = table("settings")["weak"]


def test_what_is_good_is_taken():
    """The smallest set of good settings is accepted, and so are loopback addresses for a try."""
    local = {
        "PUBLIC_URL": "http://127.0.0.1:8080",
        "WEBEX_API_URL": "http://localhost:1/v1/",
        "MICROSOFT_GRAPH_URL": "http://[::1]:1",
    }
    assert (settings_problems(GOOD), settings_problems(GOOD | local)) == ((), ())


@pytest.mark.parametrize(
    ("name", "value"), [(name, value) for name, values in WEAK.items() for value in values]
)
def test_what_is_weak_is_refused(name, value):
    """A weak setting is refused by its name, in one sentence without any part of a secret."""
    problems = settings_problems(GOOD | {name: value})
    assert [each.partition(" ")[0] for each in problems] == [name]
    assert (
        name.endswith(("URL", "DOMAINS", "APPROVERS")) or len(value) < 8 or value not in problems[0]
    )


@pytest.mark.parametrize("role", ["web", "worker", "doctor", "webhooks"])
def test_no_process_starts_without(here, role):
    """Without its settings, a process exits with 2 at once and names every missing setting.

    The process also says how to make secrets and keys.
    """
    done = here(role, {"PUBLIC_URL": "http://bot.example.com"})
    named = [line.split()[0] for line in done.stderr.splitlines() if line.startswith("  ")]
    assert (done.returncode, sorted(named)) == (2, sorted([*GOOD]))
    assert "secrets.token_urlsafe(32)" in done.stderr
    assert "Fernet.generate_key()" in done.stderr


@pytest.mark.parametrize(
    ("loads", "said"), [("import webexteamssdk", ""), ("import test", "planted")]
)
def test_no_file_named_test_is_run(loads, said, tmp_path):
    """Imports of webexteamssdk run no ``test.py`` of the working directory (CVE-2025-50817).

    The file would run only if it were imported on purpose.
    """
    (tmp_path / "test.py").write_text("print('planted')", encoding="utf-8")
    done = ran(sys.executable, "-c", loads, cwd=tmp_path)
    assert (done.returncode, done.stdout.strip()) == (0, said)
