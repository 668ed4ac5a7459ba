import base64
import json
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest

from jobs.runs.audit import Trail
from jobs.storage import SOCKET, generation
from tests.fixtures.queue_state import alive
from tests.fixtures.redis_servers import listens
from tests.fixtures.waiting import LIMIT_S, until
from tests.processes.conftest import ENV, run

PREFIX = "email-bot 07cb7250 "  # with the hash of PUBLIC_URL
HOOK = {
    "name": f"{PREFIX}messages",
    "targetUrl": "https://bot.example.test/webhooks/webex",
    "event": "created",
    "status": "active",
}


@pytest.fixture
def env(webex_script, redis_url, redis):
    """Return a whole environment of settings for the scripted clouds."""
    clouds = dict.fromkeys(("WEBEX_API_URL", "MICROSOFT_LOGIN_URL"), webex_script.url)
    return ENV | clouds | {"REDIS_URL": redis_url}


def test_an_error_is_explained_without_any_setting(here):
    """``explain`` needs no setting, and answers in words or as JSON for a machine."""
    text = b"> AADSTS7000222: The provided client\n> secret keys are expired."
    line = [sys.executable, "-m", "bot", "explain"]
    done = subprocess.run(  # noqa: S603  our own
        line, env={}, input=text, capture_output=True, timeout=LIMIT_S, check=False
    )
    assert (done.returncode, done.stdout.splitlines()[0]) == (0, b"The client secret has expired.")
    told = json.loads(here("explain", {}, "--json", given=text).stdout)
    assert (told["ours"], told["codes"]) == (True, ["AADSTS7000222"])
    (cause,) = told["causes"]
    assert cause.keys() == {"cause", "certainty", "sentence", "remedy", "who", "code", "page"}
    assert cause["cause"] == "client_secret_expired"
    assert cause["certainty"] == "certain"
    assert cause["who"] == "administrator"
    assert cause["code"] == "AADSTS7000222"


@pytest.mark.parametrize(
    "text", [b"", b"  \n", b"\x89PNG\r\n\x1a\n", b"%PDF-1.7", bytes(range(256)) * 4]
)
def test_what_is_no_text_has_its_own_exit_code(here, text):
    """Input that is no text gives exit code 2, one line on stderr, and JSON that can be read."""
    done = here("explain", {}, "--json", given=text)
    assert (done.returncode, len(done.stderr.splitlines())) == (2, 1)
    told = json.loads(done.stdout)
    assert (told["ours"], told["causes"], told["codes"]) == (False, [], [])


def test_the_webhooks_are_registered_now(env, webex_script, reply, tmp_path):
    """The command ``webhooks`` creates the three webhooks at Webex, and counts its changes."""
    webex_script.on(
        "GET",
        "/webhooks",
        reply(200, {"items": []}),
        reply(200, {"items": [HOOK | {"resource": "messages", "id": "w"}]}),
    )
    webex_script.on("POST", "/webhooks", reply(200, {"id": "w"}))
    code, _, done = run(("webhooks",), tmp_path, **env)
    assert (code, done.stdout.splitlines()[-1]) == (0, "created 3, updated 0, deleted 0")


def test_the_doctor_is_content(here, env, webex_script, reply, redis):
    """If all is well, ``doctor`` prints one line that is ok for each part, and exits with 0."""
    alive(redis)
    hooks = [
        HOOK | {"id": name, "resource": name, "name": f"{PREFIX}{name}"}
        for name in ("messages", "attachmentActions", "memberships")
    ]
    webex_script.on(
        "GET",
        "/people/me",
        reply(
            200, {"id": "bot", "emails": ["email@webex.bot"], "displayName": "Email", "type": "bot"}
        ),
    )
    webex_script.on("GET", "/webhooks", reply(200, {"items": hooks}))
    webex_script.on(
        "GET", "/organizations/v2.0/.well-known/openid-configuration", reply(200, {"issuer": "x"})
    )
    year = {
        "MICROSOFT_CLIENT_SECRET_EXPIRES": f"{datetime.now(UTC) + timedelta(days=365):%Y-%m-%d}"
    }
    done = here("doctor", env | year | {"APPROVERS": "boss@example.test"})
    assert done.returncode == 0
    assert [line.partition(":")[0] for line in done.stdout.splitlines()] == [
        "ok     settings",
        "ok     approvers",
        "ok     Redis",
        "ok     workers",
        "ok     Webex",
        "ok     webhooks",
        "ok     refused webhooks",
        "ok     Microsoft",
        "ok     clock",
        "ok     the bot's own app",
        "ok     test mail",
        "ok     runs",
        "ok     watch",
        "ok     audit trail",
    ]


