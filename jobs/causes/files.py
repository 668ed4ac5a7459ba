"""Text of a file that a person sends: plain text, a mail (.eml) or an Outlook message (.msg)."""

import re
import subprocess
import sys
from typing import NamedTuple

from jobs.causes import mail_file

LARGEST = 1024 * 1024
"""Maximum number of bytes of a file that are read; of a mail, the first 128 kB."""
MAIL_S = 10
"""Seconds after which the reading of a mail is stopped."""
_PICTURE = re.compile(
    rb"\x89PNG|\xff\xd8\xff|GIF8|BM|II\*\x00|MM\x00\*|\x00\x00\x01\x00|RIFF.{4}WEBP|.{4}ftyp(?:heic|mif1|avif)",
    re.DOTALL,
)
_OTHER_KINDS = (b"PK\x03\x04", b"%PDF", b"\x1f\x8b", b"7z\xbc\xaf", b"Rar!", b"{\\rtf")
_OUTLOOK = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
_HEADERS = re.compile(
    rb"^(?:received|return-path|from|to|subject|date|message-id|mime-version|content-type|delivered-to|"
    rb"x-[\w-]+|arc-[\w-]+|dkim-signature|authentication-results):",
    re.IGNORECASE | re.MULTILINE,
)
_HEADERS_FEWEST, _HEAD = 3, 4096
_WIDE = re.compile(rb"(?:[\x09\x0a\x0d\x20-\x7e\xa0-\xff]\x00|[\x00-\xff][\x01-\x06\x20]){6,}")
_NARROW = re.compile(rb"[\x09\x0a\x0d\x20-\x7e]{24,}")
_UNPRINTABLE_MOST = 0.1


class NoTextError(ValueError):
    """Error because a file has no text: a ``picture``, ``kind``, ``binary`` or ``stopped``."""


class FileText(NamedTuple):
    """Text of a file, and whether a part of the file was not read."""

    text: str
    cut: bool = False


def text_of(content: bytes) -> FileText:
    """Return the text of a file, whose kind is known by its first bytes and not by its name.

    Raises:
        NoTextError: the file is a picture, another kind of file, has no text in it, or is a mail whose
            reading took too much time or memory.
    """
    if _PICTURE.match(content):
        raise NoTextError("picture")
    if content.startswith(_OTHER_KINDS):
        raise NoTextError("kind")
    if content.startswith(_OUTLOOK):  # its properties are UTF-16 streams in the file
        wide = (each[0].decode("utf-16-le", "replace") for each in _WIDE.finditer(content))
        narrow = (each.decode("ascii") for each in _NARROW.findall(content))
        return FileText(_readable("\n".join([*wide, *narrow])))
    headers = _HEADERS.findall(content[:_HEAD])
    if len(headers) >= _HEADERS_FEWEST and re.search(rb"\n\r?\n", content):
        return _of_mail(content)
    return FileText(_readable(_decoded(content)))


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


def _of_mail(content: bytes) -> FileText:
    """Return the subject, the reports and the text of every part, decoded.

    Raises:
        NoTextError: reading it took too much time or memory.
    """
    program = [sys.executable, "-I", "-S", mail_file.__file__]
    try:
        done = subprocess.run(  # noqa: S603  our own program
            program, input=content, capture_output=True, check=False, timeout=MAIL_S
        )
    except subprocess.TimeoutExpired:
        raise NoTextError("stopped") from None
    if done.returncode not in {0, mail_file.CUT}:
        raise NoTextError("stopped")
    return FileText(done.stdout.decode("utf-8", "replace"), done.returncode == mail_file.CUT)
