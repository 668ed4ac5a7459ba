"""Meaning of an error: its cause, and the reaction that it calls for."""

from __future__ import annotations

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
