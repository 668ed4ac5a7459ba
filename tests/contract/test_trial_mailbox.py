"""Trial of a setup and its undo at the terminal, in a practice cloud where all holds or not."""

from datetime import timedelta
from typing import Any

import pytest
import requests

from bot.processes.trial import Verdict, services_of, set_up_and_undo
from bot.settings import BotSettings
from jobs.engine import undo
from jobs.settings import Settings
from tests.fixtures.practice_cloud import env_for, whole_cloud

Json = dict[str, Any]
MAILBOX, ADMIN = "support@contoso.com", "admin@contoso.com"
VALUES = {
    "Call Back URL": "https://uk.webexconnect.io/callback",
    "Forwarding Address": "x1@mail.webexconnect.io",
}
pytestmark = pytest.mark.slow


class Terminal:
    """Person at the terminal, who signs in and answers ``word`` to every change."""

    def __init__(self, word="yes") -> None:
        self.word, self.changes = word, list[str]()

    def __call__(self, question) -> object:
        for begins, value in VALUES.items():
            if question.startswith(begins):
                return value
        if "Sign in" in question:
            url = question.split("\n")[-2]
            form = {"account": ADMIN, "action": "accept"}
            answer = requests.post(url, data=form, allow_redirects=False, timeout=10)
            return answer.headers["Location"]
        self.changes.append(question)
        return self.word


@pytest.fixture
def cloud(tmp_path):
    """Practice cloud of the test."""
    with whole_cloud(tmp_path) as made:
        yield made


@pytest.fixture
def env(cloud, redis, redis_url, monkeypatch):
    """Bot's environment for the cloud, and an empty Redis."""
    return env_for(cloud, monkeypatch) | {"REDIS_URL": redis_url}


def tenant(cloud):
    """Return the tenant without what a sign-in adds: the bot's own app and the consents to it."""
    found: Json = requests.get(f"{cloud.url}/practice/tenants/contoso.com", timeout=10).json()
    admin, own = found["users"][ADMIN]["id"], cloud.settings.bot_client_id
    return found | {
        "grants": [each for each in found["grants"] if each["principalId"] != admin],
        "service_principals": [
            each for each in found["service_principals"] if each["appId"] != own
        ],
    }


def played(env, person):
    """Return what the setup and undo have shown, by the names."""
    services = services_of(BotSettings.from_env(env), Settings.from_env(env))
    seen = set_up_and_undo(services, MAILBOX, person)
    return {each.assumption.name: (each.verdict, each.told) for each in seen}


def test_there_and_back(cloud, env):
    """Each change is approved by itself and works, and the tenant is as before.

    Only what the terminal said cannot be undone has stayed.
    """
    before, person = tenant(cloud), Terminal()
    shown = played(env, person)
    assert {verdict for verdict, _ in shown.values()} == {Verdict.HOLDS}
    assert len(shown) == len(person.changes) > 10
    for_good = {each.partition(":")[0] for each in person.changes if "cannot be undone" in each}
    assert "Organization customization" in for_good
    assert tenant(cloud) == before | {"dehydrated": False}


def test_nothing_changes_without_a_yes(cloud, env):
    """After another word than yes nothing is changed, and nothing is claimed."""
    before, person = tenant(cloud), Terminal("no")
    assert (played(env, person), len(person.changes)) == ({}, 1)
    assert tenant(cloud) == before


FALSE = {
    "smtp_auth": "Set-CASMailbox",
    "outbound_policy": "New-HostedOutboundSpamFilterPolicy",
    "forwarding": "Set-Mailbox",
}
"""Steps and the cmdlets that are refused."""


def test_changes_that_are_refused(cloud, env, monkeypatch):
    """If Exchange refuses changes, exactly these do not hold, and the others are undone.

    The undo looks once more at a refused change, here after a second.
    """
    monkeypatch.setattr(undo, "CALL_LASTS", timedelta(seconds=1))
    before = tenant(cloud)
    answer = {"status": 400, "times": 99, "body": '{"error": {"code": "BadRequest"}}'}
    for cmdlet in FALSE.values():
        fault = answer | {"prefix": "/adminapi", "cmdlet": cmdlet}
        requests.post(f"{cloud.url}/practice/faults", json=fault, timeout=10).raise_for_status()
    shown = played(env, Terminal())
    wrong = {name for name, (verdict, _) in shown.items() if verdict is Verdict.FAILS}
    assert wrong == {f"The setup of {name} works" for name in FALSE}
    assert tenant(cloud) == before | {"dehydrated": False}


def test_an_ended_terminal_leaves_nothing(cloud, env):
    """After a process that ended before the undo, the next one first undoes what is left."""
    before, services = tenant(cloud), services_of(BotSettings.from_env(env), Settings.from_env(env))
    next(set_up_and_undo(services, MAILBOX, Terminal()))
    assert tenant(cloud) != before
    played(env, Terminal())
    assert tenant(cloud) == before | {"dehydrated": False}
