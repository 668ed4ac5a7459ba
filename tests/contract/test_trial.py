"""Trial of the bot's assumptions at the practice cloud, where all hold, and at one that is false."""

import json
import re
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from bot.__main__ import main
from bot.processes import trial
from bot.processes.trial import (
    ASSUMPTIONS,
    Assumption,
    Seen,
    Trial,
    Verdict,
    as_text,
    recording,
    shape,
)
from bot.settings import BotSettings
from jobs.access.tenants import app_token
from jobs.clouds.tls import http_context
from jobs.settings import Settings
from practice.mail.connect import Task
from practice.mail.connect_app import AuditEntry
from practice.mail.trace import Row
from tests.contract.recordings import body_of, compare
from tests.fixtures.practice_cloud import env_for, whole_cloud

DOMAIN = "trial.example"
MX = "trial-example.mail.protection.outlook.com"
PLATFORMS = Path(__file__).parents[2] / "docs/platforms"


@pytest.fixture(scope="module")
def cloud(tmp_path_factory):
    """Practice cloud with a tenant that lets the bot read, and something in every list."""
    with whole_cloud(tmp_path_factory.mktemp("cloud")) as made:
        wanted = {
            "tenants": {DOMAIN: {f"box@{DOMAIN}": "webex-email"}},
            "redirect_uris": ["https://x.webexconnect.io/callback"],
            "forwarding_address": "f@mail-us.imiconnect.io",
            "bot_reads": True,
        }
        with httpx.Client(verify=made.tls.client_context(), trust_env=False) as http:
            http.post(f"{made.url}/practice/crowd", json=wanted).raise_for_status()
            hook = {
                "name": "n",
                "targetUrl": "https://bot.example.com/webex",
                "resource": "messages",
            }
            http.post(
                f"{made.url}/webex/v1/webhooks",
                json=hook | {"event": "created"},
                headers={"Authorization": f"Bearer {made.settings.bot_token}"},
            ).raise_for_status()
        fill(made)
        yield made


def fill(cloud):
    """Add an app, a policy, a sign-in of each kind, a mail, a task and a change in Webex Connect."""
    world = cloud.microsoft.world
    tenant = next(each for each in world.tenants.values() if DOMAIN in each.domains)
    tenant.applications.seed(world.application(cloud.settings.bot_client_id)[1])
    at = world.now() - timedelta(minutes=5)
    tenant.policies.conditional_access.append({"id": "p", "state": "enabled", "conditions": {}})
    for interactive in (True, False):
        tenant.sign_ins.append(
            {
                "id": "s",
                "createdDateTime": f"{at:%Y-%m-%dT%H:%M:%SZ}",
                "isInteractive": interactive,
                "signInEventTypes": ["interactiveUser" if interactive else "nonInteractiveUser"],
                "status": {"errorCode": 0},
                "resourceDisplayName": "Office 365 Exchange Online",
                "appliedConditionalAccessPolicies": [],
            }
        )
    who = ("a@customer.example", f"box@{DOMAIN}")
    world.traces.add(Row("t", tenant.id, "m", *who, "s", 1, "", "delivered", at, ()))
    cloud.microsoft.connect.tasks.append(Task("i", *who, "s", "b", "m", at))
    cloud.microsoft.connect.app.audit.append(AuditEntry(at, "o@trial.example", "updateApp", "t"))


@pytest.fixture
def env(cloud, monkeypatch):
    """Bot's environment for the cloud, and a resolver that knows the domain."""

    async def exchangers(domain):
        return [MX] * (domain == DOMAIN)

    monkeypatch.setattr(trial, "exchangers", exchangers)
    return env_for(cloud, monkeypatch)


class Altered(httpx.BaseTransport):
    """Transport that lets a function change each answer, or replace it by an exception."""

    def __init__(self, change) -> None:
        self._real, self._change = httpx.HTTPTransport(verify=http_context()), change

    def close(self):
        """Close the connections."""
        self._real.close()

    def handle_request(self, request):
        """Send the request and return the changed answer."""
        answer = self._real.handle_request(request)
        content = b"".join(answer.iter_raw())
        try:
            body = json.loads(content)
        except ValueError:
            body = None
        asked = f"{request.method} {request.url} {request.content.decode()}"
        status, body = self._change(asked, answer.status_code, body)
        return httpx.Response(status, json=body)


def looked(env, transport=None):
    """Return a trial and what it has seen."""
    with httpx.Client(transport=transport, verify=http_context()) as http:
        made = Trial(BotSettings.from_env(env), Settings.from_env(env), DOMAIN, http)
        return made, list(made.look())


