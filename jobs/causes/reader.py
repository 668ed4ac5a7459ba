"""Reader of an error text: from any text, read anywhere, to the causes that it names.

The reader cleans the text, finds its codes and known words, and names the causes that these leave
open. Words come before numbers. Who speaks says only how certain a cause is: the place where the
text was read tells it first, and then the signs in the text.
"""

import re
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from enum import StrEnum
from itertools import chain, pairwise, zip_longest
from typing import NamedTuple

from jobs.causes.cause import ENTRA_CODE_PAGE, Cause, Certainty, ErrorKind, FoundCause, Meaning
from jobs.causes.cleaning import AS_DIGITS, LONGEST, CleanText, clean
from jobs.causes.patterns import BY_THEMSELVES, Strength, Words, meaning_of, patterns

_REPLIES = ("reply", "reply_code", "reply_status")
_STATUS_MOST, _REPLIES_MOST = 12, 500
_SENTENCE_MOST = 420
"""Maximum number of characters after an error number that belong to its sentence."""
_BEGINNING = 20
"""Number of characters after an error number within which its sentence begins."""


class Token(NamedTuple):
    """AADSTS number or SMTP reply in a text, with the words to the next or to ids for support."""

    at: int
    code: str
    words: str
    status: str = ""  # of a reply, unless it gives only its enhanced code
    number: int = 0
    named: bool = True  # or else a field such as errorCode is before the number

    @property
    def shown(self) -> str:
        return f"{self.status} {self.code}".strip()

    @property
    def explained(self) -> bool:
        """Return whether words follow the number. After a closing quote they are other words."""
        closed = self.words[:1] in {'"', "'"} and self.words[1:2] != ":"
        return not closed and any(sign.isalpha() for sign in self.words[:_BEGINNING])


def entra_tokens(text: str) -> list[Token]:
    """Return the AADSTS numbers of a text, also those that only an error code field names."""
    found = sorted(
        (each.start(), each.end(), int(each[1].translate(AS_DIGITS)), pattern == "aadsts")
        for pattern in ("aadsts", "entra_field")
        for each in _named(pattern).finditer(text)
    )
    fields = patterns().codes["entra"].keys() - {number for *_, number, named in found if named}
    places = [each for each in found if each[3] or each[2] in fields]
    return [
        Token(at, f"AADSTS{number}", _named("ids").split(words)[0], number=number, named=named)
        for (at, end, number, named), (after, *_) in pairwise([*places, (len(text), 0, 0, False)])
        for words in (text[end : min(after, end + _SENTENCE_MOST)],)
    ]


def smtp_tokens(text: str) -> list[Token]:
    """Return the SMTP replies of a text, in order, each with the words up to the next or to headers.

    A reply of another server that Exchange only quotes is left out, as in ``450 4.4.317 Cannot
    connect to remote server [Message=451 4.4.0 ...]``.
    """
    found: dict[int, re.Match[str]] = {}
    for each in chain.from_iterable(_named(name).finditer(text) for name in _REPLIES):
        at = each.start("code") if each["code"] else each.start()
        version = not each["status"] and _named("version").search(_before(text, each.start(), 30))
        if not version and not any(at + more in found for more in range(_STATUS_MOST)):
            found[at] = each
    tokens = list[Token]()
    for at, after in pairwise([*sorted(found)[:_REPLIES_MOST], len(text)]):
        end = found[at].end()
        words = _named("headers").split(text[end : min(after, end + _SENTENCE_MOST)])[0]
        tokens.append(Token(at, found[at]["code"], words, found[at]["status"]))
    return tokens[:1] + [
        each
        for before, each in pairwise(tokens)
        if not _named("other_server").match(before.code)
        or not _named("quoted_reply").search(_before(text, each.at, _BEGINNING))
    ]


def _named(name: str) -> re.Pattern[str]:
    return patterns().named[name]


def _before(text: str, at: int, most: int) -> str:
    return text[max(at - most, 0) : at]


