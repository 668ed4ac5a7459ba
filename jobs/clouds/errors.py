"""Errors between the bot and the clouds, as one tree.

::

    CloudError                 always: cause, service, status, code, message, ids to look up
     ├── Transient             the same request may work later (429, 5xx, timeouts, resets)
     ├── NotReplicatedYet      the directory has not yet replicated a write of ours; 120 s to 5 min
     ├── SignInNeeded          401, or a dead refresh token: a person must sign in again
     ├── Forbidden             403: a role, a permission or a policy is missing
     ├── NotFound              404, or ManagementObjectNotFoundException
     ├── AlreadyExists         the object to create exists: a success for the caller
     ├── Rejected              any other permanent error: the request or the setup is wrong
     └── MalformedAnswer       invalid JSON, HTML, NUL bytes
          └── TruncatedAnswer  half a body; a repeatable request is sent again

Each function that asks a cloud raises one of these if the cloud refuses or does not answer.

``error.settles`` is wider than :class:`NotReplicatedYet`. It is true for every cause that one of
our own writes can bring about for some minutes (a 404 after a create, AADSTS7000215 after
addPassword). Outside the window after such a write the same error is permanent, and only the caller
knows when it wrote.
"""

# ruff: noqa: N818  the classes are named after the reaction, and the tree shows that they are errors
import re
import socket
import ssl
from collections.abc import Awaitable, Iterable, Iterator
from dataclasses import asdict, dataclass
from http import HTTPStatus
from typing import ClassVar, TypeVar

from jobs.causes.cause import Cause, ErrorKind, Meaning, known
from jobs.causes.patterns import meaning_of
from jobs.causes.reader import Place, read
from jobs.model import Evidence
from jobs.redact import without_secrets

T = TypeVar("T")
E = TypeVar("E", bound="CloudError")
_LONGEST = 600
_UNPRINTABLE = re.compile(r"[\x00-\x1f\x7f]+")
_HEARD = {str(place): place for place in Place} | {"smtp": Place.EXCHANGE}


@dataclass(frozen=True, slots=True)
class RequestIds:
    """IDs that Microsoft support asks for; empty if the service gave none."""

    request_id: str = ""
    client_request_id: str = ""
    correlation_id: str = ""
    trace_id: str = ""
    timestamp: str = ""

    def items(self) -> Iterator[tuple[str, str]]:
        """Return the IDs that are set, with their names as Microsoft writes them."""
        for name, value in asdict(self).items():
            if value:
                yield name.replace("_", "-"), value


@dataclass(eq=False, repr=False)
class CloudError(Exception):
    """Refusal of a cloud, or an answer that is missing or cannot be read."""

    kind: ClassVar[ErrorKind] = ErrorKind.REJECTED
    cause: str  # a code, for which the catalog of texts has a sentence and a remedy
    service: str  # graph, exchange, entra, smtp, or another one
    status: int = 0  # the HTTP status or SMTP reply code, or 0 without an answer
    code: str = ""  # the service's own
    message: str = ""  # without control characters and likely secrets, at most 600 characters
    ids: RequestIds = RequestIds()
    retry_after: float | None = None  # the seconds that the service asked us to wait
    unsent: bool = False  # it cannot have had an effect, so even a create may be sent again

    def __post_init__(self) -> None:
        super().__init__(self.cause)
        self.message = without_secrets(_UNPRINTABLE.sub(" ", self.message)).strip()[:_LONGEST]

    def told_as(self, kind: type[E], cause: str) -> E:
        return kind(cause, self.service, self.status, self.code, self.message, self.ids)

    def __str__(self) -> str:
        head = _joined(self.service, self.status, self.code)
        ids = " ".join(f"{name}={value}" for name, value in self.ids.items())
        return ": ".join(filter(None, (head, self.cause, self.message, ids)))

    @property
    def can_be_replication(self) -> bool:
        """Return whether a recent write of ours may be the only reason (microsoft.md 7)."""
        return known(self.cause).settles

    @property
    def is_of_service(self) -> bool:
        """Return whether it is the service's answer: another form may be a proxy's, 429 is ours."""
        return self.status not in {0, 429} and self.kind is not ErrorKind.MALFORMED

    @property
    def words(self) -> str:
        """Return the service's text with its code once, and the IDs only for an unknown cause."""
        place = _HEARD.get(self.service, Place.ANYWHERE)
        known = read(f"{self.code} {self.message}", place).causes
        message = self.message.partition(" Trace ID:")[0] if known else self.message
        words = _joined("" if self.code in message else self.code, message)
        return words if known or not words else with_ids(words, self.ids.items())

    def evidence(self) -> tuple[Evidence, ...]:
        """Return facts that a reader can verify: the service's text with its code, then each ID."""
        words = _joined(self.status, "" if self.code in self.message else self.code, self.message)
        ids = (Evidence(name, value) for name, value in self.ids.items())
        return Evidence(self.service, words or self.cause), *ids


