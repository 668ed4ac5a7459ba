"""Fixtures with settings of Webex's services, and with a mailbox that the bot can sign in to."""

from dataclasses import replace

import pytest

from jobs.clouds.http import sync_client
from jobs.microsoft.identity import Identity
from jobs.runs.run import Brief
from tests.unit.jobs.conftest import MAILBOX


@pytest.fixture
def configured(work_settings, outside):
    """Return a function that makes settings for the loopback server, with the test's changes."""

    def make(**changes: str):
        values = {"contact_center_token": "token-1", "contact_center_org": "org-1"}
        values |= {"connect_audit_token": "token-2", "status_url": f"{outside.base}/status"}
        values["contact_center_url"] = f"{outside.base}/cc"
        values["connect_audit_url"] = f"{outside.base}/audit"
        return replace(work_settings, **(values | changes))  # type: ignore[arg-type]  # texts by their names

    return make


@pytest.fixture
def ctx(given, vault, work_settings, provider):
    """Return the context of a check of a mailbox whose user has signed in for the bot."""
    settings = replace(work_settings, login_url=provider.base, smtp_server="127.0.0.1:1")
    with sync_client(settings) as http:
        identity = Identity(settings.login_url, http, "organizations", "client-1", "s3cr~t.Value")
        scopes = ["https://outlook.office.com/SMTP.Send"]
        flow = identity.begin(scopes, "https://bot.test/callback", "state-1")
        cache = identity.finish(flow, provider.sign_in(flow["auth_uri"])).cache
    vault.put(f"check-secret:{MAILBOX}", "s3cr~t.Value", 60)
    vault.put(f"check-session:{MAILBOX}", cache, 60)
    return given(settings=settings, kind="check", brief=Brief(client_id="client-1"))
