"""Tests of the MX and autodiscover records, which are read from a real name server on loopback."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import dns.asyncresolver
import dns.flags
import dns.message
import dns.rcode
import dns.rrset
import pytest

from jobs.checks.verdict import judge
from jobs.clock import now
from jobs.model import Finding, Signals, State
from jobs.probes import all_probes
from jobs.probes.mail_exchanger import MailExchanger

Zone = dict[tuple[str, str], str]
MX = {("contoso.com.", "MX"): "0 contoso-com.mail.protection.outlook.com."}
GATEWAY = {("contoso.com.", "MX"): "10 mx.gateway.example."}
CNAME = {("autodiscover.contoso.com.", "A"): "127.0.0.1"}
SERVICE = {("_autodiscover._tcp.contoso.com.", "SRV"): "0 0 443 mail.contoso.com."}
MICROSOFT = {("microsoft.com.", "MX"): "10 microsoft-com.mail.protection.outlook.com."}


@pytest.fixture
def zone(monkeypatch: pytest.MonkeyPatch) -> Iterator[Zone]:
    """Run a name server with these records and point this machine's resolver at it.

    Any other name does not exist.
    """
    known: Zone = {}
    server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    server.bind(("127.0.0.1", 0))
    server.settimeout(0.1)
    over = threading.Event()

    def serve() -> None:
        while not over.is_set():
            try:
                data, client = server.recvfrom(4096)
            except TimeoutError:
                continue
            server.sendto(_answer(known, data), client)

    thread = threading.Thread(target=serve)
    thread.start()
    resolver = dns.asyncresolver.Resolver(configure=False)
    resolver.nameservers, resolver.port = ["127.0.0.1"], server.getsockname()[1]
    monkeypatch.setattr(dns.asyncresolver, "default_resolver", resolver)
    yield known
    over.set()
    thread.join()
    server.close()


def _answer(known: Zone, data: bytes) -> bytes:
    question = dns.message.from_wire(data)
    response = dns.message.make_response(question)
    response.flags |= dns.flags.RA
    name, kind = str(question.question[0].name), question.question[0].rdtype.name
    if record := known.get((name, kind)):
        response.answer.append(dns.rrset.from_text(name, 60, "IN", kind, record))
    elif not any(each == name for each, _ in known):
        response.set_rcode(dns.rcode.NXDOMAIN)
    return response.to_wire()


@pytest.mark.parametrize(
    ("records", "state", "seen", "cause"),
    [
        (MX | CNAME, State.OK, "seen.mx", ""),
        (MX | SERVICE, State.OK, "seen.mx", ""),
        (MX | {("autodiscover.contoso.com.", "AAAA"): "::1"}, State.OK, "seen.mx", ""),
        (MX, State.WARNING, "seen.no_autodiscover", "autodiscover_missing"),
        (GATEWAY, State.POSSIBLE, "seen.mx", "mail_exchanger_elsewhere"),
        (MICROSOFT, State.POSSIBLE, "seen.no_mx", "mail_exchanger_missing"),
        ({}, State.SKIPPED, "skipped.no_dns", ""),
    ],
)
def test_what_the_name_server_says(
    zone: Zone, given: Callable[..., Any], records: Zone, state: State, seen: str, cause: str
):
    """Another mail gateway may be the cause, and a missing autodiscover record is a warning.

    Without an answer of the name server, nothing is proven.
    """
    zone.update(records)
    found = asyncio.run(MailExchanger().inspect(given()))
    assert (found.state, found.seen and found.seen.key, found.cause) == (state, seen, cause)


@pytest.mark.parametrize(
    ("records", "hours", "possible"),
    [
        (GATEWAY, 40, ()),
        (MICROSOFT, 0.5, ()),
        (MICROSOFT, 3, ("mail_exchanger",)),
        (GATEWAY, None, ("mail_exchanger",)),
    ],
)
def test_mail_that_arrives_disproves_it(
    zone: Zone,
    given: Callable[..., Any],
    records: Zone,
    hours: float | None,
    possible: tuple[str, ...],
):
    """Mail that arrives proves that an odd MX record is not the cause.

    A deleted record needs newer mail, because the record may be cached for an hour.
    """
    zone.update(records)
    found = {"mail_exchanger": asyncio.run(MailExchanger().inspect(given()))}
    if hours is not None:
        at = now() - timedelta(hours=hours)
        found["arrivals"] = Finding("arrivals", State.OK, signals=Signals(at=at))
    assert judge(all_probes(), found).possible == possible