@pytest.mark.parametrize(
    ("more", "line"),
    [
        (
            {},
            "ok     test mail: a person is asked to send it; PROBE_SMTP_URL and PROBE_FROM let the bot do it",
        ),
        (
            {"PROBE_SMTP_URL": "smtp://m.x", "PROBE_FROM": "p@x.example"},
            "ok     test mail: the bot sends it, as p@x.example",
        ),
        (
            {"PROBE_FROM": "p@x.example"},
            "PROBE_SMTP_URL is not set although PROBE_FROM is: set both or none",
        ),
        (
            {"PROBE_SMTP_URL": "smtp://m.x"},
            "PROBE_FROM is not set although PROBE_SMTP_URL is: set both or none",
        ),
    ],
)
def test_the_doctor_says_who_sends_the_test_mail(here, env, more, line):
    """``doctor`` says who sends the test mail, and names the other setting if one is missing."""
    assert line in here("doctor", env | more).stdout


UUID = "96abc2aa-3dcc-11e5-a152-fe34819cdc9a"
OTHER = "11111111-2222-3333-4444-555555555555"
NO_ID = (
    "WRONG  organizations: ALLOWED_ORG_IDS holds 'contoso', which is no organization's id: "
    "write the Organization ID that Control Hub"
    " shows under Account, or the orgId that the Webex API gives for a person"
)


@pytest.mark.parametrize(
    ("listed", "line"),
    [
        (
            UUID.upper(),
            f"ok     organizations: {UUID}; the bot's own account is of {UUID}, which is one of them",
        ),
        (
            OTHER,
            f"ok     organizations: {OTHER}; the bot's own account is of {UUID}, which is not listed",
        ),
        (f"{UUID},contoso", NO_ID),
    ],
)
def test_the_doctor_reads_the_organizations(here, env, webex_script, reply, listed, line):
    """``doctor`` prints the allowed organizations as UUIDs, in whatever form they were written.

    It also prints the organization of the bot's own account.
    """
    org = base64.urlsafe_b64encode(f"ciscospark://us/ORGANIZATION/{UUID}".encode()).decode()
    webex_script.on(
        "GET",
        "/people/me",
        reply(200, {"id": "bot", "emails": ["email@webex.bot"], "orgId": org, "type": "bot"}),
    )
    assert line in here("doctor", env | {"ALLOWED_ORG_IDS": listed}).stdout.splitlines()


def test_the_audit_trail_is_written_out_and_verified(here, env, redis, tmp_path):
    """``audit`` prints every stored entry, and its exit code says whether the trail is whole.

    ``doctor`` and the last line of ``audit`` name the entry at which the trail is broken.
    """
    trail = Trail(redis, (env["ENCRYPTION_KEYS"],))
    trail.add({"at": "2026-11-25T09:00:00+00:00", "what": "opened"}, {"what": "approved"})
    whole = here("audit", env)
    assert (whole.returncode, whole.stdout.encode().splitlines()[:-1]) == (0, list(trail.entries()))
    assert (
        "ok     audit trail: whole, 2 entries since 2026-11-25T09:00Z, sealed with the newest key"
        in here("doctor", env).stdout
    )
    (path := tmp_path / "audit.jsonl").write_text(whole.stdout, encoding="ascii")
    redis.rpop("audit:entries")
    settings = (env, env | {"REDIS_URL": "redis://127.0.0.1:1/0"})
    assert [here("audit", each, "--file", str(path)).returncode for each in settings] == [1, 0]
    broken = here("audit", env)
    assert broken.returncode == 1
    assert broken.stderr.splitlines()[-1].partition(":")[0] == "The trail is broken at entry 2"
    assert (
        "WRONG  audit trail: broken at entry 2 of 1: 1 entries are missing at the end"
        in here("doctor", env).stdout
    )


