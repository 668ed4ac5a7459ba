"""Recorded requests to Graph, Exchange and Entra, sent to the practice cloud with its own ids.

The practice cloud can measure the product only if it answers as the real services do. A difference
counts if the status, the error code, or a key that the product reads differs. If the practice cloud
does not have a cmdlet, the product does not run it either, or the recording is an error that every
cmdlet gives. In the second case one of the practice cloud's cmdlets takes its place.
"""

import copy
from dataclasses import replace
from datetime import timedelta

import httpx
import pytest

from practice.faults.policy import connector
from practice.microsoft.exchange.call import CMDLETS
from practice.microsoft.graph.call import ROUTER
from tests.contract.product_reads import cmdlets_asked, requests_to_graph, template
from tests.contract.recordings import Json, cases, compare, differences, entries, has_answer, needed
from tests.contract.stage import Stage
from tests.fixtures.practice_cloud import (
    BASE,
    CALLBACK,
    administrators_token,
    practice_cloud,
    undecoded,
)

pytestmark = needed
SCOPES = (
    "offline_access Application.ReadWrite.All DelegatedPermissionGrant.ReadWrite.All "
    "AppRoleAssignment.ReadWrite.All Policy.Read.All User.Read.All Directory.Read.All "
    "AuditLog.Read.All"
)


def is_sent(recorded):
    """Return whether a recorded request is meant for replay."""
    return (
        recorded.get("replay") is not False and "unasked" not in recorded and has_answer(recorded)
    )


def is_served(recorded):
    """Return whether the practice Graph has this path."""
    request = recorded["request"]
    return ROUTER.match(request["method"], request["path"].removeprefix("/v1.0")) is not None


GRAPH = [each for each in entries("graph") if is_sent(each)]


async def test_the_requests_to_graph_are_counted():
    """The number of replayed requests, of requests not served here, and of excluded ones is fixed.

    The product sends none of the requests that the practice cloud does not serve.
    """
    replayed = [each for each in GRAPH if is_served(each)]
    other = [each["request"] for each in GRAPH if not is_served(each)]
    assert (len(replayed), len(other), len(entries("graph")) - len(GRAPH)) == (69, 32, 10)
    asked = await requests_to_graph()
    assert len(asked) > 25
    assert asked & {template(each["method"], each["path"]) for each in other} == set()
    assert asked & {
        template(each["request"]["method"], each["request"]["path"]) for each in replayed
    }


@pytest.fixture(scope="module")
def practice(certificates):
    """Practice cloud without delays, and its administrator's token for Graph."""
    with practice_cloud(certificates) as (cloud, http):
        yield cloud, http, administrators_token(http, cloud.world.settings, SCOPES)


@pytest.fixture
def stage(practice):
    """Stage in the tenant, which is cleared after the test."""
    made = Stage(*practice)
    policies = copy.deepcopy(made.tenant.policies)
    yield made
    made.clear()
    made.tenant.policies, made.tenant.premium = policies, True


@pytest.mark.parametrize(
    "recorded", [pytest.param(each, id=each["id"]) for each in GRAPH if is_served(each)]
)
def test_graph(stage, recorded):
    """The practice Graph answers a recorded request as the real Graph did."""
    recorded = copy.deepcopy(recorded)
    stage.prepare(recorded)
    assert compare(recorded, stage.send(recorded)) == []


@pytest.mark.parametrize(
    ("recorded", "here", "found"),
    [
        ({"id": "a"}, {"id": "b"}, []),
        ({"id": "a"}, {}, [".id: missing here"]),
        ({"id": "a"}, {"id": 1}, [".id: string recorded, number here"]),
        ({"id": True}, {"id": 1}, [".id: boolean recorded, number here"]),
        ({"id": None}, {"id": 1}, []),
        ({"id": "a"}, {"id": None}, [".id: string recorded, null here"]),
        ({"notReadByAnybody": 1}, {}, []),
        (
            {"value": [{"id": "a"}, {"id": "b", "scope": "c"}]},
            {"value": [{"id": "d"}]},
            [".value[].scope: missing here"],
        ),
    ],
)
def test_the_comparison_can_fail(recorded, here, found):
    """A key that is missing or of another type, at any depth, is a difference.

    A key that the product never reads is none.
    """
    assert differences(recorded, here) == found


def test_a_whole_recording_has_no_other_keys():
    """If a recording is whole, a key that only the practice cloud has is a difference."""
    assert differences({"id": "a"}, {"id": "b", "extra": 1}, whole=True) == [".extra: not recorded"]