def test_the_table_reads_and_writes_nothing():
    """Each request only reads, and each section is on its page of docs/platforms."""
    assert len({each.name for each in ASSUMPTIONS}) == len(ASSUMPTIONS) > 40
    for each in ASSUMPTIONS:
        page, _, number = each.section.partition(" ")
        text = (PLATFORMS / f"{page}.md").read_text(encoding="utf-8")
        assert re.search(rf"^###? {re.escape(number)} ", text, re.MULTILINE), each
        assert each.cmdlet.startswith("Get-") if each.cloud == "exchange" else not each.cmdlet
        assert each.method == "GET" or each.cloud == "connect-audit"
        for line in each.expect:
            assert re.fullmatch(r"[\w.\[\]]+ (is|in|has|like\??) .+", line), line


def test_all_hold_at_the_practice_cloud(env):
    """Each assumption can be looked at there, and holds."""
    _, seen = looked(env)
    assert [
        (each.assumption.name, each.told) for each in seen if each.verdict != Verdict.HOLDS
    ] == []
    assert len(seen) == len(ASSUMPTIONS)


def first(body, place, value):
    """Return the body with another value at a place, in each element of a list."""
    name, _, rest = place.partition(".")
    if isinstance(body, list):
        return [first(each, place, value) for each in body]
    if name not in body and value is not ... and rest:
        return body
    if not rest:
        return {key: each for key, each in body.items() if key != name} | (
            {} if value is ... else {name: value}
        )
    return body | {name: first(body[name], rest, value)}


FALSE: dict[str, tuple[str, str, Any, str]] = {
    "A bot is a person": (r"people/me", "type", "person", "body.type is another word"),
    "A membership names": (r"memberships", "items.personOrgId", ..., "personOrgId is absent"),
    "A webhook has": (r"webhooks", "items.status", 1, "body.items[].status is number"),
    "A message that is not": (r"GET \S+/messages/", "", 200, "not 404"),
    "The status page": (r"unresolved", "incidents", {}, "body.incidents is object"),
    "Exchange Online exposes": (
        r"appId='00000002",
        "oauth2PermissionScopes.value",
        "SMTP.Submit",
        "lacks SMTP.Send",
    ),
    "A grant is for one": (r"oauth2PermissionGrants", "value.scope", [], "scope is array"),
    "Security defaults": (r"identitySecurity", "", 404, "404, not 200"),
    "The organization's switch": (
        r"TransportConfig.*\{\}",
        "value.SmtpClientAuthenticationDisabled",
        "True",
        "SmtpClientAuthenticationDisabled is string",
    ),
    "An unknown parameter": (r"WebexEmailBotTrial", "", 200, "not 400"),
    "A mailbox that is not": (r"bot-trial@", "", 400, "ManagementObjectNotFoundException"),
    "Times in seconds": (r"tasks\?.*from=\d{10}&", "data", [{}], "body.data is array"),
}
"""False assumptions by the beginning of their names.

Each has the pattern of the request, the changed place or the changed status, and the words.
"""


def falsely(asked, status, body):
    """Return an answer as it is if the assumptions about it are false."""
    if status == 401:  # asked without a token
        return status, body
    for pattern, place, value, _ in FALSE.values():
        if re.search(pattern, asked):
            return (status, first(body, place, value)) if place else (value, body)
    return status, body


def test_each_false_assumption_is_named(env):
    """Where the clouds answer otherwise, exactly these lines say what came instead."""
    _, seen = looked(env, Altered(falsely))
    wrong = {each.assumption.name: each.told for each in seen if each.verdict == Verdict.FAILS}
    found = {
        name: told
        for begins, (*_, words) in FALSE.items()
        for name, told in wrong.items()
        if name.startswith(begins) and words in told
    }
    assert {name: told for name, told in wrong.items() if name not in found} == {}
    assert len(found) == len(FALSE) > 10


@pytest.mark.parametrize("status", [401, 403, 429, 503])
def test_a_refusal_says_nothing(env, status):
    """After a refusal nothing is claimed to be false, and the reason is told."""
    body = {"error": "access_denied", "message": "No"}
    _, seen = looked(env, Altered(lambda _asked, _status, _body: (status, body)))
    assert [each for each in seen if each.verdict == Verdict.FAILS] == []
    unseen = {each.told for each in seen if each.verdict == Verdict.UNSEEN}
    assert f"{status} access_denied" in unseen


def test_what_is_not_set_up_cannot_be_looked_at(env):
    """Without settings, a grant or an SMTP server the line says so, and nothing fails."""
    less = {name: value for name, value in env.items() if not name.startswith("CONTACT_CENTER")}
    less |= {"WEBEX_STATUS_URL": "off", "SMTP_SERVER": "localhost:1"}
    less |= {"MICROSOFT_CLIENT_SECRET": "wr0ng~Secret.Value"}
    _, seen = looked(less)
    told: dict[str, set[str]] = {}
    for each in seen:
        assert each.verdict != Verdict.FAILS
        if each.verdict == Verdict.UNSEEN:
            told.setdefault(each.assumption.cloud, set()).add(each.told)
    assert told["contact-center"] == told["status"] == {"not set up here"}
    assert told["smtp"] == {"no connection"}
    assert all("AADSTS7000215" in words for words in told["graph"] | told["token"])


