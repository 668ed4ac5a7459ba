"""Result of reading a text: the causes with their certainty, the codes, and what is not known."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

from jobs.clouds.causes import ErrorKind, Meaning


class Certainty(StrEnum):
    """Certainty of a text: it says so, or other causes may be behind it as well."""

    CERTAIN = "certain"
    POSSIBLE = "possible"


@dataclass(frozen=True, slots=True)
class FoundCause:
    """Cause that a text names, with the code or the words that name it.

    ``at`` is the place in the text, and ``kind`` the reaction that the error calls for.
    """

    cause: str
    code: str
    certainty: Certainty = Certainty.CERTAIN
    at: int = field(default=0, compare=False)
    kind: ErrorKind = field(default=ErrorKind.REJECTED, compare=False)

    @property
    def certain(self) -> bool:
        """Return whether the text itself says so."""
        return self.certainty is Certainty.CERTAIN

    @property
    def passes(self) -> bool:
        """Return whether the error passes by itself."""
        return self.kind is ErrorKind.TRANSIENT


def found(meaning: Meaning, code: str, at: int, *, certain: bool = True) -> FoundCause:
    """Return a cause for a meaning."""
    certainty = Certainty.CERTAIN if certain else Certainty.POSSIBLE
    return FoundCause(meaning.cause, code, certainty, at, meaning.kind)


@dataclass(frozen=True, slots=True)
class UnknownCode:
    """Code of one of this channel's services that the tables do not describe.

    ``line`` is the person's own line with it, and ``page`` the address where Microsoft explains it,
    or empty.
    """

    code: str
    line: str
    page: str = ""


@dataclass(frozen=True, slots=True)
class Reading:
    """Meaning of a text.

    ``ours`` is whether a service of this channel speaks in it. ``causes`` are ordered: what is
    certain first. ``cut`` is whether the text was longer than what is read.
    """

    ours: bool
    causes: tuple[FoundCause, ...] = ()
    codes: tuple[str, ...] = ()
    unknown: tuple[UnknownCode, ...] = ()
    cut: bool = False

    @property
    def certain(self) -> tuple[FoundCause, ...]:
        """Return the causes that the text itself names."""
        return tuple(each for each in self.causes if each.certain)
