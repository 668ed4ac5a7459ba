"""Tests of the records of the mailbox's domain, which are read from a real name server on loopback."""

from __future__ import annotations

import asyncio
import hashlib
import socket
import threading
from base64 import b64decode, b64encode
from collections.abc import Callable, Iterator
from datetime import timedelta
from email import message_from_bytes
from typing import Any

import dns.asyncresolver
import dns.flags
import dns.message
import dns.rcode
import dns.resolver
import dns.rrset
import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_der_public_key

from jobs.causes.files import text_of
from jobs.causes.reader import read
from jobs.checks.verdict import judge
from jobs.clock import now
from jobs.model import Access, Channel, Finding, Signals, State
from jobs.probes import all_probes
from jobs.probes.dns_records import MailExchanger, SenderDomain

Zone = dict[tuple[str, str], str]
MX = {("contoso.com.", "MX"): "0 contoso-com.mail.protection.outlook.com."}
GATEWAY = {("contoso.com.", "MX"): "10 mx.gateway.example."}
CNAME = {("autodiscover.contoso.com.", "A"): "127.0.0.1"}
SERVICE = {("_autodiscover._tcp.contoso.com.", "SRV"): "0 0 443 mail.contoso.com."}
SPF = {("contoso.com.", "TXT"): '"v=spf1 include:spf.protection.outlook.com -all"'}
DMARC = {("_dmarc.contoso.com.", "TXT"): '"v=DMARC1; p=none"'}
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
        response.answer.append(dns.rrset.from_text(name, 60, "IN", kind, *record.split("\n")))
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
def test_what_the_name_server_says(zone, given, records, state, seen, cause):
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
def test_mail_that_arrives_disproves_it(zone, given, records, hours, possible):
    """Mail that arrives proves that an odd MX record is not the cause.

    A deleted record needs newer mail, because the record may be cached for an hour.
    """
    zone.update(records)
    found = {"mail_exchanger": asyncio.run(MailExchanger().inspect(given()))}
    if hours is not None:
        at = now() - timedelta(hours=hours)
        found["arrivals"] = Finding("arrivals", State.OK, signals=Signals(at=at))
    assert judge(all_probes(), found).possible == possible


def _txt(text: str, domain: str = "contoso.com.") -> Zone:
    return {(domain, "TXT"): text}


@pytest.mark.parametrize(
    ("records", "state", "spf", "dmarc"),
    [
        (SPF | DMARC, State.OK, "OK", "OK"),
        (
            _txt('"v=spf1 include:_spf.contoso.com ~all"\n"other"') | DMARC,
            State.POSSIBLE,
            "no",
            "OK",
        ),
        (
            _txt('"v=spf1 redirect=_spf.contoso.com"')
            | _txt('"v=spf1 a include:SPF.protection." "outlook.com -all"', "_spf.contoso.com.")
            | DMARC,
            State.OK,
            "OK",
            "OK",
        ),
        (_txt('"v=spf1 ip4:40.92.0.0/15 -all"') | DMARC, State.OK, "OK", "OK"),
        (_txt('"v=spf1 include:contoso.com -all"') | DMARC, State.POSSIBLE, "no", "OK"),
        (_txt('"v=spf1 mx -all"\n"v=spf1 -all"') | DMARC, State.POSSIBLE, "no", "OK"),
        (SPF, State.POSSIBLE, "OK", "no"),
        (SPF | {("_dmarc.contoso.com.", "TXT"): '"unrelated"'}, State.POSSIBLE, "OK", "no"),
    ],
)
def test_a_domain_that_receivers_cannot_authenticate_is_only_possible(
    zone: Zone, given: Callable[..., Any], records: Zone, state: State, spf: str, dmarc: str
):
    """SPF may name Microsoft by way of others, and a policy of none is a DMARC policy."""
    zone.update(records | MICROSOFT)
    ctx = given()
    ctx.access = Access.NONE
    found = asyncio.run(SenderDomain().inspect(ctx))
    words = {"OK": "OK", "no": "key:seen.none"}
    assert found.seen is not None
    assert (found.state, found.seen.values) == (
        state,
        {"spf": words[spf], "dmarc": words[dmarc], "dkim": "key:seen.not_known"},
    )