PRIVATE = (
    "Jane Doe",
    "jane.doe@contoso.example",
    "4f1b6e0a-1c2d-4e3f-8a9b-0c1d2e3f4a5b",
    "192.0.2.77",
    "+49 30 5551234567",
    "5551234567",
    "Y2lzY29zcGFyazovL3VzL1BFT1BMRS9qYW5l",
    "eyJhbGciOiJub25lIn0.eyJzdWIiOiJqYW5lIn0.c2ln",
    "abc8Q~abcdefghijklmnopqrstuvwxyz01234567",
    "https://contoso.example/jane",
    "10.20.30.40.5.7.139",
    "JANE",
)


def test_the_file_shows_nothing_that_is_private(env):
    """Names, addresses, ids and secrets in values, keys, codes and replies are not in the file."""

    def poisoned(value, number=0):
        if isinstance(value, dict):
            clean = {key: poisoned(each, len(key)) for key, each in value.items()}
            return clean | dict.fromkeys(PRIVATE, "x") | {"code": PRIVATE[number % len(PRIVATE)]}
        if isinstance(value, list):
            return [*(poisoned(each, number) for each in value), *PRIVATE]
        return value if isinstance(value, bool) else PRIVATE[number % len(PRIVATE)]

    made, seen = looked(env, Altered(lambda _, status, body: (status, poisoned(body))))
    greeting = "\n".join(f"S: 250-{each} Hello [{each}]" for each in PRIVATE)
    server = Assumption("The server greets", "microsoft 4", "smtp", ())
    seen.append(Seen(server, Verdict.HOLDS, "", {"status": 200, "text": greeting}))
    text = as_text(seen, made.private())
    for each in (*PRIVATE, DOMAIN, "trial-example", *filter(None, made.private())):
        assert each.lower() not in text.lower(), each
    assert "10.20" not in text
    assert len(json.loads(text)) == len(ASSUMPTIONS) + 1


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ("AADSTS50076: MFA for jane@contoso.example", "(address AADSTS50076)"),
        ("535 5.7.139 Authentication unsuccessful [BN9.prod.outlook.com]", "(text 5.7.139)"),
        ("Request_ResourceNotFound", "Request_ResourceNotFound"),
        ("AzureADMyOrg", "AzureADMyOrg"),
        ("", ""),
        (50076, 0),
        ([1, 2, "a", "b", None], [0, "(text)", None]),
    ],
)
def test_shapes_keep_codes(value, shown):
    """A text is shown by its kind and the codes in it, and a number as 0."""
    assert shape(value) == shown


def path_of(entry):
    """Return the path and query of a recorded request to Graph that can be sent again, or nothing."""
    request = entry.get("request", {"path": "", "query": ""})
    path = f"{request['path']}?{request['query']}"
    return path if path.startswith(("/v1.0", "/beta")) and "{" not in path else ""


@pytest.fixture
def entries(env, tmp_path):
    """Entries of the file that the command writes."""
    file = tmp_path / "trial.txt"
    assert main(["trial", DOMAIN, "--file", str(file)], env) == 0
    return list(json.loads(file.read_text()))


def test_the_file_is_a_recording(entries):
    """The written file reads as recorded traffic, also that of SMTP."""
    assert len({each["id"] for each in entries}) == len(entries) == len(ASSUMPTIONS)
    smtp = next(each for each in entries if "STARTTLS" in each["section"] + each["id"].upper())
    assert ["C", "EHLO (text)"] in smtp["lines"]
    assert any("XOAUTH2" in line for who, line in smtp["lines"] if who == "S")


def test_the_practice_cloud_answers_as_the_file_says(cloud, env, entries):
    """The practice Graph answers each request of the file again as it is written there."""
    work = Settings.from_env(env)
    tenants = cloud.microsoft.world.tenants.values()
    tenant = next(each.id for each in tenants if DOMAIN in each.domains)
    token = app_token(work, tenant, "https://graph.microsoft.com/.default")
    asked = [(path_of(entry), entry) for entry in entries if path_of(entry)]
    with httpx.Client(verify=http_context(), headers={"Authorization": f"Bearer {token}"}) as http:
        for path, entry in asked:
            assert compare(entry, http.get(f"{work.graph_url}{path}")) == []
            assert json.loads(body_of(entry["response"])) == entry["response"]["body"]
    assert len(asked) > 10


def test_an_entry_without_an_answer_is_a_claim():
    """What could not be asked is no answer for readers of recordings."""
    entry = recording(Seen(ASSUMPTIONS[0], Verdict.UNSEEN, "no answer: ConnectError", {}))
    assert entry["claim"]
    assert "response" not in entry