# --- Exchange ------------------------------------------------------------------------------------


MAILBOX = "support@contoso.com"
POLICY = {"Identity": "Default", "AutoForwardingMode": "Nonsense"}
INSTEAD: dict[str, tuple[str, Json]] = {
    "g2o-invalid-enum": ("Set-HostedOutboundSpamFilterPolicy", POLICY),
    "g2o-unknown-parameter": ("Get-TransportConfig", {"BogusParameter": 1}),
    "set-nothing-changed": (
        "Set-CASMailbox",
        {"Identity": MAILBOX, "SmtpClientAuthenticationDisabled": None},
    ),
    "g2o-inboxrules-forwardRuleFixture": ("Get-InboxRule", {"Mailbox": MAILBOX}),
    "g2o-inboxrules-junkRuleFixture": ("Get-InboxRule", {"Mailbox": MAILBOX}),
}
"""Cmdlets of the practice cloud that give the same kind of answer as the recorded cmdlet."""
OLD_CODE = "not-found-500code"
"""Recording of an internal Exchange with another code than today's (``not-found-404``)."""
NO_GRANT = "g2o-neither-grant"
REFUSED = {NO_GRANT, "unauthorized-nul", "unauthorized-nul-gzip"}
"""Recordings of a refusal that is the same for every cmdlet."""
RULE = {
    "Name": "R",
    "Identity": "R",
    "State": "Enabled",
    "Mode": "Enforce",
    "Priority": 0,
    "FromScope": "NotInOrganization",
    "PrependSubject": "[External]",
    "SetAuditSeverity": "Medium",
}


def command_of(recorded):
    """Return the recorded cmdlet and its parameters, or the ones that take their place."""
    command = recorded["request"]["body"]["CmdletInput"]
    return INSTEAD.get(recorded["id"]) or (command["CmdletName"], command["Parameters"])


def is_run(recorded):
    """Return whether the practice cloud has the cmdlet, or refuses it as the real Exchange does."""
    return recorded["id"] in REFUSED or command_of(recorded)[0].lower() in CMDLETS


ANSWERS = [each for each in entries("exchange") if has_answer(each)]


def test_the_cmdlets_are_counted():
    """The product runs none of the cmdlets that are not replayed."""
    other = {command_of(each)[0] for each in ANSWERS if not is_run(each)}
    assert (len(ANSWERS), sum(map(is_run, ANSWERS))) == (34, 28)
    assert len(cmdlets_asked()) > 20
    assert other & cmdlets_asked() == set()
    assert other == {
        "Get-AcceptedDomain",
        "Get-AdminAuditLogConfig",
        "Get-HostedConnectionFilterPolicy",
        "Get-InboundConnector",
    }


class Tenant:
    """Practice tenant that has each kind of object that is recorded."""

    def __init__(self, cloud, http) -> None:
        self.cloud, self.http = cloud, http
        self.tenant = cloud.world.tenant("contoso.com")
        settings = cloud.world.settings
        self.tokens = {
            scope: administrators_token(http, settings, scope)
            for scope in ("https://outlook.office365.com/Exchange.Manage", "User.Read")
        }
        self.tenant.exchange.transport_rules.append(dict(RULE))
        self.tenant.exchange.connectors.append(connector("partner.example"))
        self.tenant.exchange.dehydrated = False
        rule = {"Name": "R", "Identity": "1", "Enabled": True, "Priority": 0, "Description": "d"}
        box = self.tenant.users[self._user(MAILBOX)].mailbox
        box.inbox_rules.append(rule | {"SubjectContainsWords": ["x"], "ForwardTo": ["y"]})
        mail = {"from": "kim@customer.example", "to": MAILBOX, "subject": "x", "body": "x"}
        http.post("/practice/mail/customer", json=mail).raise_for_status()

    def _user(self, name):
        return self.tenant.user(name).id

    def run(self, cmdlet, parameters, *, granted=True, **more):
        """Run a cmdlet as the administrator, with or without a token for Exchange."""
        token = list(self.tokens.values())[0 if granted else 1]
        return undecoded(
            self.http,
            "POST",
            more.pop("url", f"{BASE}/adminapi/beta/{self.tenant.id}/InvokeCommand"),
            json={"CmdletInput": {"CmdletName": cmdlet, "Parameters": parameters}},
            headers={"Authorization": f"Bearer {token}", **more},
        )


