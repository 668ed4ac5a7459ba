"""Text of a mail, read by a program of its own that is stopped if it needs too much.

A mail may come from an outsider, and a parser of mails can be made to need minutes and gigabytes.
:mod:`jobs.causes.files` runs this file, which imports only the standard library.
"""

import resource
import sys
from collections.abc import Iterator
from contextlib import suppress
from email.errors import HeaderParseError
from email.header import decode_header
from email.message import Message
from email.parser import BytesParser
from email.policy import Compat32, Policy

CUT = 3
"""Exit code if a part of the mail was not read."""
LARGEST, LONGEST_HEADER = 128 * 1024, 8 * 1024
"""Maximum numbers of bytes of a mail and of a header that are read."""
MOST_PARTS, DEEPEST = 50, 20
"""Maximum numbers of parts that are read, and of parts that contain others."""
CPU_S, MEMORY = 5, 256 * 1024 * 1024


class _EnoughError(Exception):
    """End of the parser's work, because the mail has more parts than are read."""


class _ShortHeaders(Compat32):
    """Policy that cuts each header before anything interprets it."""

    def header_source_parse(self, sourcelines: list[str]) -> tuple[str, str]:
        name, value = super().header_source_parse(sourcelines)
        return name, value[:LONGEST_HEADER]


def text_of_mail(content: bytes) -> tuple[bytes, bool]:
    """Return the text of a mail in UTF-8, and whether it was cut.

    The text has the subject, the results of SPF, DKIM and DMARC, the reports, and the parts' text.
    """
    parts: list[Message] = []

    def part(policy: "Policy[Message]") -> Message:  # not subscriptable at run time
        containers = sum(each.get_content_maintype() in {"multipart", "message"} for each in parts)
        if len(parts) == MOST_PARTS or containers > DEEPEST:
            raise _EnoughError
        parts.append(Message(policy))
        return parts[-1]

    cut = len(content) > LARGEST
    try:
        BytesParser(policy=_ShortHeaders(message_factory=part)).parsebytes(content[:LARGEST])
    except _EnoughError:
        cut = True
    cut |= any(len(value) >= LONGEST_HEADER for each in parts for _, value in each.raw_items())
    results = parts[0].get_all("Authentication-Results", ())  # of its receivers (RFC 8601)
    told = [f"Authentication-Results: {' '.join(str(each).split())}" for each in results]
    texts = (text for each in _without_returned(parts) for text in _texts(each))
    return b"\n".join([_subject(parts[0]), *map(_utf8, told), *texts]), cut


def _without_returned(parts: list[Message]) -> list[Message]:
    # A report's third part is the mail that it returns (RFC 6522, 3): a letter says no cause.
    reports = (each for each in parts if each.get_content_type() == "multipart/report")
    third = (part for each in reports for part in list(each.get_payload() or ())[2:])
    returned = {part for each in third if isinstance(each, Message) for part in each.walk()}
    return [each for each in parts if each not in returned]


def _texts(part: Message) -> Iterator[bytes]:
    if part.get_content_maintype() == "text":
        payload = part.get_payload(decode=True)
        yield _utf8(payload, part.get_content_charset()) if isinstance(payload, bytes) else b""
    elif part.get_content_type() == "message/delivery-status":
        # Below are one block of the mail, and one of each recipient.
        lines = (pair for each in list(part.walk())[1:] for pair in each.raw_items())
        yield _utf8("\n".join(f"{name}: {value}" for name, value in lines))


def _subject(mail: Message) -> bytes:
    raw = next((value for name, value in mail.raw_items() if name.lower() == "subject"), "")
    try:
        pieces = decode_header(raw)
    except (HeaderParseError, ValueError):
        pieces = [(raw, None)]
    return b"Subject: " + b"".join(_utf8(each, charset) for each, charset in pieces)


def _utf8(text: bytes | str, charset: str | None = None) -> bytes:
    if isinstance(text, str):
        return text.encode("utf-8", "surrogateescape")
    try:
        return text.decode(charset or "utf-8", "replace").encode("utf-8", "replace")
    except (LookupError, ValueError):
        return text


def main() -> int:
    """Print the text of the mail on standard input, within limits of time and memory."""
    for limit, most in ((resource.RLIMIT_CPU, CPU_S), (resource.RLIMIT_AS, MEMORY)):
        with suppress(ValueError, OSError):  # macOS does not limit the memory
            resource.setrlimit(limit, (most, most))
    text, cut = text_of_mail(sys.stdin.buffer.read(LARGEST + 1))
    sys.stdout.buffer.write(text)
    return CUT if cut else 0


if __name__ == "__main__":
    sys.exit(main())
