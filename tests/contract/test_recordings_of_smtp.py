"""Recorded SMTP sessions of Exchange, for the product's login and sending and the practice cloud.

The server speaks the recorded lines. Lines that a recording leaves out are taken from the whole
session that is among the recordings.
"""

import asyncio
import base64
import re
import smtplib
from contextlib import asynccontextmanager
from typing import Any

import pytest

from jobs.causes.cause import CAUSES
from jobs.causes.reader import read
from jobs.clouds.errors import CloudError
from jobs.mail.smtp_login import OutgoingMail, login_probe, meaning_of, send_test_mail
from practice.mail import sasl
from tests.contract.recordings import cases, entries, entry, needed
from tests.fixtures.practice_cloud import practice_cloud
from tests.fixtures.waiting import LIMIT_S

pytestmark = needed
USER = "support@contoso.com"
DAYS = {"Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"}
MAIL = OutgoingMail("a@contoso.com", USER, "subject", "body", "<1@contoso.com>")


def said(recorded, command, which=0):
    """Return the server's lines after the n-th command of that name, or none if there are none."""
    lines, begins = recorded["lines"], []
    for place, (who, line) in enumerate(lines):
        if who == "C" and line.upper().startswith(command):
            begins.append(place)
    if which >= len(begins):
        return []
    found = []
    for who, line in lines[begins[which] + 1 :]:
        if who == "C":
            break
        found.append(line)
    return found


def lines_of(recorded, command, which=0):
    """Return the recorded lines after a command, or those of the whole session."""
    whole = entry("smtp", "smtp-hello")
    return said(recorded, command, which) or said(whole, command, which)


def banner_of(recorded):
    """Return the server's first line in this session, or in the whole session."""
    first = recorded["lines"][0]
    return [first[1] if first[0] == "S" else entry("smtp", "smtp-hello")["lines"][0][1]]


def last_of(recorded):
    """Return the server's last line in a recorded session."""
    return next(str(line) for who, line in reversed(recorded["lines"]) if who == "S")


@asynccontextmanager
async def exchange(recorded, context, place):
    """Yield the port of a server that speaks the recorded lines.

    The server says the last recorded line when the command ``place`` comes.
    """

    async def serve(reader, writer):
        hellos = 0

        async def say(*lines):
            writer.write("".join(f"{line}\r\n" for line in lines).encode())
            await writer.drain()

        await say(*banner_of(recorded))
        while line := (await reader.readline()).decode().strip():
            command = line.upper()
            if place and command.startswith(place):
                await say(last_of(recorded))
            elif command.startswith("EHLO"):
                await say(*lines_of(recorded, "EHLO", hellos))
                hellos = 1
            elif command == "STARTTLS":
                await say(*lines_of(recorded, "STARTTLS"))
                await writer.start_tls(context)
            elif command.startswith("AUTH"):
                await say("235 2.7.0 Authentication successful")
            elif command == "QUIT":
                await say(*lines_of(recorded, "QUIT"))
                break
            else:
                await say("250 2.1.0 OK")
        writer.close()

    async with await asyncio.start_server(serve, "127.0.0.1", 0) as server:
        yield server.sockets[0].getsockname()[1]


def place_of(recorded):
    """Return the command that the server refused in the recording, or an empty text."""
    if not re.match(r"[45]\d\d ", last_of(recorded)):
        return ""
    commands = [line.upper() for who, line in recorded["lines"] if who == "C"]
    return next(each for each in ("AUTH", "DATA", "RCPT TO") if commands[0].startswith(each))


@pytest.fixture(autouse=True)
def trusted(certificates, monkeypatch):
    """Let the product trust the server's certificate."""
    monkeypatch.setenv("SSL_CERT_FILE", str(certificates.ca_path))


async def offers_oauth(port, recorded):
    """Check that the probe reads XOAUTH2 in the server's offer.

    The probe also shows the server's first line as it was sent.
    """
    probe = await login_probe(f"localhost:{port}", "", "")
    assert (probe.ok, probe.reply) == (True, "XOAUTH2")
    first = next(line for who, line in recorded["lines"] if who == "S")
    assert f"S: {first}" in probe.transcript


@pytest.mark.parametrize("recorded", cases("smtp"))
async def test_smtp_is_read(certificates, recorded):
    """The product reads the offer of a recorded session, and the expected cause of a refusal."""
    expect, place = recorded.get("expect", {}), place_of(recorded)
    async with exchange(recorded, certificates.server_context(), place) as port:
        if not place:
            await offers_oauth(port, recorded)
            return
        if place == "AUTH":
            probe = await login_probe(f"localhost:{port}", USER, "token")
            cause, reply = probe.cause, probe.reply
        else:
            with pytest.raises(CloudError) as failed:
                await send_test_mail(f"smtp://localhost:{port}", MAIL)
            cause, reply = failed.value.cause, f"{failed.value.status} {failed.value.message}"
    assert cause in CAUSES
    assert expect.get("cause", cause) == cause
    assert reply == last_of(recorded)
    code, _, words = last_of(recorded).partition(" ")
    assert meaning_of(int(code), words).cause == cause
    if "cause" in expect:
        assert read(last_of(recorded)).causes[0].cause == cause


# --- the practice cloud ---------------------------------------------------------------------------


