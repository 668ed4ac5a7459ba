"""What can go wrong between us and Microsoft's clouds, as one tree.

::

    CloudError                 always: cause, service, status, code, message, ids to look up
     ├── Transient             the same request may work later (429, 5xx, time-outs, resets)
     ├── Settling              the directory has not yet replicated a write of ours; 120 s to 5 min
     ├── SignInNeeded          401, or a refresh token that is dead: a person signs in again
     ├── NotAllowed            403: a role, a permission or a policy is missing
     ├── NotFound              404, or ManagementObjectNotFoundException
     ├── AlreadyThere          what was to be made exists: success for whoever asked
     ├── Rejected              anything else that is permanent: the request or the set-up is wrong
     └── Unreadable            JSON that is not JSON, HTML, NUL bytes
          └── CutShort         half a body; a repeatable request is sent again

``error.settles`` is wider than :class:`Settling`: it is true for every cause that one of our own writes can bring
about for some minutes (a 404 after a create, AADSTS7000215 after addPassword). Outside the window after such a write
the same error is permanent, and only the caller knows when it wrote.
"""

from __future__ import annotations

# ruff: noqa: N818  the classes are named after what the caller does about them, and the tree says that they are errors
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import ClassVar

from jobs.clouds.causes import ENTRA, EXCHANGE_PHRASES, GRAPH_PHRASES, REPLICATION_CAUSES, SMTP_PHRASES, ErrorKind, Meaning
from jobs.model import Evidence
from jobs.redact import without_secrets

__all__ = [
    "AlreadyExists",
    "CloudError",
    "CloudReply",
    "Forbidden",
    "KnownError",
    "MalformedAnswer",
    "NotFound",
    "NotReplicatedYet",
    "Rejected",
    "RequestIds",
    "SignInNeeded",
    "Transient",
    "TruncatedAnswer",
    "error_for",
    "find_causes",
    "first_cause",
    "with_ids",
]

_LONGEST_MESSAGE = 600
_UNPRINTABLE = re.compile(r"[\x00-\x1f\x7f]+")


@dataclass(frozen=True, slots=True)
class RequestIds:
    """What Microsoft's support asks for. Empty where the service gave none."""

    request_id: str = ""
    client_request_id: str = ""
    correlation_id: str = ""
    trace_id: str = ""
    timestamp: str = ""

    def items(self) -> Iterator[tuple[str, str]]:
        """The ids that are there, with their names as Microsoft writes them."""
        for name in ("request_id", "client_request_id", "correlation_id", "trace_id", "timestamp"):
            value = str(getattr(self, name))
            if value:
                yield name.replace("_", "-"), value


@dataclass(frozen=True, slots=True)
class CloudReply:
    """What a service answered.

    ``service`` is ``graph``, ``exchange``, ``entra`` or ``smtp``; ``status`` the HTTP status or SMTP reply code, 0 if there was
    no answer; ``code`` the service's own code (``Request_ResourceNotFound``, ``AADSTS50011``, ``5.7.139``); ``message`` its own words.
    """

    service: str
    status: int = 0
    code: str = ""
    message: str = ""
    ids: RequestIds = RequestIds()


class CloudError(Exception):
    """A cloud said no, said nothing, or said something that cannot be read.

    Attributes:
        cause: a cause code, a key under ``[cause]`` in the catalogue, where its sentence and remedy stand.
        service: who said it, and in ``status``, ``code`` and ``ids`` the rest of :class:`Said`.
        message: the service's own words, without control characters and what looks like a secret, at most 600 characters.
        retry_after: seconds that the service asked us to wait, or None.
        unsent: the request cannot have had an effect, so that even a create may be sent again.
    """

    kind: ClassVar[ErrorKind] = ErrorKind.REJECTED

    def __init__(self, cause: str, said: CloudReply, *, retry_after: float | None = None, unsent: bool = False) -> None:
        super().__init__(cause)
        self.cause = cause
        self.service = said.service
        self.status = said.status
        self.code = said.code
        self.message = without_secrets(_UNPRINTABLE.sub(" ", said.message)).strip()[:_LONGEST_MESSAGE]
        self.ids = said.ids
        self.retry_after = retry_after
        self.unsent = unsent

    def __str__(self) -> str:
        status = str(self.status or "")
        head = " ".join(part for part in (self.service, status, self.code) if part)
        ids = " ".join(f"{name}={value}" for name, value in self.ids.items())
        return ": ".join(part for part in (head, self.cause, self.message, ids) if part)

    @property
    def can_be_replication(self) -> bool:
        """Whether one of our own writes, minutes ago at most, can be all that is behind it (facts section 7)."""
        return self.kind is ErrorKind.NOT_REPLICATED or self.cause in REPLICATION_CAUSES

    @property
    def words(self) -> str:
        """The service's own words with its code, once; what only support reads is in them where nobody has described the code to us."""
        known = any(each.cause for each in find_causes(f"{self.code} {self.message}"))
        message = self.message.partition(" Trace ID:")[0] if known else self.message
        words = message if self.code in message else " ".join(part for part in (self.code, message) if part)
        return words if known or not words else with_ids(words, self.ids.items())

    def evidence(self) -> tuple[Evidence, ...]:
        """Something a sceptic can look up: the service's words with its code once, then each id."""
        code = "" if self.code in self.message else self.code
        words = " ".join(part for part in (str(self.status or ""), code, self.message) if part)
        return (Evidence(self.service, words or self.cause), *(Evidence(name, value) for name, value in self.ids.items()))


