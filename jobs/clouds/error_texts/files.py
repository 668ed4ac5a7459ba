"""Text of a file that a person sends: plain text, a mail (.eml) or an Outlook message (.msg)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from email import policy
from email.errors import MessageError
from email.message import EmailMessage, Message
from email.parser import BytesParser

from jobs.clouds.error_texts.cleaning import LONGEST

LARGEST = 1024 * 1024
"""Maximum number of bytes of a file that are read."""
_PICTURES = (
    b"\x89PNG",
    b"\xff\xd8\xff",
    b"GIF8",
    b"BM",
    b"II*\x00",
    b"MM\x00*",
    b"\x00\x00\x01\x00",
)
_PICTURE_BRANDS = frozenset({b"ftypheic", b"ftypmif1", b"ftypavif"})
_OTHER_KINDS = (b"PK\x03\x04", b"%PDF", b"\x1f\x8b", b"7z\xbc\xaf", b"Rar!", b"{\\rtf")
_OUTLOOK = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
_HEADERS = re.compile(
    rb"^(?:received|return-path|from|to|subject|date|message-id|mime-version|content-type|delivered-to|"
    rb"x-[\w-]+|arc-[\w-]+|dkim-signature|authentication-results):",
    re.IGNORECASE | re.MULTILINE,
)
_HEADERS_FEWEST, _HEAD = 3, 4096
_SHORTEST_RUN = 6
_WIDE = re.compile(rb"(?:[\x09\x0a\x0d\x20-\x7e\xa0-\xff]\x00|[\x00-\xff][\x01-\x06\x20]){6,}")
_UNPRINTABLE_MOST = 0.1


class NoTextError(ValueError):
    """Error because a file has no text that can be read.

    Its argument is ``picture``, ``kind`` or ``binary``.
    """


def text_of(content: bytes) -> str:
    """Return the text of a file, whose kind is known by its first bytes and not by its name.

    Raises:
        NoTextError: the file is a picture, another kind of file, or has no text in it.
    """
    if _is_picture(content):
        raise NoTextError("picture")
    if content.startswith(_OTHER_KINDS):
        raise NoTextError("kind")
    if content.startswith(_OUTLOOK):
        return _readable(_of_outlook(content))
    return _of_mail(content) if _is_mail(content) else _readable(_decoded(content))


def _is_picture(content: bytes) -> bool:
    webp = content[:4] == b"RIFF" and content[8:12] == b"WEBP"
    return webp or content.startswith(_PICTURES) or content[4:12] in _PICTURE_BRANDS


def _readable(text: str) -> str:
    strange = sum(not (sign.isprintable() or sign.isspace()) for sign in text)
    if strange > _UNPRINTABLE_MOST * len(text) or not text.strip():
        raise NoTextError("binary")
    return text


def _decoded(content: bytes) -> str:
    """Return bytes as text: UTF-16 by its mark, UTF-8, or Windows' western code page.

    Raises:
        NoTextError: the bytes have a NUL byte, so they are in none of these encodings.
    """
    if content.startswith((b"\xff\xfe", b"\xfe\xff")):
        return content.decode("utf-16", "replace")
    if b"\0" in content:
        raise NoTextError("binary")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError:
        return content.decode("cp1252", "replace")


def _is_mail(content: bytes) -> bool:
    return len(_HEADERS.findall(content[:_HEAD])) >= _HEADERS_FEWEST and b"\n\n" in content.replace(
        b"\r\n", b"\n"
    )


def _of_mail(content: bytes) -> str:
    """Return the headers that name servers, and the text of every part, decoded."""
    mail = BytesParser(policy=policy.default).parsebytes(content)
    return "\n".join(filter(None, _parts(mail)))[: 2 * LONGEST]


def _parts(mail: Message) -> Iterator[str]:
    yield f"Subject: {mail.get('subject', '')}"
    for part in mail.walk():
        if part.get_content_maintype() == "text":
            yield _content(part)
        elif part.get_content_type() == "message/delivery-status":
            yield from _statuses(part)


def _statuses(report: Message) -> Iterator[str]:
    """Yield the blocks of a delivery report: one of the mail, and one of each recipient."""
    yield from (str(each) for each in report.get_payload() if isinstance(each, Message))


def _content(part: Message) -> str:
    """Return a part's text in its own character set, or as much of it as can be read."""
    try:
        return str(part.get_content()) if isinstance(part, EmailMessage) else ""
    except (LookupError, ValueError, MessageError):
        payload = part.get_payload(decode=True)
        return _decoded(payload) if isinstance(payload, bytes) else ""


def _of_outlook(content: bytes) -> str:
    """Return the texts of an Outlook message, whose properties are UTF-16 streams in the file."""
    runs = (each[0].decode("utf-16-le", "replace") for each in _WIDE.finditer(content))
    wide = "\n".join(run for run in runs if len(run) >= _SHORTEST_RUN)
    narrow = re.findall(rb"[\x09\x0a\x0d\x20-\x7e]{24,}", content)
    return "\n".join([wide, *(each.decode("ascii") for each in narrow)])
