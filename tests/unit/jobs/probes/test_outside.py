"""Tests of public facts: DNS records, from a real name server on loopback, and services' reports."""

import threading
from datetime import UTC, datetime, timedelta
from socketserver import BaseRequestHandler, UDPServer

import dns.asyncresolver
import dns.flags
import dns.message
import dns.rcode
import dns.resolver
import dns.rrset
import pytest

from jobs.checks.verdict import judge
from jobs.clock import now
from jobs.model import Access, Channel, Finding, Signals, State, Text
from jobs.probes import all_probes
from tests.unit.jobs.probes.trace_rows import OK, POSSIBLE, SKIPPED, look, told

MX = {("contoso.com.", "MX"): "0 contoso-com.mail.protection.outlook.com."}
NULL_MX = {("contoso.com.", "MX"): "0 ."}
GATEWAY = {("contoso.com.", "MX"): "10 mx.gateway.example."}
CNAME = {("autodiscover.contoso.com.", "A"): "127.0.0.1"}
SERVICE = {("_autodiscover._tcp.contoso.com.", "SRV"): "0 0 443 mail.contoso.com."}
SPF = {("contoso.com.", "TXT"): '"v=spf1 include:spf.protection.outlook.com -all"'}
DMARC = {("_dmarc.contoso.com.", "TXT"): '"v=DMARC1; p=none"'}
MICROSOFT = {("microsoft.com.", "MX"): "10 microsoft-com.mail.protection.outlook.com."}


@pytest.fixture
def zone(monkeypatch):
    """Run a name server with these records and point this machine's resolver at it.

    Any other name does not exist.
    """
    known = {}

    class Handler(BaseRequestHandler):
        def handle(self) -> None:
            data, own = self.request
            own.sendto(_answer(known, data), self.client_address)

    with UDPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        resolver = dns.asyncresolver.Resolver(configure=False)
        resolver.nameservers, resolver.port = ["127.0.0.1"], server.server_address[1]
        monkeypatch.setattr(dns.asyncresolver, "default_resolver", resolver)
        yield known
        server.shutdown()


def _answer(known, data: bytes) -> bytes:
    question = dns.message.from_wire(data)
    response = dns.message.make_response(question)
    response.flags |= dns.flags.RA
    name, kind = str(question.question[0].name), question.question[0].rdtype.name
    if record := known.get((name, kind)):
        response.answer.append(dns.rrset.from_text(name, 60, "IN", kind, *record.split("\n")))
    elif not any(each == name for each, _ in known):
        response.set_rcode(dns.rcode.NXDOMAIN)
    return response.to_wire()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("records", "state", "seen", "cause"),
    [
        (MX | CNAME, State.OK, "seen.mx", ""),
        (MX | SERVICE, State.OK, "seen.mx", ""),
        (MX | {("autodiscover.contoso.com.", "AAAA"): "::1"}, State.OK, "seen.mx", ""),
        (MX, State.WARNING, "seen.no_autodiscover", "autodiscover_missing"),
        (GATEWAY, State.POSSIBLE, "seen.mx", "mail_exchanger_elsewhere"),
        (MICROSOFT, State.POSSIBLE, "seen.no_mx", "mail_exchanger_missing"),
        (MICROSOFT | NULL_MX, State.POSSIBLE, "seen.no_mx", "mail_exchanger_missing"),
        ({}, State.SKIPPED, "skipped.no_dns", ""),
    ],
)
def test_what_the_name_server_says(zone, given, records, state, seen, cause):
    """Another mail gateway may be the cause, and a missing autodiscover record is a warning.

    Without an answer of the name server, nothing is proven.
    """
    zone.update(records)
    found = look("mail_exchanger", given())
    assert (found.state, found.seen and found.seen.key, found.cause) == (state, seen, cause)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("records", "hours", "possible"),
    [
        (GATEWAY, 40, ()),
        (MICROSOFT, 0.5, ()),
        (MICROSOFT, 3, ("mail_exchanger",)),
        (GATEWAY, None, ("mail_exchanger",)),
    ],
)
def test_mail_that_arrives_disproves_it(zone, given, records, hours, possible):
    """Mail that arrives proves that an odd MX record is not the cause.

    A deleted record needs newer mail, because the record may be cached for an hour.
    """
    zone.update(records)
    found = {"mail_exchanger": look("mail_exchanger", given())}
    if hours is not None:
        at = now() - timedelta(hours=hours)
        found["arrivals"] = Finding("arrivals", State.OK, signals=Signals(at=at))
    assert judge(all_probes(), found).possible == possible


