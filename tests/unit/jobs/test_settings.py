"""Tests of the settings of the jobs, and of secrets in files."""

import re
from pathlib import Path

import pytest
from cryptography.fernet import Fernet

from bot.settings import BotSettings, settings_problems
from jobs.settings import SECRETS, TOGETHER, Settings, SettingsError, read_files
from tests.fixtures.parsed import table

ROOT = Path(__file__).parents[3]
VALUES = table("settings_values")
MICROSOFT = {"login.microsoftonline.com", "graph.microsoft.com", "outlook.office365.com"}
KEY = Fernet.generate_key().decode()
LEAST = {
    "PUBLIC_URL": "https://bot.test/",
    "MICROSOFT_CLIENT_ID": "c",
    "MICROSOFT_CLIENT_SECRET": "s",
    "ENCRYPTION_KEYS": KEY,
}
SERVICES = {
    "WEBEX_STATUS_URL": "https://status.example/",
    "CONTACT_CENTER_URL": "https://api.wxcc-us1.cisco.com/",
    "CONTACT_CENTER_TOKEN": "cc-token",
    "CONTACT_CENTER_ORG_ID": "org-1",
    "CONNECT_AUDIT_URL": "https://contoso.us.webexconnect.io/",
    "CONNECT_AUDIT_TOKEN": "audit-token",
    "PROBE_SMTP_URL": "smtps://probe:word@mail.fabrikam.com",
    "PROBE_FROM": "probe@fabrikam.com",
}


def test_without_them_only_the_status_page_is_known():
    """Without keys of Webex's services, the bot may ask only Microsoft and the status page."""
    read = Settings.from_env(LEAST)
    assert (read.status_url, read.contact_center_url) == ("https://status.webex.com", "")
    assert read.hosts == MICROSOFT | {"status.webex.com"}
    assert Settings.from_env(LEAST | {"WEBEX_STATUS_URL": "off"}).hosts == MICROSOFT


def test_every_service_is_read_and_may_be_asked():
    """Every optional service is read from its settings, and its host may be asked.

    Addresses lose their trailing slash, and no key shows in the repr.
    """
    read = Settings.from_env(LEAST | SERVICES)
    assert read.status_url == "https://status.example"
    assert read.contact_center_url == "https://api.wxcc-us1.cisco.com"
    assert (read.contact_center_token, read.contact_center_org) == ("cc-token", "org-1")
    audit = "https://contoso.us.webexconnect.io/connectapi/v1/auditlogs"
    assert (read.connect_audit_url, read.connect_audit_token) == (audit, "audit-token")
    assert read.connect_audit_header == "Authorization"
    more = {"status.example", "api.wxcc-us1.cisco.com", "contoso.us.webexconnect.io"}
    assert read.hosts == MICROSOFT | more


def test_settings_of_an_earlier_version_stop_no_start():
    """Settings that this version does not have any more are ignored, whatever they hold."""
    removed = {"CONNECT_API_URL": "https://[bad", "CONNECT_SERVICE_KEY_FILE": "/no/such/file"}
    values, problems = read_files(LEAST | removed)
    assert (problems, Settings.from_env(values)) == ((), Settings.from_env(LEAST))


def test_a_cloud_of_this_machine_has_several_names():
    """A cloud on this machine may use any loopback name; elsewhere a host has one name."""
    here = Settings.from_env(LEAST | {"MICROSOFT_LOGIN_URL": "http://127.0.0.1:9000"})
    assert here.hosts > {"127.0.0.1", "localhost", "::1"}
    assert "localhost" not in Settings.from_env(LEAST).hosts


@pytest.mark.parametrize(
    ("field", "name", "value", "read"),
    [
        (field, name, *pair)
        for field, names in VALUES["read"].items()
        for name, pairs in names.items()
        for pair in pairs.items()
    ],
)
def test_an_address_may_be_written_in_several_ways(field, name, value, read):
    """An address may have a version path, a slash, spaces, a scheme or a name, or no port."""
    assert getattr(Settings.from_env(LEAST | SERVICES | {name: value}), field) == read


@pytest.mark.parametrize(
    ("name", "value"),
    [
        *((name, "") for pair in TOGETHER for name in pair),
        *((name, value) for name, some in VALUES["wrong"].items() for value in some),
    ],
)
def test_a_value_that_cannot_be_right_is_said(name, value):
    """An invalid value is reported by the name of its setting.

    A list of only commas is invalid as well, and does not get the default. An address without its
    key stops the start, and so does a key without its address.
    """
    with pytest.raises(SettingsError) as caught:
        Settings.from_env(LEAST | SERVICES | {name: value})
    assert [problem.partition(" ")[0] for problem in caught.value.problems] == [name]


def test_no_secret_shows_in_the_settings():
    """Each setting that is secret, or that may hold a password, is left out of the repr."""
    plain = {name: f"planted-{name}-0123456789" for name in SECRETS}
    planted = {**LEAST, **SERVICES, **plain, "ENCRYPTION_KEYS": KEY} | {
        "REDIS_URL": "rediss://:planted-password@redis.example:6380/0",
        "PROBE_SMTP_URL": "smtps://probe:planted-password@mail.example.com",
        "ALLOWED_EMAIL_DOMAINS": "example.com",
    }
    shown = repr(Settings.from_env(planted)) + repr(BotSettings.from_env(planted))
    assert "planted" not in shown
    assert KEY not in shown


