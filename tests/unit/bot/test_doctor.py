"""Checks of ``doctor``: grants, the test mail's login, the contact center and the audit log."""

from dataclasses import replace
from datetime import timedelta

import httpx
import pytest

from bot import doctor
from jobs.access import tenants
from jobs.clock import now
from jobs.clouds.http import async_client
from jobs.microsoft.scopes import EXCHANGE_APP_ROLES, EXCHANGE_SCOPE, GRAPH_APP_ROLES, GRAPH_SCOPE
from tests.fixtures.parsed import table

SAID = table("doctor")

AUDIT = "Webex Connect's audit log"
TENANT = "11111111-2222-3333-4444-555555555555"


@pytest.fixture
def services(services, provider):
    """Services with a Microsoft on loopback, where all roles are granted."""
    provider.app_roles.update(
        {GRAPH_SCOPE: list(GRAPH_APP_ROLES), EXCHANGE_SCOPE: list(EXCHANGE_APP_ROLES)}
    )
    app = {"microsoft_client_id": "client-1", "microsoft_client_secret": "s3cr~t.Value"}
    return replace(services, settings=replace(services.settings, login_url=provider.base, **app))


def examined(services, about: str = "read access", **settings: object) -> list[str]:
    """Return the doctor's lines about the named check, with these settings."""
    lines: list[str] = []
    checks = doctor.checks(services.bot, replace(services.settings, **settings))
    doctor.examine((each for each in checks if each[0] == about), lines.append)
    return lines


@pytest.mark.parametrize("about", ["read access", AUDIT, "contact center"])
def test_nothing_is_said_of_what_is_not_there(services, about):
    assert examined(services, about) == []


def test_granted_surplus_and_lost(services, provider):
    """The doctor counts granted read access, and names what is lacking or surplus, and what to do.

    A surplus is no error, and reading the sign-in log is none. No grant is forgotten.
    """
    tenants.keep_grant(
        services.redis, tenants.AppAccess(TENANT, now(), "anna@example.test", GRAPH_APP_ROLES)
    )
    good = "ok     read access: 1 tenants let the bot read by itself"
    assert examined(services) == [good]
    roles = provider.app_roles[GRAPH_SCOPE]
    roles += ["AuditLog.Read.All", "Mail.Read"]
    (line,) = examined(services)
    assert line.startswith(f"{good}; more than it")
    assert f"granted in {TENANT} (Mail.Read): take that back" in line
    roles.remove("Policy.Read.All")
    (line,) = examined(services)
    lost = f"WRONG  read access: not any more by {TENANT} (lacks Policy.Read.All): an administrator"
    assert line.startswith(lost)
    assert tenants.grant_for(services.redis, TENANT) is not None


ROW = {"created": now().isoformat(), "eventDescription": "deleteApp", "actorEmail": "a@b.c"}
GOOD = {"totalRecords": 1, "auditLogs": [ROW]}
BAD = {"code": "1", "description": "Not this way"}


@pytest.mark.parametrize(
    ("status", "body", "words"),
    [
        (200, GOOD, "answers to POST; changes of the last day that may stop mail: 1"),
        (400, BAD, "does not understand the question"),
        (401, BAD, "renew the service app's token and set CONNECT_AUDIT_TOKEN"),
        (403, BAD, "does not let the token's service app read"),
        (404, BAD, "is not at this address"),
        (500, BAD, "does not answer"),
        (200, BAD, "does not answer"),
    ],
)
def test_the_audit_log(services, monkeypatch, status, body, words):
    """The doctor says how the audit log answers, or what to do about it in the service's words.

    It does not show the token.
    """

    def log(request: httpx.Request) -> httpx.Response:
        return httpx.Response(status if request.method == "POST" else 405, json=body)

    transport = httpx.MockTransport(log)
    monkeypatch.setattr(
        "jobs.contact_center.services.async_client", lambda given: async_client(given, transport)
    )
    url = "https://contoso.us.webexconnect.io/connectapi/v1/auditlogs"
    audit = {"connect_audit_url": url, "connect_audit_token": "secret-audit-token"}
    (line,) = examined(services, AUDIT, **audit)
    assert line.startswith(f"{'ok' if body is GOOD else 'WRONG':6} {AUDIT}: ")
    told = (words in line, "secret-audit-token" in line, "Not this way" in line)
    assert told == (True, False, body is BAD)