def _txt(text: str, domain: str = "contoso.com."):
    return {(domain, "TXT"): text}


OF_OTHERS = _txt('"v=spf1 include:_spf.contoso.com ~all"\n"other"') | DMARC
BY_WAY = _txt('"v=spf1 redirect=_spf.contoso.com"') | DMARC
BY_WAY |= _txt('"v=spf1 a include:SPF.protection." "outlook.com -all"', "_spf.contoso.com.")
UNRELATED = SPF | _txt('"unrelated"', "_dmarc.contoso.com.")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("records", "spf", "dmarc"),
    [
        (SPF | DMARC, True, True),
        (OF_OTHERS, False, True),
        (BY_WAY, True, True),
        (_txt('"v=spf1 ip4:40.92.0.0/15 -all"') | DMARC, True, True),
        (_txt('"v=spf1 include:contoso.com -all"') | DMARC, False, True),
        (_txt('"v=spf1 mx -all"\n"v=spf1 -all"') | DMARC, False, True),
        (SPF, True, False),
        (UNRELATED, True, False),
    ],
)
def test_how_receivers_authenticate_the_domain(zone, given, records, spf, dmarc):
    """SPF may name Microsoft by way of others, and a policy of none is a DMARC policy.

    A domain that receivers cannot authenticate is only a possible cause.
    """
    zone.update(records | MICROSOFT)
    ctx = given()
    ctx.access = Access.NONE
    found = look("sender_domain", ctx)
    words = {True: "OK", False: "key:seen.none"}
    assert found.state is (State.OK if spf and dmarc else State.POSSIBLE)
    assert found.seen is not None
    told = {"spf": words[spf], "dmarc": words[dmarc], "dkim": "key:seen.not_known"}
    assert found.seen.values == told


def test_a_parent_s_policy_counts(zone, given):
    """A subdomain without a DMARC policy has that of its parent."""
    zone.update({("mail.contoso.com.", "TXT"): next(iter(SPF.values()))} | DMARC | MICROSOFT)
    ctx = given(channel=Channel("support@mail.contoso.com"))
    ctx.access = Access.NONE
    assert look("sender_domain", ctx).state is State.OK


DKIM = {"Domain": "contoso.com", "Enabled": True, "Status": "Valid"}


@pytest.mark.slow
@pytest.mark.parametrize(
    ("rows", "records", "state"),
    [
        ([DKIM], SPF | DMARC, OK),
        ([DKIM | {"Enabled": False}], {}, POSSIBLE),
        ([DKIM | {"Status": "CnameMissing"}], {}, POSSIBLE),
        ([DKIM | {"Domain": "other.example"}], {}, POSSIBLE),
        ((403, {}), SPF | DMARC, OK),
        ((403, {}), {}, SKIPPED),
    ],
)
def test_dkim_is_read_from_exchange(zone, cloud, given, rows, records, state):
    """Exchange shows whether it signs as the domain; without any answer, nothing is known."""
    zone.update(records)
    cloud.on("Get-DkimSigningConfig", rows)
    assert look("sender_domain", given()).state is state


def test_a_refused_answer_makes_it_the_cause(zone, given):
    """With a refusal for it, the domain is the cause, and the refusal is its symptom."""
    zone.update(SPF | MICROSOFT)
    ctx = given()
    ctx.access = Access.NONE
    found = {"sender_domain": look("sender_domain", ctx)}
    assert judge(all_probes(), found).possible == ("sender_domain",)
    found["answers"] = Finding("answers", State.WRONG, cause="domain_not_authenticated")
    verdict = judge(all_probes(), found)
    assert (verdict.causes, verdict.symptoms) == (("sender_domain",), {"answers": "sender_domain"})
    assert verdict.weighed["sender_domain"].cause == "domain_not_authenticated"


