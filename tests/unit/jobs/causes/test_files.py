"""Files of error texts: text, mails and Outlook messages are read, and other kinds are refused."""

import pickle
import resource
import subprocess
import sys
from email.message import EmailMessage
from pathlib import Path

import pytest

from jobs.causes import files, mail_file
from jobs.causes.files import NoTextError, text_of
from jobs.causes.reader import read
from tests.fixtures.parsed import table

REPORTS = table("error_texts")

SECRET_GONE = "AADSTS7000222: Die angegebenen Schlüssel sind abgelaufen"
NDR = "Remote Server returned '550 5.7.520 Access denied, Your organization does not allow external forwarding. AS(7555)'"


def causes(content: bytes) -> list[str]:
    return [each.cause for each in read(text_of(content).text).certain]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "cp1252"])
def test_text_in_any_encoding(encoding):
    """A text file is read in each encoding in which Windows and other systems save it."""
    assert causes(SECRET_GONE.encode(encoding)) == ["client_secret_expired"]


@pytest.mark.parametrize("transfer", ["base64", "quoted-printable", "8bit"])
@pytest.mark.parametrize("subtype", ["plain", "html"])
def test_a_mail(transfer, subtype):
    """All parts of a mail are read in any encoding, attachments among them."""
    mail = EmailMessage()
    mail["From"], mail["To"], mail["Subject"] = "a@example.org", "b@example.org", "Undeliverable"
    mail.set_content("See below.")
    mail.add_alternative(
        f"<p>{NDR}</p>" if subtype == "html" else NDR, subtype=subtype, cte=transfer
    )
    assert causes(mail.as_bytes()) == ["forwarding_blocked"]


def test_a_report_of_delivery():
    """The machine-readable part of a delivery report is read as well, and not the returned mail."""
    content = (
        HEAD + b'Content-Type: multipart/report; report-type=delivery-status; boundary="b"\n\n'
        b"--b\nContent-Type: text/plain\n\nYour mail was not delivered.\n"
        b"--b\nContent-Type: message/delivery-status\n\nReporting-MTA: dns;x.prod.outlook.com\n\n"
        b"Final-Recipient: rfc822;x@example.org\nAction: failed\nStatus: 5.7.520\n"
        b"Diagnostic-Code: smtp;550 5.7.520 Access denied, AS(7555)\n\n"
        b"--b\nContent-Type: message/rfc822\n\nSubject: Help\n\n550 5.2.2 mailbox full\n\n--b--\n"
    )
    assert causes(content) == ["forwarding_blocked"]


def test_an_answer_that_arrived_as_spam():
    """The header of the receiver in a saved answer is read with the mail, also if it is wrapped."""
    mail = (
        b"From: support@contoso.com\nTo: kim@customer.example\nSubject: Re: Hello\n"
        b"Authentication-Results: spf=fail (sender IP is 203.0.113.5)\n smtp.mailfrom=contoso.com;"
        b" dkim=none (message not signed)\n header.d=none;dmarc=fail\n action=oreject"
        b" header.from=contoso.com;\n\nWe are here.\n"
    )
    assert causes(mail) == ["domain_not_authenticated"]


def test_an_outlook_message():
    """An Outlook message is read from the UTF-16 streams in its .msg file."""
    head = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(504)
    assert causes(head + NDR.encode("utf-16-le") + bytes(512)) == ["forwarding_blocked"]


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"\x89PNG\r\n\x1a\n...", "picture"),
        (b"\xff\xd8\xff\xe0", "picture"),
        (b"RIFF\x00\x00\x00\x00WEBPVP8 ", "picture"),
        (b"%PDF-1.7", "kind"),
        (b"PK\x03\x04docx", "kind"),
        (b"\x7fELF" + bytes(range(32)) * 10, "binary"),
        (b"   \n", "binary"),
    ],
)
def test_what_has_no_text(content, reason):
    """A file without text is refused with its kind, which its first bytes show."""
    with pytest.raises(NoTextError, match=reason):
        text_of(content)


HEAD = b"From: a@b.example\nTo: c@d.example\nSubject: Undeliverable\n"
REPORT = (
    HEAD + b'Content-Type: multipart/report; boundary="b"\n\n'
    b"--b\nContent-Type: message/delivery-status\n\nReporting-MTA: dns;x\n\n"
)


def multipart(number: int) -> bytes:
    """Return the header of a part with parts of its own, and the first boundary."""
    return b'Content-Type: multipart/mixed; boundary="b%d"\n\n--b%d\n' % (number, number)