@pytest.mark.parametrize(("url", "doubted"), SAID["probe_servers"])
def test_a_password_at_exchange_will_end(services, url, doubted):
    """The doctor doubts a password for test mails at Exchange, which ends in December 2026.

    The result stays good, because the password works until then (550 5.7.30).
    """
    (line,) = examined(services, "test mail", probe_smtp_url=url, probe_from="probe@contoso.com")
    assert line.startswith(f"{'DOUBT' if doubted else 'ok':6} test mail: the bot sends")
    assert ("the end of December 2026 (550 5.7.30)" in line) is doubted
    assert "pw" not in line.replace("passwords", "").split()


ORG = "1eb65fdf-9643-417f-9974-ad72cae0e10f"
WRONG = "WRONG  contact center: CONTACT_CENTER_TOKEN"
OTHER = "96abc2aa-3dcc-11e5-a152-fe34819cdc9a"


@pytest.mark.parametrize(
    ("org", "status", "body", "said"),
    [
        ("", 200, {}, "ok     contact center: email tasks are read; CONTACT_CENTER_ORG_ID lets"),
        (ORG, 200, {"id": ORG}, f"ok     contact center: the token is of the organization {ORG}"),
        (ORG, 200, {"id": OTHER}, f"{WRONG} is of the organization {OTHER}"),
        (ORG, 404, {}, f"{WRONG} may not read the organization {ORG}"),
        (ORG, 403, {}, f"{WRONG} may not read the organization {ORG}"),
        (ORG, 401, {}, f"{WRONG} is not accepted"),
        (ORG, 418, {"message": "No"}, "WRONG  contact center: http"),
    ],
)
def test_the_token_of_the_contact_center_is_of_its_organization(
    services, webex_script, reply, org, status, body, said
):
    """The doctor names a token of the contact center that is of another organization.

    Such a token gives empty answers without an error (platforms/connect.md 3.4).
    """
    webex_script.on("GET", f"/cc/organization/{org}", reply(status, body))
    url = f"{webex_script.url.rstrip('/')}/cc"
    center = {"contact_center_url": url, "contact_center_token": "token-1"}
    (line,) = examined(services, "contact center", contact_center_org=org, **center)
    assert line.startswith(said)
    assert "token-1" not in line


@pytest.mark.parametrize("approvers", [(), ("boss@example.test", "deputy@example.test")])
def test_who_approves(services, approvers):
    """Without approvers the doctor says why it matters and what to set; the result stays good."""
    bot = replace(services.bot, approvers=approvers)
    (line,) = examined(replace(services, bot=bot), "approvers")
    if approvers:
        assert line == f"ok     approvers: changes are approved by {', '.join(approvers)}"
    else:
        assert line.startswith("DOUBT  approvers: APPROVERS is not set, so the person who asks")
        assert "also approves it" in line


@pytest.mark.parametrize(
    ("days", "begins"), [(90, "ok     "), (20, "DOUBT  "), (-2, "WRONG  "), (None, "DOUBT  ")]
)
def test_the_end_of_the_bots_own_secret(services, days, begins):
    """From thirty days before its end, the bot's own client secret is reported as a doubt.

    An unknown end is a doubt as well, and a secret that has ended is an error.
    """
    at = "" if days is None else f"{now() + timedelta(days=days):%Y-%m-%d}"
    (line,) = examined(services, "the bot's own app", microsoft_client_secret_expires=at)
    assert line.startswith(f"{begins}the bot's own app: signs in with a client secret ")
    assert "s3cr~t" not in line