def _joined(*parts: object) -> str:
    return " ".join(map(str, filter(None, parts)))


def with_ids(words: str, ids: Iterable[tuple[str, str]]) -> str:
    """Return the text, followed in brackets by each ID that it does not contain already."""
    more = ", ".join(f"{name} {value}" for name, value in ids if value not in words)
    return f"{words} ({more})" if more else words


class Transient(CloudError):
    kind = ErrorKind.TRANSIENT


class NotReplicatedYet(CloudError):
    kind = ErrorKind.NOT_REPLICATED


class SignInNeeded(CloudError):
    kind = ErrorKind.SIGN_IN_NEEDED


class Forbidden(CloudError):
    kind = ErrorKind.FORBIDDEN


class NotFound(CloudError):
    kind = ErrorKind.NOT_FOUND


class AlreadyExists(CloudError):
    kind = ErrorKind.ALREADY_EXISTS


class Rejected(CloudError):
    """Error because the request or the setup behind it is wrong; a retry changes nothing."""


class MalformedAnswer(CloudError):
    kind = ErrorKind.MALFORMED


def unreadable(
    service: str, message: str, status: int = 0, ids: RequestIds = RequestIds()
) -> MalformedAnswer:
    return MalformedAnswer(Cause.ANSWER_UNREADABLE, service, status, message=message, ids=ids)


class TruncatedAnswer(MalformedAnswer):
    """Error because the connection ended inside the answer."""


_CLASSES = {each.kind: each for each in CloudError.__subclasses__()}


REFUSALS = (Forbidden, NotFound, Rejected)


async def unless_refused(asked: Awaitable[T]) -> T | None:
    """Return the answer, or None if the cloud refuses it for good: something else decides then."""
    try:
        return await asked
    except REFUSALS:
        return None


async def if_answered(asked: Awaitable[T]) -> T | None:
    """Return the answer, or None after any error: it says nothing, and the caller goes on."""
    try:
        return await asked
    except CloudError:
        return None


_BY_STATUS: dict[int, Cause] = {
    HTTPStatus.UNAUTHORIZED: Cause.ACCESS_TOKEN_REFUSED,
    HTTPStatus.FORBIDDEN: Cause.NOT_ALLOWED,
    HTTPStatus.NOT_FOUND: Cause.NOT_FOUND,
    HTTPStatus.CONFLICT: Cause.ALREADY_THERE,
    HTTPStatus.REQUEST_TIMEOUT: Cause.TIMED_OUT,
    HTTPStatus.TOO_MANY_REQUESTS: Cause.THROTTLED,
}


def by_status(status: int, *, gateway: bool = False) -> Meaning:
    """Return the meaning of an HTTP status, for an answer whose body does not explain it.

    A 404 without an error in its body may come from a ``gateway`` and not from the service.
    """
    if gateway and status == HTTPStatus.NOT_FOUND:
        return Meaning(Cause.ANSWER_UNREADABLE, ErrorKind.MALFORMED)
    failed = status >= HTTPStatus.INTERNAL_SERVER_ERROR
    other = Cause.SERVICE_UNAVAILABLE if failed else Cause.REQUEST_REJECTED
    return meaning_of(_BY_STATUS.get(status, other))


def error_for(  # noqa: PLR0913, PLR0917  one for each part of an answer
    meaning: Meaning, service: str, status: int, code: str, message: str, ids: RequestIds
) -> CloudError:
    return _CLASSES[meaning.kind](meaning.cause, service, status, code, message, ids)


UNCONNECTED = frozenset({Cause.CERTIFICATE_INVALID, Cause.HOST_NAME_UNKNOWN})
"""Causes that can end without any action in the tenant, so the bot keeps trying."""


def why_unconnected(error: BaseException, host: str) -> tuple[str, str] | None:
    """Return the cause why no connection to the host was made, and words; None for other errors."""
    chain = [error]
    for each in chain:  # which grows by the errors in each
        if isinstance(each, socket.gaierror):
            return Cause.HOST_NAME_UNKNOWN, f"{host}: {each.strerror or each}"
        if isinstance(each, ssl.SSLCertVerificationError):
            return Cause.CERTIFICATE_INVALID, f"{host}: {each.verify_message or each}"
        wrapped = (each.__cause__, each.__context__, getattr(each, "reason", None), *each.args)
        inner = [found for found in wrapped if isinstance(found, BaseException)]
        chain += [found for found in inner if found not in chain]
    return None


def words_of(error: BaseException, host: str) -> str:
    """Return why no connection was made, in one line, or the name of any other error."""
    _, words = why_unconnected(error, host) or ("", type(error).__name__)
    return words
