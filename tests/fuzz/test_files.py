"""Random mutations of files for ``/explain``: mails, texts and Outlook messages."""

import contextlib
import random
import time

from jobs.causes.files import NoTextError, text_of
from jobs.causes.mail_file import LARGEST, text_of_mail
from jobs.causes.reader import read
from tests.fuzz.conftest import ROUNDS, SEED

CPU_MOST_S = 5
HEAD = b"From: a@b.example\nTo: c@d.example\nSubject: =?utf-8?q?Unzustellbar=3A_x?=\nMIME-Version: 1.0\n"
NDR = "Remote Server returned '550 5.7.520 Access denied, AS(7555)' AADSTS7000222: Schl\u00fcssel"
FILES = (
    HEAD + b"Content-Type: text/plain; charset=utf-8\n\n" + NDR.encode(),
    HEAD
    + b'Content-Type: multipart/report; report-type=delivery-status; boundary="b"\n\n--b\n'
    + b"Content-Type: text/html\nContent-Transfer-Encoding: base64\n\nPHA+NTUwIDUuNy41MjA8L3A+\n--b\n"
    + b"Content-Type: message/delivery-status\n\nReporting-MTA: dns;x\n\nStatus: 5.7.520\n\n--b\n"
    + b"Content-Type: message/rfc822\n\nSubject: a\n\nb\n--b--\n",
    HEAD
    + b"Content-Type: text/plain; charset*0=iso; charset*1=-8859-1\n"
    + b"Content-Transfer-Encoding: quoted-printable\n\nSchl=FCssel =\n550 5.7.520\n",
    NDR.encode(),
    NDR.encode("utf-16"),
    b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(504) + NDR.encode("utf-16-le") + bytes(64),
)
PIECES = (
    *(b"\n\n", b"\n", b"\r", b"\n ", b"\n--b\n", b"\n--b--\n", b"\0", b"\xff\xfe", b"\xed\xa0\x80"),
    *(
        b"(",
        b'"',
        b";a=b",
        b";a*0*=",
        b";charset*=x'y'%",
        b"=?utf-8?b?",
        b"=?x?q?a?=",
        b"a@b.c,",
        b":",
    ),
    *(b"\nContent-Type: message/rfc822\n\n", b"\nContent-Type: message/delivery-status\n\n"),
    *(
        b'\nContent-Type: multipart/digest; boundary="b"\n\n',
        b"\nContent-Transfer-Encoding: x-uuencode\n",
    ),
    *(
        b"begin 644 x\n",
        b"charset=punycode",
        b"charset=idna",
        b"charset=utf-7",
        b"charset=unicode_escape",
    ),
    *(
        b"<style>",
        b"<!--",
        b"&#x110000;",
        b"=3D=\n",
        b"\\u0000",
        b"550-5.7.1 a\n",
        b"%ff%fe",
        b"AADSTS",
    ),
)


def mutated(chance):
    """Return a file with a few random changes, some of them repeated thousands of times."""
    content = bytearray(chance.choice(FILES))
    for _ in range(chance.randint(1, 6)):
        at = chance.randrange(len(content) + 1)
        end = min(at + chance.randint(0, 40), len(content))
        again = chance.choice((1, 1, 1, 10, 1000, 20_000))
        content[at:end] = chance.choice(
            (
                b"",
                chance.randbytes(3),
                chance.choice(PIECES) * again,
                (chance.choice(PIECES) + chance.choice(PIECES)) * again,
                bytes(content[at:end]) * again,
            )
        )
    return bytes(content[: 1024 * 1024])


def test_files():
    """A damaged file is read, or refused with its reason, within a limit of time.

    A mail is also read in this process, in which an error of the parser is seen.
    """
    chance = random.Random(SEED)  # noqa: S311  not for secrets
    for number in range(150 * ROUNDS):
        content = mutated(chance)
        case = f"SEED={SEED}, round {number}: {content[:600]!r}"
        began = time.process_time()
        mail, _ = text_of_mail(content)
        assert time.process_time() - began < CPU_MOST_S, case
        assert len(mail) <= 4 * LARGEST, case
        began = time.process_time()
        with contextlib.suppress(NoTextError):
            told = text_of(content)
            assert all(each.cause for each in read(told.text, cut=told.cut).causes), case
        assert time.process_time() - began < CPU_MOST_S, case