_SIGN_NEAR = 400
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
    """Signs of services in a text, each with its place and its service, in order.

    A sign is a name, a host or a format of a service. A code such as 421 or 5.7.8 is everybody's.
    """

    found: tuple[tuple[int, str], ...]
    place: Place = Place.ANYWHERE

    @property
    def heard(self) -> bool:
        """Return whether the place alone says that a service of this channel speaks."""
        return self.place in {Place.CONNECT, Place.ENTRA, Place.GRAPH, Place.EXCHANGE}

    @property
    def ours(self) -> bool:
        """Return whether a service of this channel speaks anywhere in the text."""
        return self.heard or self.connect or any(who not in _STRANGERS for _, who in self.found)

    @property
    def strange(self) -> bool:
        """Return whether the text has a sign of another product or host."""
        return not self.heard and any(who in _STRANGERS for _, who in self.found)

    @property
    def connect(self) -> bool:
        """Return whether Webex Connect speaks anywhere in the text."""
        by_place = self.place is Place.CONNECT or (self.place is Place.FORM and not self.strange)
        return by_place or any(who == "connect" for _, who in self.found)

    def who(self, at: int) -> Who:
        """Return who speaks at this place of the text.

        The nearest sign decides. Far from every sign, a service speaks if no stranger does.
        """
        if self.heard:
            return Who.OURS
        if not self.found:
            return {Place.FORM: Who.OURS, Place.CHANNEL: Who.LIKELY}.get(self.place, Who.UNKNOWN)
        after = bisect_left(self.found, (at, ""))
        near = self.found[max(after - 1, 0) : after + 1]
        distance, nearest = min((abs(each - at), who) for each, who in near)
        far = distance > _SIGN_NEAR and self.strange
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
    return Signs(tuple(found), place)


class UnknownCode(NamedTuple):
    """Code of a service of this channel that the tables do not describe."""

    code: str
    line: str  # the person's own line with it
    page: str = ""  # Microsoft's page about it


class Reading(NamedTuple):
    """Meaning of a text."""

    ours: bool  # a service of this channel speaks in it
    causes: tuple[FoundCause, ...] = ()  # certain ones first
    codes: tuple[str, ...] = ()
    unknown: tuple[UnknownCode, ...] = ()
    cut: bool = False  # it was longer than the part that is read
    strange: bool = False  # another product speaks in it, which it names

    @property
    def certain(self) -> tuple[FoundCause, ...]:
        return self.of(Certainty.CERTAIN)

    def of(self, certainty: Certainty) -> tuple[FoundCause, ...]:
        return tuple(each for each in self.causes if each.certainty is certainty)


NDR_PAGE = "https://learn.microsoft.com/exchange/mail-flow-best-practices/non-delivery-reports-in-exchange-online/non-delivery-reports-in-exchange-online"
BY_A_RULE = Cause.TRANSPORT_RULE_MAY_BLOCK
"""Cause if a mail-flow rule rejected a mail. The mail's place on its way shows which mail it is."""
_UNTOLD = Cause.SMTP_TOKEN_REFUSED
"""Cause that the words of every refused login have."""
_NOT_TOLD_APART = "5.7.139"
"""Code of refused logins for several causes."""
_OF_OTHER_PROTOCOLS = range(75000, 77000)
"""AADSTS numbers of SAML sign-ins, which the email channel does not use."""
_OWN_MOST = 240
"""Number of characters after an AADSTS number within which its sentence begins."""
_SHORT, _REPEATED, _NEAR = 120, 12, 200
_PASSING = frozenset({"", "4.2", "4.3", "4.4", "4.7"})
"""Beginnings of codes with which a temporary status means that the server is busy."""
_AT_CONNECT: Mapping[str, str] = {
    Cause.MAILBOX_NOT_FOUND: Cause.CONNECT_ADDRESS_GONE,
    Cause.MAIL_NOT_DELIVERED: Cause.CONNECT_NOT_REACHED,
}
"""Causes about a recipient, and the cause if the recipient is an address of Webex Connect."""
_CONDITIONS_MOST = 3
_BARE = (Cause.SMTP_PASSWORD_LOGIN, Cause.SMTP_AUTH_OFF_FOR_MAILBOX)
"""Further causes of a 5.7.3 if the text does not show how the login was made."""
Said = tuple[Meaning, Strength]


