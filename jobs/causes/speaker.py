"""Who speaks in a text: the place where it was read says so first, and then signs in the text.

A code such as 421 or 5.7.8 is everybody's. A sign is a name, a host or a format of a service.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from enum import StrEnum
from typing import NamedTuple

from jobs.causes.meaning import Certainty
from jobs.causes.patterns import BY_THEMSELVES, Strength, patterns

_NEAR = 400
"""Number of characters around words within which a sign of a speaker belongs to them."""
_IN_ADDRESS = re.compile(r"[\w.+-]@[\w.-]*$")
_STRANGERS = frozenset({"product", "program", "host"})


class Place(StrEnum):
    """Place where a text was read. Its value is the service that speaks there, if only one can."""

    ANYWHERE = ""
    CHANNEL = "channel"
    """Thread or address of a known channel, whose services are the likely speakers."""
    FORM = "form"
    """Webex Connect's form and logs, which quote Entra and the SMTP server of the form."""
    CONNECT = "connect"
    ENTRA = "entra"
    GRAPH = "graph"
    EXCHANGE = "exchange"
    """Trace, report or SMTP reply that the bot itself asked Exchange for."""


Who = StrEnum("Who", "OURS LIKELY UNKNOWN PROGRAM STRANGER")
"""Speaker at one place of a text; a PROGRAM sends through any mail server."""


class Signs(NamedTuple):
    """Signs of services in a text, each with its place and its service, in order."""

    at: tuple[int, ...]
    named: tuple[str, ...]
    place: Place = Place.ANYWHERE

    @property
    def heard(self) -> bool:
        """Return whether the place alone says that a service of this channel speaks."""
        return self.place in {Place.CONNECT, Place.ENTRA, Place.GRAPH, Place.EXCHANGE}

    @property
    def ours(self) -> bool:
        """Return whether a service of this channel speaks anywhere in the text."""
        named = any(each not in _STRANGERS for each in self.named)
        return self.heard or named or (self.place is Place.FORM and not self.strange)

    @property
    def strange(self) -> bool:
        """Return whether the text has a sign of another product or host."""
        return not self.heard and any(each in _STRANGERS for each in self.named)

    @property
    def connect(self) -> bool:
        """Return whether Webex Connect speaks anywhere in the text."""
        by_place = self.place is Place.FORM and not self.strange
        return by_place or self.place is Place.CONNECT or "connect" in self.named

    def who(self, at: int) -> Who:
        """Return who speaks at this place of the text.

        The nearest sign decides. Far from every sign, a service speaks if no stranger does.
        """
        if self.heard:
            return Who.OURS
        if not self.at:
            return {Place.FORM: Who.OURS, Place.CHANNEL: Who.LIKELY}.get(self.place, Who.UNKNOWN)
        after = bisect_left(self.at, at)
        near = slice(max(after - 1, 0), after + 1)
        distances = (abs(each - at) for each in self.at[near])
        distance, nearest = min(zip(distances, self.named[near], strict=True))
        far = distance > _NEAR and self.strange
        if nearest == "program":
            return Who.PROGRAM
        return Who.STRANGER if far or nearest in _STRANGERS else Who.OURS

    def certainty(self, strength: Strength, at: int) -> Certainty | None:
        """Return how certain words of this strength are at this place, or None if not at all."""
        who, own = self.who(at), strength in BY_THEMSELVES
        if who is Who.OURS:
            return Certainty.POSSIBLE if strength is Strength.LOOSE else Certainty.CERTAIN
        if who is Who.STRANGER:
            own = strength is Strength.ALWAYS or (strength is Strength.OWN and self.ours)
        if own or who in {Who.STRANGER, Who.PROGRAM}:
            return Certainty.CERTAIN if own else None
        return Certainty.POSSIBLE if who is Who.LIKELY else Certainty.CONDITIONAL


def signs_in(text: str, place: Place = Place.ANYWHERE) -> Signs:
    """Return the signs in a text.

    In Webex Connect's form a host is the server that somebody has entered, and so no stranger. An
    address of a person says nothing about who speaks.
    """
    found = [
        (each.start(), who)
        for each in patterns().signs.finditer(text)
        if (who := str(each.lastgroup)) not in _STRANGERS
        or (
            not (_IN_ADDRESS.search(text, max(each.start() - 64, 0), each.start()))
            and (who != "host" or place is not Place.FORM)
        )
    ]
    return Signs(tuple(at for at, _ in found), tuple(who for _, who in found), place)
