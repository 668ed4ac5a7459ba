"""Files of error texts: text, mails and Outlook messages are read, and other kinds are refused."""

from __future__ import annotations

from email.message import EmailMessage

import pytest

from jobs.clouds.error_texts.files import NoTextError, text_of
from jobs.clouds.error_texts.reader import read

SECRET_GONE = "AADSTS7000222: Die angegebenen Schlüssel sind abgelaufen"
NDR = "Remote Server returned '550 5.7.520 Access denied, Your organization does not allow external forwarding. AS(7555)'"


def causes(content: bytes) -> list[str]:
    """Return the certain causes of the error text in a file."""
    return [each.cause for each in read(text_of(content)).certain]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "cp1252"])
def test_text_in_any_encoding(encoding: str):
    """A text file is read in each encoding in which Windows and other systems save it."""
    assert causes(SECRET_GONE.encode(encoding)) == ["client_secret_expired"]


@pytest.mark.parametrize("transfer", ["base64", "quoted-printable", "8bit"])
@pytest.mark.parametrize("subtype", ["plain", "html"])
def test_a_mail(transfer: str, subtype: str):
    """All parts of a mail are read in any encoding, attachments among them."""
    mail = EmailMessage()
    mail["From"], mail["To"], mail["Subject"] = "a@example.org", "b@example.org", "Undeliverable"
    mail.set_content("See below.")
    mail.add_alternative(
        f"<p>{NDR}</p>" if subtype == "html" else NDR, subtype=subtype, cte=transfer
    )
    assert causes(mail.as_bytes()) == ["forwarding_blocked"]


def test_a_report_of_delivery():
    """The machine-readable part of a delivery report is read as well."""
    content = (
        b"From: postmaster@example.org\nTo: a@example.org\nSubject: Undeliverable\n"
        b'MIME-Version: 1.0\nContent-Type: multipart/report; report-type=delivery-status; boundary="b"\n\n'
        b"--b\nContent-Type: text/plain\n\nYour mail was not delivered.\n"
        b"--b\nContent-Type: message/delivery-status\n\nReporting-MTA: dns;x.prod.outlook.com\n\n"
        b"Final-Recipient: rfc822;x@example.org\nAction: failed\nStatus: 5.7.520\n"
        b"Diagnostic-Code: smtp;550 5.7.520 Access denied, AS(7555)\n\n--b--\n"
    )
    assert causes(content) == ["forwarding_blocked"]


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
def test_what_has_no_text(content: bytes, reason: str):
    """A file without text is refused with its kind, which its first bytes show."""
    with pytest.raises(NoTextError, match=reason):
        text_of(content)