def test_a_parent_s_policy_counts(zone: Zone, given: Callable[..., Any]):
    """A subdomain without a DMARC policy has that of its parent."""
    zone.update({("mail.contoso.com.", "TXT"): next(iter(SPF.values()))} | DMARC | MICROSOFT)
    ctx = given(channel=Channel("support@mail.contoso.com"))
    ctx.access = Access.NONE
    assert asyncio.run(SenderDomain().inspect(ctx)).state is State.OK


@pytest.mark.parametrize(
    ("rows", "records", "state"),
    [
        ([{"Domain": "contoso.com", "Enabled": True, "Status": "Valid"}], SPF | DMARC, State.OK),
        ([{"Domain": "contoso.com", "Enabled": False, "Status": "Valid"}], {}, State.POSSIBLE),
        (
            [{"Domain": "contoso.com", "Enabled": True, "Status": "CnameMissing"}],
            {},
            State.POSSIBLE,
        ),
        ([{"Domain": "other.example", "Enabled": True, "Status": "Valid"}], {}, State.POSSIBLE),
        ((403, {}), SPF | DMARC, State.OK),
        ((403, {}), {}, State.SKIPPED),
    ],
)
def test_dkim_is_read_from_exchange(zone, cloud, given, rows, records, state):
    """Exchange shows whether it signs as the domain; without any answer, nothing is known."""
    zone.update(records)
    cloud.on("Get-DkimSigningConfig", rows)
    assert asyncio.run(SenderDomain().inspect(given())).state is state


def test_a_refused_answer_makes_it_the_cause(zone: Zone, given: Callable[..., Any]):
    """With a refusal for it, the domain is the cause, and the refusal is its symptom."""
    zone.update(SPF | MICROSOFT)
    ctx = given()
    ctx.access = Access.NONE
    found = {"sender_domain": asyncio.run(SenderDomain().inspect(ctx))}
    assert judge(all_probes(), found).possible == ("sender_domain",)
    found["answers"] = Finding("answers", State.WRONG, cause="domain_not_authenticated")
    verdict = judge(all_probes(), found)
    assert (verdict.causes, verdict.symptoms) == (("sender_domain",), {"answers": "sender_domain"})
    assert verdict.weighed["sender_domain"].cause == "domain_not_authenticated"


KEYS = [rsa.generate_private_key(65537, 2048) for _ in range(2)]
SIGNED = "from", "to", "subject"
ANSWER = (
    b"From: support@contoso.com\r\nTo: kim@customer.example\r\n"
    b"Subject:  We\r\n are here\r\n\r\nHello\r\n\r\n"
)


def _published(key: rsa.RSAPrivateKey) -> Zone:
    public = key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    text = f"v=DKIM1; k=rsa; p={b64encode(public).decode()}"
    return _txt(f'"{text[:200]}" "{text[200:]}"', "s1._domainkey.contoso.com.")


def _hashed(mail: bytes, tags: str) -> tuple[bytes, str]:
    """Return the signed data and the body's hash (RFC 6376, relaxed headers, simple body)."""
    parsed, body = message_from_bytes(mail), mail.partition(b"\r\n\r\n")[2]
    heads = [f"{name}:{' '.join(str(parsed[name]).split())}\r\n" for name in SIGNED]
    digest = hashlib.sha256(body.rstrip(b"\r\n") + b"\r\n").digest()
    return f"{''.join(heads)}dkim-signature:{tags}".encode(), b64encode(digest).decode()


def _signed(key: rsa.RSAPrivateKey) -> bytes:
    """Return the answer with Exchange's signature."""
    tags = f"v=1; a=rsa-sha256; c=relaxed/simple; d=contoso.com; s=s1; h={':'.join(SIGNED)}; "
    tags += f"bh={_hashed(ANSWER, '')[1]}; b="
    signature = key.sign(_hashed(ANSWER, tags)[0], padding.PKCS1v15(), hashes.SHA256())
    return f"DKIM-Signature: {tags}{b64encode(signature).decode()}\r\n".encode() + ANSWER