@pytest.fixture(scope="module")
def tenant(certificates):
    """Tenant of a practice cloud without delays."""
    with practice_cloud(certificates) as (cloud, http):
        yield Tenant(cloud, http)


@pytest.mark.parametrize(
    "recorded", [pytest.param(each, id=each["id"]) for each in ANSWERS if is_run(each)]
)
def test_exchange(tenant, recorded):
    """The practice Exchange answers a recorded cmdlet as the real Exchange did."""
    recorded = copy.deepcopy(recorded)
    answer = tenant.run(*command_of(recorded), granted=recorded["id"] != NO_GRANT)
    if recorded["id"] == OLD_CODE:
        recorded["response"]["body"]["error"]["code"] = "NotFound"
    if nuls := recorded["response"].get("body_nul_bytes"):
        assert (len(answer.content), set(answer.content)) == (nuls, {0})
    assert compare(recorded, answer) == []


def test_a_403_says_that_it_is_gzip(tenant):
    """The practice Exchange answers 403 with a gzip header and a body that is not gzip.

    A client that decodes the body fails, as the recording shows.
    """
    with pytest.raises(httpx.DecodingError):
        tenant.http.post(
            f"{BASE}/adminapi/beta/{tenant.tenant.id}/InvokeCommand",
            json={"CmdletInput": {"CmdletName": "Get-NoSuchCmdlet", "Parameters": {}}},
            headers={"Authorization": f"Bearer {next(iter(tenant.tokens.values()))}"},
        )


def test_pages_together_are_everything(tenant):
    """All pages together have the rows of the whole answer, as the recorded claim ``pages`` says.

    A POST of the same body to the next link gives the next page.
    """
    whole = tenant.run("Get-Recipient", {}).json()["value"]
    page = tenant.run("Get-Recipient", {}, Prefer="odata.maxpagesize=2").json()
    rows = list(page["value"])
    while link := page.get("@odata.nextLink"):
        page = tenant.run("Get-Recipient", {}, Prefer="odata.maxpagesize=2", url=link).json()
        rows += page["value"]
    assert (rows, len(rows) > 2) == (whole, True)


def test_a_new_object_is_a_404_for_some_time(tenant):
    """A new object is a 404 for some time, as the recorded claim ``replication`` says."""
    settings = tenant.cloud.world.settings
    settings.exchange_replication_s = 60
    try:
        assert tenant.run("New-HostedOutboundSpamFilterPolicy", {"Name": "new"}).is_success
        found = tenant.run("Get-HostedOutboundSpamFilterPolicy", {"Identity": "new"})
    finally:
        settings.exchange_replication_s = 0
    assert (found.status_code, found.json()["error"]["code"]) == (404, "NotFound")


# --- Entra ----------------------------------------------------------------------------------------


def refreshable(tenant, days):
    """Return a refresh token that was issued this many days ago."""
    vault = tenant.cloud.vault.refresh
    text = next(reversed(vault))
    vault[text] = replace(vault[text], at=vault[text].at - timedelta(days=days))
    return text


def form_of(tenant, recorded):
    """Return a recorded token request, completed with the values that the recording leaves out."""
    settings = tenant.cloud.world.settings
    form = {"client_id": settings.bot_client_id, "client_secret": settings.bot_client_secret}
    form |= recorded["request"]["body"]
    number = recorded["id"].removeprefix("token-").partition("-")[0]
    if number == "7000215":
        return form | {"client_secret": "wrong", "code": "x", "redirect_uri": CALLBACK}
    if number == "7000218":
        return {name: value for name, value in form.items() if name != "client_secret"}
    if number == "9002313":
        return form | {"code": "malformed", "redirect_uri": CALLBACK}
    if number == "700082":
        return form | {"refresh_token": refreshable(tenant, 91), "scope": "User.Read"}
    return form | {"scope": "https://graph.microsoft.com/.default"}


@pytest.mark.parametrize("recorded", cases("token"))
def test_entra(tenant, recorded):
    """The practice Entra answers with the recorded status, error and error number."""
    request = recorded["request"]
    path = f"/{tenant.tenant.id}{request['path'].removeprefix('/{tenant}')}"
    if request["method"] == "GET":
        answer = tenant.http.get(path)
    else:
        answer = tenant.http.post(path, data=form_of(tenant, recorded))
    assert compare(recorded, answer) == []
    told, here = recorded["response"]["body"], answer.json()
    for name in ("error", "error_codes"):
        assert told.get(name, here.get(name)) == here.get(name)