def test_more_hosts_of_webex_connect():
    """Host patterns are read in lower case, and each invalid pattern is named in its own error."""
    env = LEAST | {"CONNECT_HOSTS": " *.Connect.example.com, mail.example.com "}
    assert Settings.from_env(env).connect_hosts == ("*.connect.example.com", "mail.example.com")
    assert Settings.from_env(LEAST).connect_hosts == ()
    with pytest.raises(SettingsError) as caught:
        Settings.from_env(LEAST | {"CONNECT_HOSTS": "a.example,*.com,b/c"})
    assert [problem.split("'")[1] for problem in caught.value.problems] == ["*.com", "b/c"]


UNREAD = "cannot be read from {}, which"
MAY_BE_SECRET = re.compile(r"^\| `(\w+(?:TOKEN|SECRET|KEYS?))` \|", re.MULTILINE)


def put(folder: Path, content: bytes, name: str = "ENCRYPTION_KEYS") -> str:
    (folder / name).write_bytes(content)
    return str(folder / name)


@pytest.mark.parametrize("name", SECRETS)
def test_every_secret_may_be_in_a_file(name, tmp_path):
    """Every secret may be read from a NAME_FILE path or from the folder of systemd's credentials.

    The newline at the end of the file is dropped. Everything else stays unchanged.
    """
    path = put(tmp_path, b"a secret of its own\r\n", name)
    for place in ({f"{name}_FILE": path}, {"CREDENTIALS_DIRECTORY": str(tmp_path)}):
        values, problems = read_files(place | {"PORT": "1"})
        assert (values[name], values["PORT"], problems) == ("a secret of its own", "1", ())


def test_every_secret_of_the_table_is_known():
    """Each setting in the docs that is named a token, a secret or a key may be in a file."""
    named = set(MAY_BE_SECRET.findall((ROOT / "docs/settings.md").read_text(encoding="utf-8")))
    assert named
    assert named - set(SECRETS) == set()


def test_a_secret_in_the_environment_stays(tmp_path):
    """A secret in the environment stays if its file path is blank and its folder lacks it."""
    put(tmp_path, b"x", "OTHER")
    env = {"ENCRYPTION_KEYS": "key", "ENCRYPTION_KEYS_FILE": " "}
    env["CREDENTIALS_DIRECTORY"] = str(tmp_path)
    assert read_files(env) == (env, ())


def test_two_places_are_one_too_many(tmp_path):
    """A secret that is set in several places is an error that names the places, not the secret."""
    path = put(tmp_path, b"of the file")
    both = {"ENCRYPTION_KEYS": "of the variable", "ENCRYPTION_KEYS_FILE": path}
    _, (problem,) = read_files(both | {"CREDENTIALS_DIRECTORY": str(tmp_path)})
    assert problem == (
        "ENCRYPTION_KEYS is set more than once, by ENCRYPTION_KEYS and ENCRYPTION_KEYS_FILE and"
        " CREDENTIALS_DIRECTORY: keep one"
    )


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b" \n", "is empty in {}, which {} names"),
        (b"\xff", f"{UNREAD} {{}} names (it is no text in UTF-8)"),
    ],
)
def test_a_file_without_a_secret_is_named(content, words, tmp_path):
    """If a secret file has no usable text, the error names the setting and the path."""
    path = put(tmp_path, content)
    _, [problem] = read_files({"ENCRYPTION_KEYS_FILE": path})
    assert problem == f"ENCRYPTION_KEYS {words.format(path, 'ENCRYPTION_KEYS_FILE')}"


def test_a_file_that_cannot_be_read_is_named(tmp_path):
    """If a secret file is missing or is a folder, the error names the setting and the path.

    A credentials folder that cannot be read is named, too.
    """
    gone = tmp_path / "gone"
    places = {
        "ENCRYPTION_KEYS_FILE": gone,
        "REDIS_URL_FILE": tmp_path,
        "CREDENTIALS_DIRECTORY": gone,
    }
    problems = [each for name, path in places.items() for each in read_files({name: str(path)})[1]]
    missing, key = "(No such file or directory)", f"ENCRYPTION_KEYS {UNREAD.format(gone)}"
    url = f"REDIS_URL {UNREAD.format(tmp_path)}"
    assert problems == [
        f"{key} ENCRYPTION_KEYS_FILE names {missing}",
        f"{url} REDIS_URL_FILE names (Is a directory)",
        f"CREDENTIALS_DIRECTORY names {gone}, which cannot be read {missing}",
    ]


def test_a_secret_that_is_not_read_is_not_said_to_be_missing():
    """A secret whose file cannot be read gives one error only, and does not count as missing."""
    values, unread = read_files({"WEBEX_WEBHOOK_SECRET_FILE": "/gone"})
    assert [line for line in settings_problems(values, unread) if "WEBHOOK" in line] == list(unread)