@pytest.fixture(scope="module")
def practice(certificates):
    """Practice cloud without delays."""
    with practice_cloud(certificates) as started:
        yield started


@pytest.fixture
def session(practice, certificates):
    """Lines of the server in a session until STARTTLS and the second EHLO, and the connection."""
    lines: list[str] = []
    port = practice[0].world.settings.smtp_port
    with smtplib.SMTP(timeout=LIMIT_S) as client:
        lines += text_of(*client.connect("localhost", port))
        client._host = "localhost"  # noqa: SLF001  smtplib sets it only where it connects at once
        lines += text_of(*client.docmd("EHLO", "localhost"))
        client.esmtp_features = {"starttls": ""}
        client.ehlo_resp = b"x"
        lines += text_of(*client.starttls(context=certificates.client_context()))
        lines += text_of(*client.docmd("EHLO", "localhost"))
        yield lines, client


def text_of(code, words):
    """Return a reply as the lines in which it was sent."""
    lines = words.decode().split("\n")
    return [f"{code}-{line}" for line in lines[:-1]] + [f"{code} {lines[-1]}"]


def plain(line):
    """Return a line without host names, times, addresses and ids."""
    line = re.sub(r"[\w-]+\.outlook\.office365\.com|practice\.example", "HOST", line)
    line = re.sub(r"ready at .*", "ready at NOW", line)
    return re.sub(r"\[[^\]]*\]", "[X]", line)


def test_the_practice_exchange_says_hello_as_recorded(session):
    """The practice Exchange's greeting is as recorded, line by line.

    The lines are the banner, both lists of extensions, STARTTLS and the goodbye.
    """
    lines, client = session
    lines += text_of(*client.docmd("QUIT"))
    recorded = [line for who, line in entry("smtp", "smtp-hello")["lines"] if who == "S"]
    assert [plain(line) for line in lines] == [plain(line) for line in recorded]
    newest = entry("smtp", "smtp-banner-2024")["lines"][0][1]
    shape = re.sub(r"[0-9A-F]{16}", "ID", re.sub(r"\d\d:\d\d:\d\d", "T", newest)).split()
    here = re.sub(r"[0-9A-F]{16}", "ID", re.sub(r"\d\d:\d\d:\d\d", "T", lines[0])).split()
    assert (here[2:8], here[-1], len(here)) == (shape[2:8], shape[-1], len(shape))
    assert [word.rstrip(",") in DAYS for word in (here[8], shape[8])] == [True, True]


def test_a_login_with_a_password_is_asked_for_as_recorded(session):
    """AUTH LOGIN has the two recorded prompts and ends with a 535 5.7.139."""
    _, client = session
    prompts = ["334 VXNlcm5hbWU6", "334 UGFzc3dvcmQ6"]
    assert text_of(*client.docmd("AUTH", "LOGIN")) == prompts[:1]
    assert text_of(*client.docmd(base64.b64encode(b"user").decode())) == prompts[1:]
    (last,) = text_of(*client.docmd(base64.b64encode(b"password").decode()))
    recorded = [
        line for who, line in entry("smtp", "smtp-auth-login-prompts")["lines"] if who == "S"
    ]
    assert recorded[:2] == prompts
    assert last[:39] == recorded[2][:39] == "535 5.7.139 Authentication unsuccessful"


def test_a_refused_token_is_told_as_recorded(practice, session):
    """A refused token is answered as recorded: a bare 5.7.3 with the server in brackets."""
    blob = base64.b64encode(f"user={USER}\x01auth=Bearer x\x01\x01".encode()).decode()
    (reply,) = text_of(*session[1].docmd("AUTH", f"XOAUTH2 {blob}"))
    assert plain(reply) == plain(last_of(entry("smtp", "smtp-535-573-2022")))
    assert practice[0].world.tenant("contoso.com") is not None


def test_a_switch_that_is_off_is_told_as_recorded():
    """If the organization's switch is off, the practice cloud has the recorded words for it."""
    assert plain(sasl.OFF_TENANT) == plain(last_of(entry("smtp", "smtp-535-57139-tenant")))


COMPARED = {
    "smtp-hello",
    "smtp-hello-python",
    "smtp-banner-2024",
    "smtp-auth-login-prompts",
    "smtp-535-573-2022",
    "smtp-535-573-2024",
    "smtp-535-573-2025",
    "smtp-535-57139-tenant",
}
"""Recordings for which the practice cloud can give the same answer."""
STATES = {
    "smtp-501-55124",
    "smtp-432-432",
    "smtp-554-52252",
    "smtp-554-520-sendas",
    "smtp-554-520-quota",
    "smtp-451-47500",
}
"""Recordings of another endpoint, or of a state that only a fault's own reply causes."""


def test_the_sessions_are_counted():
    """Each recorded session is compared with the practice cloud, or is in a list of exceptions."""
    assert {each["id"] for each in entries("smtp")} == COMPARED | STATES
    for one, other in {"smtp-hello": "smtp-hello-python"}.items():
        first: list[Any] = [plain(each) for each in said(entry("smtp", one), "EHLO")]
        assert first == [plain(each) for each in said(entry("smtp", other), "EHLO")]
    for number in ("smtp-535-573-2024", "smtp-535-573-2025"):
        assert plain(last_of(entry("smtp", number))) == plain(
            last_of(entry("smtp", "smtp-535-573-2022"))
        )