def test_the_doctor_says_what_to_do(here, env, webex_script, reply, free_port):
    """If everything is wrong, ``doctor`` names a remedy on each line and exits with 1.

    No secret is printed.
    """
    webex_script.on("GET", "/people/me", reply(401, {"message": "no"}))
    webex_script.on("GET", "/webhooks", reply(200, {"items": []}))
    half = {"PROBE_SMTP_URL": "smtp://probe:probe-password@m.x"}
    printed = here(
        "doctor", env | half | {"REDIS_URL": f"redis://:redis-password@127.0.0.1:{free_port}/0"}
    )
    assert printed.returncode == 1
    told = (
        ("ok     settings", "example.test"),
        ("DOUBT  approvers", "boss@example.com"),
        ("WRONG  Redis", "python -m bot redis"),
        ("WRONG  workers", "cannot be read"),
        ("WRONG  Webex", "regenerate"),
        ("WRONG  webhooks", "python -m bot webhooks"),
        ("WRONG  refused webhooks", "cannot be read"),
        ("WRONG  Microsoft", "MICROSOFT_LOGIN_URL"),
        ("ok     clock", "right"),
        ("DOUBT  the bot's own app", "MICROSOFT_CLIENT_SECRET_EXPIRES"),
        ("WRONG  test mail", "set both or none"),
        ("WRONG  runs", "cannot be read"),
        ("WRONG  watch", "cannot be read"),
        ("WRONG  audit trail", "cannot be read"),
    )
    assert [
        line.startswith(start) and remedy in line
        for line, (start, remedy) in zip(printed.stdout.splitlines(), told, strict=True)
    ] == [True] * len(told)
    secrets = (
        "a-made-up-token",
        "Yw3k0Vd81nHb4xQz",
        "redis-password",
        "secret-of-the-app",
        "probe-password",
    )
    assert [secret for secret in secrets if secret in printed.stdout + printed.stderr] == []


def test_one_command_runs_the_whole_bot(env, free_port, tmp_path):
    """``run`` is ready with web process, workers and Redis, and SIGTERM ends all of them."""
    own = env | {"PORT": str(free_port), "HOST": "127.0.0.1", "PYTHONPATH": str(Path.cwd())}
    del own["REDIS_URL"]
    ready = f"http://127.0.0.1:{free_port}/readyz"
    with subprocess.Popen([sys.executable, "-m", "bot", "run"], env=own, cwd=tmp_path) as bot:
        try:
            until(lambda: listens(free_port) and httpx.get(ready).status_code == 200, "the bot")
        finally:
            bot.terminate()
        assert bot.wait(LIMIT_S) == 0
    assert not (tmp_path / "data" / SOCKET).exists()
    assert not listens(free_port)


@pytest.mark.parametrize("command", ["web", "worker", "run"])
def test_newer_data_is_refused(here, env, redis, command):
    """A process that finds newer data exits with 2 and a sentence before it touches anything."""
    redis.set("schema", "99")
    done = here(command, env)
    assert (done.returncode, done.stderr.splitlines()) == (2, [REFUSED])
    assert redis.keys("*") == [b"schema"]


def test_the_doctor_says_that_the_data_is_newer(here, env, redis):
    """If the data in Redis is newer, ``doctor`` says so in its line about Redis."""
    redis.set("schema", "99")
    assert f"WRONG  Redis: {REFUSED}" in here("doctor", env).stdout.splitlines()


REFUSED = (
    f"The data in Redis has layout 99, and this version reads layout {generation.LAYOUT}: "
    "start the version that wrote it,"
    " or use another REDIS_URL or REDIS_PREFIX."
)