def read(text: str, place: Place = Place.ANYWHERE, *, cut: bool = False) -> Reading:
    """Return the meaning of a text; ``cut`` is whether a part of it is missing already."""
    return _Reader(clean(text), place).reading()._replace(cut=cut or len(text) > LONGEST)


def meaning_of_number(number: int, sentence: str = "") -> Meaning | None:
    """Return the meaning of an AADSTS number with its sentence, or None if neither is known.

    One number has several senses (650051, 50053, 65005), so the sentence decides if it says
    something else. ``sentence`` is the text after the number, with its colon. Words far behind the
    number, or behind a number without a colon, are a person's own.
    """
    if number in _OF_OTHER_PROTOCOLS or _named("other_resource").search(sentence):
        return None
    known = patterns().codes["entra"].get(number)
    own = next((each.meaning for each in _pages(sentence[:_OWN_MOST])), known)
    if known is None:
        return own
    said = {each.meaning.cause: each.meaning for each in _pages(sentence)}
    narrower = patterns().narrower.get(known.cause, frozenset())
    special = next((meaning for cause, meaning in said.items() if cause in narrower), None)
    if special or known.cause in said or not sentence.startswith(":"):
        return special or known
    return own


def most_telling(numbers: Iterable[int], description: str) -> tuple[int, Meaning] | None:
    """Return the most specific number of an answer with its meaning, or None if none is known.

    The last number with a meaning of its own comes first, because an answer begins with the general
    one: ``AADSTS70002: Error validating credentials. AADSTS50126: ...``.
    """
    said = {each.number: each.words for each in entra_tokens(description) if each.named}
    rest = "" if said else f": {description}"
    known = [(each, meaning_of_number(each, said.get(each, rest))) for each in numbers]
    vague = patterns().groups["vague"] | patterns().groups["vaguest"]
    ordered = sorted(known, key=lambda pair: pair[0] not in vague)
    return next(((each, meaning) for each, meaning in reversed(ordered) if meaning), None)


def _pages(sentence: str) -> Iterator[Words]:
    """Yield the sentences of Entra's pages that a text contains, most specific first."""
    return (each for each in patterns().words["page"] if each.pattern.search(sentence))


def meaning_of_reply(status: str, words: str, code: str = "") -> Said | None:
    """Return the meaning of one SMTP reply and its strength, or None if it says nothing known.

    Words come before numbers, but a permanent reply (5xx) never passes by itself.
    """
    said = f"{status} {code} {words}"
    by_words = _in_reply(said)
    if _NOT_TOLD_APART in said and (by_words is None or by_words[0].cause == _UNTOLD):
        return meaning_of(Cause.SMTP_LOGIN_BLOCKED), Strength.OWN
    found = filter(None, (by_words, _by_number(status, code, words)))
    final = (status or code).startswith("5")
    said_so = (each for each in found if not (final and each[0].kind is ErrorKind.TRANSIENT))
    return next(said_so, None)


def _in_reply(said: str) -> Said | None:
    known = (each for each in patterns().words["reply"] if each.pattern.search(said))
    return next(((each.meaning, each.strength) for each in known), None)


def _by_number(status: str, code: str, words: str) -> Said | None:
    if code == "5.7.3" and status.startswith("5"):
        return (meaning_of(_UNTOLD), Strength.USUAL) if status == "535" else None
    if by_code := _by_code(status, code, words):
        return by_code
    general = code[:3] in _PASSING if status.startswith("4") else code in {"", "5.7.0"}
    meaning = patterns().codes["smtp_shared"].get(status)
    return (meaning, Strength.SHARED) if meaning and (general or status == "530") else None