ISSUE = {"id": "EX1", "title": "SMTP is late", "classification": "incident", "isResolved": False}
ISSUE |= {"status": "serviceDegradation", "startDateTime": "2026-11-24T08:14:00Z"}
HEALTH = "GET /admin/serviceAnnouncement/healthOverviews"
OPEN = {
    "publicationId": "PUB1",
    "name": "Webex Contact Center: Email is late",
    "status": "investigating",
    "created_at": "2026-11-24T08:14:00.000Z",
    "commercial": True,
    "components": [],
}


NONE = (OK, "seen.no_incident", "")
INCIDENT = (POSSIBLE, "seen.incident", "webex_incident")


def test_an_incident_may_be_the_cause(cloud, given):
    """Only the probe of an incident's own service shows the incident's id, title and beginning."""
    issues = [ISSUE, ISSUE | {"id": "EX0", "startDateTime": None}]
    cloud.on(HEALTH, [{"service": "Exchange Online", "id": "Exchange", "issues": issues}])
    ctx = given()
    found = look("exchange_health", ctx)
    assert told(found) == (POSSIBLE, "seen.incidents", "exchange_incident")
    values = {"id": "EX1", "title": "SMTP is late", "count": "1"}
    assert found.seen == Text("seen.incidents", values)
    assert found.signals == Signals(since=datetime(2026, 11, 24, 8, 14, tzinfo=UTC))
    assert told(look("entra_health", ctx)) == NONE


def test_who_may_not_read_the_health_is_told_so(cloud, given):
    """If the bot may not read the service health, the probe is skipped without an alarm."""
    cloud.refuse(HEALTH, 403, "Forbidden")
    assert told(look("entra_health", given())) == (SKIPPED, "skipped.service_health", "")


@pytest.mark.parametrize(
    ("incidents", "found"),
    [
        ([], NONE),
        ([OPEN], INCIDENT),
        ([OPEN | {"name": "Late", "components": [{"name": "Webex Connect"}]}], INCIDENT),
        ([OPEN | {"name": "Webex Meetings: Recordings"}], NONE),
        ([OPEN | {"commercial": False}], NONE),
        ([OPEN | {"status": "resolved"}], NONE),
    ],
)
def test_webex_status(outside, configured, given, incidents, found):
    """Only open incidents of the contact center or Webex Connect count, by title or components."""
    outside.on("GET /status/unresolved-incidents.json", {"incidents": incidents})
    assert told(look("webex_status", given(settings=configured()))) == found


def test_a_maintenance_that_is_under_way_counts_as_an_incident(outside, configured, given):
    """It began when it was planned for, and not when it was announced."""
    outside.on("GET /status/unresolved-incidents.json", {"incidents": []})
    begun = {"status": "in_progress", "start_at": "2026-11-29T22:00:00.000Z"}
    page = {"scheduled_maintenances": [OPEN | begun]}
    outside.on("GET /status/active-scheduled-maintenances.json", page)
    found = look("webex_status", given(settings=configured()))
    assert (told(found), found.signals.since) == (INCIDENT, datetime(2026, 11, 29, 22, tzinfo=UTC))


@pytest.mark.parametrize(("body", "status"), [({}, 200), ([], 200), ({}, 503)])
def test_a_page_that_cannot_be_read_says_nothing(outside, configured, given, body, status):
    """A status page that cannot be read skips the probe, with the reason."""
    outside.on("GET /status/unresolved-incidents.json", body, status)
    found = told(look("webex_status", given(settings=configured())))
    assert found == (SKIPPED, "skipped.status_page", "")


def test_the_page_can_be_switched_off(given, configured, outside):
    """If the status page is switched off in the settings, no request is sent."""
    found = told(look("webex_status", given(settings=configured(status_url="off"))))
    assert found == (SKIPPED, "skipped.status_off", "")
    assert outside.asked == []