def _texts(name: str) -> list[str]:
    try:
        answer = asyncio.run(dns.asyncresolver.resolve(name, "TXT"))
    except dns.resolver.NXDOMAIN:
        return []
    return [b"".join(record.strings).decode() for record in answer]


def _verified(mail: bytes) -> str:
    tags, _, signature = str(message_from_bytes(mail)["DKIM-Signature"]).rpartition("b=")
    if not (keys := _texts("s1._domainkey.contoso.com")):
        return "permerror (no key for signature)"
    data, digest = _hashed(mail, f"{tags}b=")
    public = load_der_public_key(b64decode(keys[0].rpartition("p=")[2]))
    assert isinstance(public, rsa.RSAPublicKey)
    try:
        public.verify(b64decode(signature), data, padding.PKCS1v15(), hashes.SHA256())
    except InvalidSignature:
        return "fail (signature did not verify)"
    return "pass" if f"bh={digest};" in tags else "fail (body hash did not verify)"


def _received(mail: bytes) -> bytes:
    """Return a mail of Exchange Online with the results of a customer's server (RFC 8601)."""
    dkim = _verified(mail)
    spf = (
        "pass"
        if any("spf.protection.outlook.com" in each for each in _texts("contoso.com"))
        else "none"
    )
    policy = next(iter(_texts("_dmarc.contoso.com")), "").rpartition("p=")[2]
    dmarc = "pass" if "pass" in {spf, dkim} else "fail" if policy else "none"
    told = f"spf={spf} smtp.mailfrom=contoso.com; dkim={dkim} header.d=contoso.com; dmarc={dmarc}"
    told += f" action={policy if dmarc == 'fail' else 'none'} header.from=contoso.com"
    return f"Authentication-Results: mx.customer.example; {told}\r\n".encode() + mail


REJECT = _txt('"v=DMARC1; p=reject"', "_dmarc.contoso.com.")
PUBLISHED, OTHER = map(_published, KEYS)
FAILS = "domain_not_authenticated"


@pytest.mark.parametrize(
    ("records", "changed", "status", "state", "causes"),
    [
        (SPF | REJECT | PUBLISHED, False, "Valid", State.OK, []),
        (SPF | REJECT, False, "CnameMissing", State.POSSIBLE, []),
        (SPF | REJECT | OTHER, False, "Valid", State.OK, []),
        (REJECT | PUBLISHED, False, "Valid", State.POSSIBLE, []),
        (REJECT | PUBLISHED, True, "Valid", State.POSSIBLE, [FAILS]),
        (REJECT | OTHER, False, "Valid", State.POSSIBLE, [FAILS]),
        (REJECT, False, "CnameMissing", State.POSSIBLE, [FAILS]),
        (DMARC | OTHER, False, "Valid", State.POSSIBLE, []),
        (OTHER, False, "Valid", State.POSSIBLE, []),
    ],
)
def test_a_signed_answer_at_a_customer_s_server(
    zone: Zone,
    cloud: Any,
    given: Callable[..., Any],
    records: Zone,
    changed: bool,
    status: str,
    state: State,
    causes: list[str],
):
    """The server and the product read the same records, and the answer's file names the cause.

    SPF or the signature is enough for DMARC. A policy of none refuses nothing. A wrong key is not
    seen by Exchange, which signs with its own.
    """
    zone.update(records | MICROSOFT)
    cloud.on(
        "Get-DkimSigningConfig", [{"Domain": "contoso.com", "Enabled": True, "Status": status}]
    )
    mail = _signed(KEYS[0])
    received = _received(mail.replace(b"Hello", b"Goodbye") if changed else mail)
    found = asyncio.run(SenderDomain().inspect(given()))
    named = [each.cause for each in read(text_of(received).text).certain]
    assert (found.state, named) == (state, causes)
    assert {*named} <= SenderDomain.diagnosis.explains