def with_ids(words: str, ids: Iterable[tuple[str, str]]) -> str:
    """The words, and in brackets each id that does not stand in them already."""
    more = ", ".join(f"{name} {value}" for name, value in ids if value not in words)
    return f"{words} ({more})" if more else words


class Transient(CloudError):
    """The same request may work later."""

    kind = ErrorKind.TRANSIENT


class NotReplicatedYet(CloudError):
    """The directory has not replicated a write of ours yet."""

    kind = ErrorKind.NOT_REPLICATED


class SignInNeeded(CloudError):
    """No token can be had, or none that counts, until a person signs in again."""

    kind = ErrorKind.SIGN_IN_NEEDED


class Forbidden(CloudError):
    """Who is signed in, or the app, may not do this."""

    kind = ErrorKind.FORBIDDEN


class NotFound(CloudError):
    """There is no such object, or this replica of the directory does not know it yet."""

    kind = ErrorKind.NOT_FOUND


class AlreadyExists(CloudError):
    """What was to be made exists already."""

    kind = ErrorKind.ALREADY_EXISTS


class Rejected(CloudError):
    """The request, or the set-up behind it, is wrong: trying again changes nothing."""


class MalformedAnswer(CloudError):
    """The answer is not what the documents promise, so nothing is known about the outcome."""

    kind = ErrorKind.MALFORMED


class TruncatedAnswer(MalformedAnswer):
    """The connection ended inside the answer."""


_CLASSES: dict[ErrorKind, type[CloudError]] = {
    each.kind: each for each in (Transient, NotReplicatedYet, SignInNeeded, Forbidden, NotFound, AlreadyExists, Rejected, MalformedAnswer)
}


def error_for(meaning: Meaning, said: CloudReply) -> CloudError:
    """The error of the class that ``meaning`` asks for."""
    return _CLASSES[meaning.kind](meaning.cause, said)


@dataclass(frozen=True, slots=True)
class KnownError:
    """A code that was found in somebody's text, and what it means. ``cause`` is empty for an AADSTS code nobody described to us."""

    cause: str
    code: str
    at: int = field(default=0, compare=False)


_AADSTS = re.compile(r"AADSTS(\d+)", re.IGNORECASE)


def find_causes(text: str) -> list[KnownError]:
    """Every code and known phrase in a pasted text, in the order of the text, each cause once.

    Of one SMTP reply only the most telling words count: ``535 5.7.139 ... disabled for the Tenant`` is one finding, not two.
    """
    text, once = _in_one_line(text), dict[str, KnownError]()
    for each in sorted([*_entra_causes(text), *_phrase_causes(text)], key=lambda each: each.at):
        once.setdefault(each.cause or each.code, each)
    return list(once.values())


_PHRASES = (SMTP_PHRASES, GRAPH_PHRASES, EXCHANGE_PHRASES)
_MEANINGS = (*ENTRA.values(), *(phrase.meaning for phrases in _PHRASES for phrase in phrases))
_PASSING = frozenset(meaning.cause for meaning in _MEANINGS if meaning.kind is ErrorKind.TRANSIENT)


def first_cause(lines: Iterable[str]) -> str:
    """The first cause in the lines of a trace that says why a mail was given up: no deferral, which passes. Empty if there is none."""
    return next((found.cause for line in lines for found in find_causes(line) if found.cause and found.cause not in _PASSING), "")


_REPLY_LINE = re.compile(r"\W*(?:S: )?(?P<status>[245]\d\d)(?P<more>[ -])(?P<code>[245]\.\d{1,3}\.\d{1,3}\b)?(?P<words>.*)")


def _in_one_line(text: str) -> str:
    """The text with each SMTP reply of several lines in one: all its lines begin with its codes, and all but the last say that it goes on."""
    lines: list[str] = []
    begun: re.Match[str] | None = None
    for line in text.splitlines():
        found = _REPLY_LINE.fullmatch(line)
        if found and begun and found["status"] == begun["status"] and found["code"] in {begun["code"], None}:
            lines[-1] += f" {found['words'].strip()}"
        else:
            begun = found
            lines.append(f"{found['status']} {found['code'] or ''}{found['words']}" if found else line)
        begun = begun if found and found["more"] == "-" else None
    return "\n".join(lines)


def _entra_causes(text: str) -> Iterator[KnownError]:
    for match in _AADSTS.finditer(text):
        meaning = ENTRA.get(int(match[1]))
        yield KnownError(meaning.cause if meaning else "", f"AADSTS{match[1]}", match.start())


def _phrase_causes(text: str) -> Iterator[KnownError]:
    at = 0
    for line in text.splitlines(keepends=True):
        for phrases in _PHRASES:
            for phrase in phrases:
                match = phrase.pattern.search(line)
                if match:
                    yield KnownError(phrase.meaning.cause, _code_near(line, match), at + match.start())
                    break
        at += len(line)


_STATUS_CODE = re.compile(r"\b(?:[245]\d\d[ -])?[245]\.\d{1,3}\.\d{1,3}\b")


def _code_near(line: str, match: re.Match[str]) -> str:
    """The SMTP code of the line if it has one (the words are for the reader, the code is for search), else the words found."""
    code = _STATUS_CODE.search(line)
    return code[0] if code else match[0].strip()
