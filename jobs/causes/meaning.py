"""Meaning of an error, and the result of reading a text.

The meaning is a cause with the reaction that it calls for. The result has the causes with their
certainty, the codes, and the unknown codes.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import NamedTuple


class ErrorKind(StrEnum):
    """Reaction that an error calls for; each kind is a class in :mod:`jobs.clouds.errors`."""

    TRANSIENT = "transient"
    NOT_REPLICATED = "settling"
    SIGN_IN_NEEDED = "sign_in_needed"
    FORBIDDEN = "not_allowed"
    NOT_FOUND = "not_found"
    ALREADY_EXISTS = "already_there"
    REJECTED = "rejected"
    MALFORMED = "unreadable"


class Meaning(NamedTuple):
    """Cause of an error, and the kind of reaction that the error calls for."""

    cause: str
    kind: ErrorKind = ErrorKind.REJECTED


Certainty = StrEnum("Certainty", "CERTAIN POSSIBLE CONDITIONAL")
"""Certainty of a cause.

The text itself names it, or other causes are possible as well, or nothing says who speaks and
it is the cause only if a service of this channel does.
"""


@dataclass(frozen=True, slots=True)
class FoundCause:
    """Cause that a text names at the place ``at``, with the code or the words that name it."""

    cause: str
    code: str
    certainty: Certainty = Certainty.CERTAIN
    at: int = field(default=0, compare=False)
    kind: ErrorKind = field(default=ErrorKind.REJECTED, compare=False)

    @property
    def certain(self) -> bool:
        return self.certainty is Certainty.CERTAIN


class UnknownCode(NamedTuple):
    """Code of a service of this channel that the tables do not describe.

    ``line`` is the person's own line with it, and ``page`` Microsoft's page about it, or empty.
    """

    code: str
    line: str
    page: str = ""


class Reading(NamedTuple):
    """Meaning of a text.

    ``ours`` is whether a service of this channel speaks in it, and ``strange`` whether another
    product does, which the text names. ``causes`` are ordered: certain ones come first. ``cut`` is
    whether the text was longer than the part that is read.
    """

    ours: bool
    causes: tuple[FoundCause, ...] = ()
    codes: tuple[str, ...] = ()
    unknown: tuple[UnknownCode, ...] = ()
    cut: bool = False
    strange: bool = False

    @property
    def certain(self) -> tuple[FoundCause, ...]:
        return self.of(Certainty.CERTAIN)

    def of(self, certainty: Certainty) -> tuple[FoundCause, ...]:
        return tuple(each for each in self.causes if each.certainty is certainty)