def _by_code(status: str, code: str, words: str) -> Said | None:
    own, shared = patterns().codes["smtp"], patterns().codes["smtp_shared"]
    permanent = not status.startswith("4")
    counted = code if permanent or code.startswith("4") else ""
    if counted in own:
        of_mail = bool(status) or _named("of_mail").search(words[:_SHORT])
        meaning = own[counted]._replace(kind=ErrorKind.REJECTED)
        return meaning, Strength.OWN if of_mail else Strength.SHARED
    if counted in shared:
        return shared[counted], Strength.SHARED
    if status and _named("other_server").match(code):
        return meaning_of(Cause.MAIL_NOT_DELIVERED), Strength.OWN
    expired = permanent and _named("expired").search(code)
    return (meaning_of(Cause.MAIL_NOT_DELIVERED), Strength.SHARED) if expired else None


class _Reader:
    def __init__(self, cleaned: CleanText, place: Place) -> None:
        self._cleaned, self._text = cleaned, cleaned.flat
        self._signs: Signs = signs_in(self._text, place)
        numbers, who = entra_tokens(self._text), self._signs.who
        self._numbers = [n for n in numbers if n.named or who(n.at) is not Who.STRANGER]
        self._replies = smtp_tokens(self._text)

    def reading(self) -> Reading:
        connected = self._of_connect()
        causes = [*self._causes(), *connected]
        claimed = [each for each in causes if each.certainty is not Certainty.CONDITIONAL]
        kept = _ranked(claimed or causes[:_CONDITIONS_MOST], self._text)
        strange = self._signs.strange and not claimed and not self._speaks()
        ours = bool(claimed or self._numbers) or self._speaks()
        codes = self._codes(connected) if ours or kept else ()
        unknown = self._unknown(bool(kept)) if ours else ()
        return Reading(ours, kept, codes, unknown, strange=strange)

    def _speaks(self) -> bool:
        """Return whether a service of this channel speaks in the text.

        If a stranger speaks in it as well, a code must be next to a sign of a service of this channel.
        """
        near = any(self._signs.who(each.at) is Who.OURS for each in self._replies)
        return self._signs.ours and (near or not self._signs.strange)

    def _found(self, said: Said, code: str, at: int, *, open_: bool = False) -> list[FoundCause]:
        """Return the cause with its certainty, or nothing if the words do not count at this place."""
        meaning, strength = said
        certainty = self._signs.certainty(strength, at)
        if certainty is Certainty.CERTAIN and open_:
            certainty = Certainty.POSSIBLE
        return [FoundCause(meaning.cause, code, certainty, at, meaning.kind)] if certainty else []

    def _causes(self) -> list[FoundCause]:
        """Return the causes of codes and unmistakable words, or else those that softer words name.

        Words that leave several causes open count only if there is nothing else.
        """
        told = [*self._of_numbers(), *self._of_replies(), *self._first_of("cloud")]
        if any(each.certain for each in told):
            return told
        softer = [] if self._numbers else self._of_pages()
        causes = [*told, *softer, *self._first_of("network")]
        if not causes and not self._numbers:
            causes = list(self._of_oauth())
        return causes or [found for each in patterns().words["open"] for found in self._said(each)]

    def _said(self, words: Words, end: int = LONGEST) -> list[FoundCause]:
        """Return the cause of the first of these words that count before ``end``, or nothing."""
        for match in words.pattern.finditer(self._text, 0, end):
            around = self._text[max(match.start() - _NEAR, 0) : match.end() + _NEAR]
            if not (words.near and self._signs.found) or _named(words.near).search(around):
                said = words.meaning, words.strength
                if found := self._found(said, match[0].strip(), match.start()):
                    return found
        return []

    def _first_of(self, group: str) -> list[FoundCause]:
        return next((said for each in patterns().words[group] if (said := self._said(each))), [])

    def _of_numbers(self) -> Iterator[FoundCause]:
        """Yield the cause of each error; a vague number counts only if no other one is known.

        Next to an error with its sentence, a number without any words is only an entry of a list.
        """
        read = ((each, meaning_of_number(each.number, each.words)) for each in self._numbers)
        known = [(each, meaning) for each, meaning in read if meaning]
        vague, vaguest = (patterns().groups[name] for name in ("vague", "vaguest"))
        left_out = (vague | vaguest, vaguest)
        told = ([pair for pair in known if pair[0].number not in out] for out in left_out)
        known = next(filter(None, told), known)
        explained = any(each.explained for each, _ in known)
        for each, meaning in known:
            strength = Strength.OWN if each.named else Strength.SHARED
            open_ = explained and not each.explained
            yield from self._found((meaning, strength), each.code, each.at, open_=open_)

    def _of_replies(self) -> list[FoundCause]:
        causes: list[FoundCause] = []
        for each in self._with_words():
            if said := meaning_of_reply(each.status, each.words, each.code):
                blocked = said[0].cause == Cause.SMTP_LOGIN_BLOCKED and each.code == _NOT_TOLD_APART
                open_ = blocked and "criteria" not in each.words
                causes += self._found(said, each.shown, each.at, open_=open_)
        causes += self._of_words(causes)
        named = _named("connect_address").search(self._text)  # perhaps next to other recipients
        return [
            replace(each, cause=_AT_CONNECT.get(each.cause, each.cause))
            if named and not _named("other_recipient").search(_before(self._text, each.at, _SHORT))
            else each
            for each in causes
        ]

    def _with_words(self) -> list[Token]:
        """Return the replies without a code that is only repeated: ``#5.7.520 smtp;550 5.7.520 ...``.

        A report names the code once more in its heading. If the same code has known words
        elsewhere, the heading says nothing.
        """
        worded = [each for each in self._replies if _in_reply(f"{each.shown} {each.words}")]
        codes = {each.code for each in worded} - {""}
        return [
            each
            for each, after in zip_longest(self._replies, self._replies[1:])
            if (each.code not in codes or each in worded)
            and not (after and each.code == after.code and len(each.words) <= _REPEATED)
        ]

    def _of_words(self, causes: list[FoundCause]) -> Iterator[FoundCause]:
        """Yield the causes of words without a code, as in a log or in a person's account.

        If a reply has named a cause, only unmistakable words name another one, and no headers do.
        """
        known = {BY_A_RULE, *(each.cause for each in causes)}
        headers = _named("headers").search(self._text, causes[0].at) if causes else None
        for each in patterns().words["reply"]:
            own, cause = each.strength in BY_THEMSELVES, each.meaning.cause
            alone = own or cause not in patterns().groups["common"]
            if (own and cause not in known) if causes else alone:
                yield from self._said(each, headers.start() if headers else LONGEST)

    def _of_pages(self) -> list[FoundCause]:
        """Return the causes that sentences without a number name, as sign-in pages show them.

        A sentence within another one, which is more specific, is left out.
        """
        if _named("other_resource").search(self._text):
            return []
        causes: list[FoundCause] = []
        for found in (each for words in patterns().words["page"] for each in self._said(words)):
            end = found.at + len(found.code)
            if not any(found.at < each.at + len(each.code) and each.at < end for each in causes):
                causes.append(found)
        return causes if any(each.certain for each in causes) else causes[:2]

    def _of_oauth(self) -> Iterator[FoundCause]:
        """Yield the causes that OAuth's own words name; Google and others use the same words."""
        text = _named("refused_client").sub("invalid_client", self._text)
        for each in _named("oauth_word").finditer(text):
            plain = each[0] in patterns().groups["plain_oauth"]
            said = patterns().codes["oauth"][each[0]], Strength.SHARED if plain else Strength.LOOSE
            yield from self._found(said, each[0], each.start())

    def _of_connect(self) -> list[FoundCause]:
        codes = patterns().codes["connect"]
        places = ((each.start(), each[0]) for each in _named("connect_code").finditer(self._text))
        found = [(at, code) for at, code in places if code in codes and self._counts(at)]
        if self._signs.connect:
            told = _named("connect_described").finditer(self._text)
            found += [(m.start(), "7553" if "auth" in m[0].lower() else "7554") for m in told]
        said = ((codes[code], code, at) for at, code in found)
        return [FoundCause(m.cause, code, Certainty.CERTAIN, at, m.kind) for m, code, at in said]

    def _counts(self, at: int) -> bool:
        """Return whether the number at this place is a code of Webex Connect.

        If Webex Connect is known to speak, every such number counts. In another text, the number
        needs a word such as "code" before it as well as Webex Connect, or Webex Connect's own
        description next to it.
        """
        around = self._text[max(at - 60, 0) : at + 100]
        by_place = self._signs.place in {Place.FORM, Place.CONNECT} and self._signs.connect
        if by_place or _named("connect_described").search(around):
            return True
        called = _named("before_code").search(_before(self._text, at, 24))
        told = called or _named("connect_words").search(around)
        return bool(told and self._signs.connect) and self._signs.who(at) is not Who.STRANGER

    def _codes(self, connected: list[FoundCause]) -> tuple[str, ...]:
        codes = [(each.at, each.shown) for each in (*self._numbers, *self._replies)]
        codes += [(each.at, each.code) for each in connected]
        return tuple(dict.fromkeys(code for _, code in sorted(codes)))

    def _unknown(self, known: bool) -> tuple[UnknownCode, ...]:  # noqa: FBT001  private
        """Return the numbers that nobody described, and the replies if no cause is known."""
        found = [
            UnknownCode(each.code, self._line(each.code), f"{ENTRA_CODE_PAGE}{each.number}")
            for each in self._numbers
            if meaning_of_number(each.number, each.words) is None
        ]
        found += [
            UnknownCode(each.shown, self._line(each.code or each.status), NDR_PAGE)
            for each in self._replies
            if not known and each.status and self._signs.who(each.at) is Who.OURS
        ]
        return tuple({each.code: each for each in found}.values())

    def _line(self, code: str) -> str:
        return next((line for line in self._cleaned.lines if code.lower() in line.lower()), "")