HARD = {
    "parameters": (HEAD + b"Content-Type: text/plain" + b";a=b" * 100_000 + b"\n\nx", True),
    "split parameters": (
        HEAD
        + b"Content-Type: text/plain"
        + b"".join(b";a*%d=b" % each for each in range(30_000))
        + b"\n\nx",
        True,
    ),
    "encoded words": (HEAD[:-14] + b"=?utf-8?q?a?=\n " * 30_000 + b"\n\nx", True),
    "recipients of a report": (REPORT + b"To: " + b"a@b.c," * 20_000 + b"\n\n--b--\n", True),
    "comments of a report": (REPORT + b"To: " + b"(" * 1000 + b"\n\n--b--\n", False),
    "comments": (HEAD + b"Content-Type: text/plain" + b"(" * 3000 + b"\n\nx", False),
    "empty parts": (HEAD + multipart(1) + b"--b1\n\n" * 131_000, True),
    "nested parts": (HEAD + b"".join(map(multipart, range(2000))), True),
    "nested mails": (HEAD + b"Content-Type: message/rfc822\n\n" * 4000, True),
    "lines in nested parts": (HEAD + b"".join(map(multipart, range(19))) + b"\n" * 150_000, True),
    "headers": (HEAD + b"a:\n" * 40_000 + multipart(1) + b"--b1\n\n" * 100, True),
    "slow encoding": (
        HEAD + b"Content-Type: text/plain; charset=punycode\n\n" + b"ab" * 60_000,
        False,
    ),
}
"""Mails that cost a parser of mails much, and whether a part of them is not read."""
READ = """
import pickle, resource, sys, time
from jobs.causes import files
files.MAIL_S = 600
for name, mail in pickle.load(sys.stdin.buffer).items():
    began, before = time.process_time(), resource.getrusage(resource.RUSAGE_CHILDREN)
    cut, after = files.text_of(mail).cut, resource.getrusage(resource.RUSAGE_CHILDREN)
    of_children = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    print(name, cut, time.process_time() - began + of_children, after.ru_maxrss, sep="|")
"""
"""Program that reads mails, and prints the processor time and the memory that each of them takes.

It waits long, because a busy machine takes seconds for a little processor time.
It is small, because a new process counts the memory of the process that has started it.
"""


@pytest.mark.slow
def test_hard_mails_cost_little():
    """A mail that is made to be hard to read costs little, and the answer says what is missing."""
    mails = pickle.dumps({name: mail for name, (mail, _) in HARD.items()})
    line = [sys.executable, "-c", READ]
    done = subprocess.run(line, input=mails, capture_output=True, check=True)  # noqa: S603  ours
    rows = [row.split("|") for row in done.stdout.decode().splitlines()]
    assert {name: cut for name, cut, *_ in rows} == {n: str(cut) for n, (_, cut) in HARD.items()}
    dear = [row for row in rows if float(row[2]) >= 3 or int(row[3]) >= 100_000]
    assert dear == []


@pytest.mark.slow
@pytest.mark.parametrize(
    "instead", ["while True: pass", "held = bytearray(10**10)", "import time; time.sleep(600)"]
)
def test_a_mail_that_takes_too_much(instead, monkeypatch, tmp_path):
    """Reading a mail is stopped by its limits of time and memory, and this process is not harmed."""
    program = tmp_path / "mail_file.py"
    source = (
        Path(mail_file.__file__).read_text(encoding="utf-8").replace("CPU_S, ", "CPU_S = 1\n_, ")
    )
    program.write_text(
        source.replace("text, cut = text", f"{instead}\n    text, cut = text"), "utf-8"
    )
    monkeypatch.setattr(mail_file, "__file__", str(program))
    monkeypatch.setattr(files, "MAIL_S", 3)
    with pytest.raises(NoTextError, match="stopped"):
        text_of(HEAD + b"\nx")
    assert resource.getrlimit(resource.RLIMIT_CPU)[0] == resource.RLIM_INFINITY


@pytest.mark.slow
def test_the_beginning_of_a_long_mail_is_read():
    """A mail that is longer than the part that is read is explained from its beginning."""
    told = text_of(HEAD + b"\n" + NDR.encode() + b"\n" + b"more\n" * 100_000)
    shown = [each.cause for each in read(told.text).certain], told.cut
    assert shown == (["forwarding_blocked"], True)
    assert read(told.text, cut=told.cut).cut


@pytest.mark.parametrize(("subject", "told"), REPORTS["subjects"])
def test_the_subject_of_a_mail(subject, told):
    """A subject is decoded, also a damaged one, as far as it can be."""
    content = HEAD.replace(b"Undeliverable", subject.encode()) + b"\nx"
    assert text_of(content).text.splitlines()[0] == f"Subject: {told}"
