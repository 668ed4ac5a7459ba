"""Tests of the settings of the jobs: Webex's optional services, and values that need each other."""

from __future__ import annotations

import pytest
from cryptography.fernet import Fernet

from bot.settings import BotSettings
from jobs.settings import SECRETS, TOGETHER, Settings, SettingsError, read_files

AUDIT = "https://wxconnectplatform.us.webexconnect.io/connectapi/v1/auditManager"
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


@pytest.mark.parametrize("name", [name for pair in TOGETHER for name in pair])
def test_a_half_is_said(name):
    """An address without its key stops the start, and so does a key without its address.

    The message names the missing variable.
    """
    env = LEAST | {other: value for other, value in SERVICES.items() if other != name}
    with pytest.raises(SettingsError) as caught:
        Settings.from_env(env)
    assert [problem.partition(" ")[0] for problem in caught.value.problems] == [name]


@pytest.mark.parametrize(
    ("name", "value", "field", "read"),
    [
        ("MICROSOFT_GRAPH_URL", "https://graph.us/v1.0/", "graph_url", "https://graph.us"),
        ("EXCHANGE_ADMIN_URL", "https://o.com/adminapi/beta", "exchange_url", "https://o.com"),
        ("EXCHANGE_ADMIN_URL", "http://[::1]/exchange/", "exchange_url", "http://[::1]/exchange"),
        ("MICROSOFT_LOGIN_URL", " https://login.us/ ", "login_url", "https://login.us"),
        ("CONNECT_AUDIT_URL", f"{AUDIT}/", "connect_audit_url", AUDIT),
        ("SMTP_SERVER", "smtp.office365.com", "smtp_server", "smtp.office365.com:587"),
        ("SMTP_SERVER", "smtp://127.0.0.1:2525", "smtp_server", "127.0.0.1:2525"),
        ("SMTP_SERVER", "[::1]", "smtp_server", "[::1]:587"),
        ("PROBE_FROM", "Email probe <probe@fabrikam.com>", "probe_from", "probe@fabrikam.com"),
    ],
)
def test_an_address_may_be_written_in_several_ways(name, value, field, read):
    """An address may have a version path, a slash, spaces, a scheme or a name, or no port."""
    assert getattr(Settings.from_env(LEAST | SERVICES | {name: value}), field) == read


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("ENCRYPTION_KEYS", ","),
        *(("SMTP_SERVER", f"smtp.office365.com:{port}") for port in ("submission", "99999", "0")),
        ("SMTP_SERVER", "[bad"),
        ("PROBE_FROM", "probe"),
        ("PROBE_SMTP_URL", "mail.fabrikam.com:587"),
        ("PROBE_SMTP_URL", "smtp://mail.fabrikam.com:99999"),
        ("CONNECT_AUDIT_URL", "http://contoso.us.webexconnect.io"),
        ("CONNECT_AUDIT_HEADER", "access token"),
        *(("CONNECT_HOSTS", hosts) for hosts in (",", "*", "*.com", "a..b", "https://a.example")),
        *(("CONNECT_HOSTS", hosts) for hosts in ("10.0.0.1", "a.*.example", "imic\u043ennect.io")),
    ],
)
def test_a_value_that_cannot_be_right_is_said(name, value):
    """An invalid value is reported by the name of its setting.

    A list of only commas is invalid as well, and does not get the default.
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
    read = Settings.from_env(env).connect_hosts
    assert read == ("*.connect.example.com", "mail.example.com")
    assert Settings.from_env(LEAST).connect_hosts == ()
    with pytest.raises(SettingsError) as caught:
        Settings.from_env(LEAST | {"CONNECT_HOSTS": "a.example,*.com,b/c"})
    assert [problem.split("'")[1] for problem in caught.value.problems] == ["*.com", "b/c"]