def _ranked(causes: Iterable[FoundCause], text: str) -> tuple[FoundCause, ...]:
    """Return each cause once, certain ones first, and then the other causes that are possible.

    A cause that is only the consequence of another cause in the text is left out. A refused
    password takes the place of a token if the text shows one.
    """
    refused = _shows("password", text) and not _shows("token", text)
    instead = {str(_UNTOLD): Cause.SMTP_PASSWORD_LOGIN} if refused else {}
    once = _once(replace(each, cause=instead.get(each.cause, each.cause)) for each in causes)
    certain = {each.cause for each in once if each.certain}
    kept = [each for each in once if not _follows(each.cause, certain)]
    rivals = [
        replace(each, cause=rival, certainty=Certainty.POSSIBLE if each.certain else each.certainty)
        for each in kept
        for rival in _rivals(each, text)
    ]
    return tuple(_once([*kept, *rivals]))


def _once(causes: Iterable[FoundCause]) -> list[FoundCause]:
    order = list(Certainty)
    kept: dict[str, FoundCause] = {}
    for each in sorted(causes, key=lambda each: (order.index(each.certainty), each.at)):
        kept.setdefault(each.cause, each)
    return list(kept.values())


def _shows(name: str, text: str) -> bool:
    """Return whether the login was made so. A server's list of the ways says nothing about it."""
    return _named(name).search(_named("offered").sub(" ", text)) is not None


def _follows(cause: str, certain: set[str]) -> bool:
    symptoms = patterns().groups["symptoms"]
    if cause in symptoms:
        return bool(certain - symptoms)
    return bool(patterns().follows.get(cause, frozenset()) & certain)


def _rivals(each: FoundCause, text: str) -> tuple[str, ...]:
    rivals = patterns().beside.get(each.cause, ())
    if each.cause == Cause.SMTP_TOKEN_REFUSED:
        if _named("shared_mailbox").search(text):
            return (Cause.FORM_USERNAME_SHARED, *rivals[1:])
        return rivals if _shows("token", text) else (*rivals, *_BARE)
    if each.cause == Cause.SMTP_PASSWORD_LOGIN and "5.7.3" not in each.code.split():
        return ()
    if each.cause == Cause.SMTP_LOGIN_BLOCKED and each.certainty is Certainty.POSSIBLE:
        return (Cause.SMTP_AUTH_OFF_FOR_TENANT, *rivals, Cause.SMTP_PASSWORD_LOGIN)
    return rivals
