"""Reader of an error text: from any text, read anywhere, to the causes that it names.

The reader cleans the text, finds its codes and known words, and names the causes that these leave
open. Words come before numbers. Where the text was read, and the signs in it, say only how certain
a cause is.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from itertools import pairwise, zip_longest
from typing import NamedTuple

from jobs.causes.cause import ENTRA_CODE_PAGE, Cause
from jobs.causes.cleaning import AS_DIGITS, CleanText, clean
from jobs.causes.meaning import Certainty, ErrorKind, FoundCause, Meaning, Reading, UnknownCode
from jobs.causes.patterns import Patterns, Strength, Words, patterns
from jobs.causes.patterns import meaning_of as _meaning
from jobs.causes.speaker import Place, Signs, Who, signs_in

_REPLIES = ("reply", "reply_code", "reply_status")
_STATUS_MOST, _REPLIES_MOST = 12, 500
_SENTENCE_MOST = 420
"""Maximum number of characters after an error number that belong to its sentence."""
_BEGINNING = 20
"""Number of characters after an error number within which its sentence begins."""


class EntraToken(NamedTuple):
    """AADSTS number with its sentence, which ends at the next number or at the ids for support.

    Without ``named`` a field such as errorCode is written before the number.
    """

    number: int
    at: int
    sentence: str
    named: bool

    @property
    def code(self) -> str:
        return f"AADSTS{self.number}"

    @property
    def explained(self) -> bool:
        """Return whether words follow the number. After a closing quote they are other words."""
        closed = self.sentence[:1] in {'"', "'"} and self.sentence[1:2] != ":"
        return not closed and any(sign.isalpha() for sign in self.sentence[:_BEGINNING])


class SmtpToken(NamedTuple):
    """SMTP reply in a text; its status is empty if only the enhanced code is there."""

    status: str
    code: str
    at: int
    words: str

    @property
    def shown(self) -> str:
        return f"{self.status} {self.code}".strip()


def entra_tokens(text: str) -> list[EntraToken]:
    """Return the AADSTS numbers of a text, also those that only an error code field names."""
    found = sorted(
        (each.start(), each.end(), int(each[1].translate(AS_DIGITS)), pattern == "aadsts")
        for pattern in ("aadsts", "entra_field")
        for each in _named(pattern).finditer(text)
    )
    fields = patterns().numbers.keys() - {number for *_, number, named in found if named}
    places = [each for each in found if each[3] or each[2] in fields]
    return [
        EntraToken(
            number, at, _named("ids").split(text[end : min(after, end + _SENTENCE_MOST)])[0], named
        )
        for (at, end, number, named), (after, *_) in pairwise([*places, (len(text), 0, 0, False)])
    ]


def smtp_tokens(text: str) -> list[SmtpToken]:
    """Return the SMTP replies of a text, in order, each with the words up to the next.

    A reply of another server that Exchange only quotes is left out, as in ``450 4.4.317 Cannot
    connect to remote server [Message=451 4.4.0 ...]``.
    """
    found: dict[int, tuple[int, str, str]] = {}
    for each in (each for name in _REPLIES for each in _named(name).finditer(text)):
        at = each.start("code") if each["code"] else each.start()
        version = not each["status"] and _named("version").search(_before(text, each.start(), 30))
        if not version and not any(at + more in found for more in range(_STATUS_MOST)):
            found[at] = (each.end(), each["status"], each["code"])
    ordered = sorted(found.items())[:_REPLIES_MOST]
    tokens = [
        SmtpToken(status, code, at, text[end : min(after, end + _SENTENCE_MOST)])
        for (at, (end, status, code)), (after, _) in pairwise([*ordered, (len(text), (0, "", ""))])
    ]
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
_ONLY_WITH_A_CODE = frozenset({Cause.SMTP_BUSY, _UNTOLD})
"""Causes whose words are too common to count without a code, such as "try again later"."""
_CERTAIN_OAUTH = frozenset(
    {"consent_required", "invalid_scope", "server_error", "temporarily_unavailable"}
)
_AT_CONNECT: Mapping[str, str] = {
    Cause.MAILBOX_NOT_FOUND: Cause.CONNECT_ADDRESS_GONE,
    Cause.MAIL_NOT_DELIVERED: Cause.CONNECT_NOT_REACHED,
}
"""Causes about a recipient, and the cause if the recipient is an address of Webex Connect."""
_CONDITIONS_MOST = 3
_SYMPTOMS = frozenset(
    {Cause.CONNECT_LOGIN_FAILED, Cause.CONNECT_SMTP_FAILED, Cause.CONNECT_SEND_FAILED}
)
"""Causes with which Webex Connect only says that a mail did not leave."""
_BARE = (Cause.SMTP_PASSWORD_LOGIN, Cause.SMTP_AUTH_OFF_FOR_MAILBOX)
"""Further causes of a 5.7.3 if the text does not show how the login was made."""
Said = tuple[Meaning, Strength]


def read(text: str, place: Place = Place.ANYWHERE, *, cut: bool = False) -> Reading:
    """Return the meaning of a text; ``cut`` is whether a part of it is missing already."""
    cleaned = clean(text)
    return _Reader(replace(cleaned, cut=cleaned.cut or cut), place).reading()


def meaning_of_number(number: int, sentence: str = "") -> Meaning | None:
    """Return the meaning of an AADSTS number with its sentence, or None if neither is known.

    One number has several senses (650051, 50053, 65005), so the sentence decides if it says
    something else. ``sentence`` is the text after the number, with its colon. Words far behind the
    number, or behind a number without a colon, are a person's own.
    """
    if number in _OF_OTHER_PROTOCOLS or _named("other_resource").search(sentence):
        return None
    known = patterns().numbers.get(number)
    own = next((each.meaning for each in _pages(sentence[:_OWN_MOST])), known)
    if known is None:
        return own
    said = {each.meaning.cause: each.meaning for each in _pages(sentence)}
    narrower = patterns().narrower.get(known.cause, frozenset())
    if special := next((said[cause] for cause in said if cause in narrower), None):
        return special
    return known if known.cause in said or not sentence.startswith(":") else own


def most_telling(numbers: Iterable[int], description: str) -> tuple[int, Meaning] | None:
    """Return the most specific number of an answer with its meaning, or None if none is known.

    The last number with a meaning of its own comes first, because an answer begins with the general
    one: ``AADSTS70002: Error validating credentials. AADSTS50126: ...``.
    """
    general = frozenset().union(*patterns().general.values())
    known = [(each, meaning_of_number(each, _sentence_of(each, description))) for each in numbers]
    ordered = sorted(known, key=lambda pair: pair[0] not in general)
    return next(((each, meaning) for each, meaning in reversed(ordered) if meaning), None)


def _sentence_of(number: int, description: str) -> str:
    """Return the sentence of a number in a description; the whole text if it names no number."""
    _, named, rest = description.partition(f"AADSTS{number}")
    if named:
        return rest.partition("AADSTS")[0]
    return "" if "AADSTS" in description else f": {description}"


def _pages(sentence: str) -> Iterator[Words]:
    """Yield the sentences of Entra's pages that a text contains, most specific first."""
    return (each for each in patterns().words["page"] if each.pattern.search(sentence))


def meaning_of_reply(status: str, words: str, code: str = "") -> Said | None:
    """Return the meaning of one SMTP reply and its strength, or None if it says nothing known.

    Words come before numbers. A permanent reply (5xx) never passes by itself, regardless of its
    words.
    """
    said = f"{status} {code} {words}"
    by_words = _in_reply(said)
    if _NOT_TOLD_APART in said and (by_words is None or by_words[0].cause == _UNTOLD):
        return _meaning(Cause.SMTP_LOGIN_BLOCKED), Strength.OWN
    found = filter(None, (by_words, _by_number(status, code, words)))
    final = (status or code).startswith("5")
    return next(
        (each for each in found if not (final and each[0].kind is ErrorKind.TRANSIENT)), None
    )


def _in_reply(said: str) -> Said | None:
    """Return the meaning of the first known words of a reply and their strength, or None."""
    known = patterns().words["reply"]
    return next(
        ((each.meaning, each.strength) for each in known if each.pattern.search(said)), None
    )


def _by_number(status: str, code: str, words: str) -> Said | None:
    if code == "5.7.3" and status.startswith("5"):
        return (_meaning(_UNTOLD), Strength.USUAL) if status == "535" else None
    return _by_code(status, code, words) or _by_status(status, code)


def _by_code(status: str, code: str, words: str) -> Said | None:
    own, shared = patterns().codes["smtp"], patterns().codes["smtp_shared"]
    permanent = not status.startswith("4")
    if (permanent or code.startswith("4")) and code in own:
        of_mail = bool(status) or _named("of_mail").search(words[:_SHORT])
        meaning = own[code]._replace(kind=ErrorKind.REJECTED)
        return meaning, Strength.OWN if of_mail else Strength.SHARED
    if (permanent or code.startswith("4")) and code in shared:
        return shared[code], Strength.SHARED
    if status and _named("other_server").match(code):
        return _meaning(Cause.MAIL_NOT_DELIVERED), Strength.OWN
    expired = permanent and _named("expired").search(code)
    return (_meaning(Cause.MAIL_NOT_DELIVERED), Strength.SHARED) if expired else None


def _by_status(status: str, code: str) -> Said | None:
    """Return the meaning of a status whose code says nothing more."""
    general = code[:3] in _PASSING if status.startswith("4") else code in {"", "5.7.0"}
    meaning = patterns().codes["smtp_shared"].get(status)
    return (meaning, Strength.SHARED) if meaning and (general or status == "530") else None


class _Reader:
    def __init__(self, cleaned: CleanText, place: Place) -> None:
        self._cleaned, self._text = cleaned, cleaned.flat
        self._known: Patterns = patterns()
        self._signs: Signs = signs_in(self._text, place)
        self._numbers = [
            each
            for each in entra_tokens(self._text)
            if each.named or self._signs.who(each.at) is not Who.STRANGER
        ]
        self._replies = smtp_tokens(self._text)

    def reading(self) -> Reading:
        connected = self._of_connect()
        causes = [*self._causes(), *connected]
        claimed = [each for each in causes if each.certainty is not Certainty.CONDITIONAL]
        kept = _ranked(claimed or causes[:_CONDITIONS_MOST], self._text)
        strange = self._signs.strange and not claimed and not self._speaks()
        ours = bool(claimed or self._numbers) or self._speaks()
        return Reading(
            ours,
            kept,
            self._codes(connected) if ours or kept else (),
            self._unknown(bool(kept)) if ours else (),
            self._cleaned.cut,
            strange,
        )

    def _speaks(self) -> bool:
        """Return whether a service of this channel speaks in the text.

        If a stranger speaks in it as well, a code must be next to a sign of a service of this channel.
        """
        near = any(self._signs.who(each.at) is Who.OURS for each in self._replies)
        return self._signs.ours and (near or not self._signs.strange)

    def _found(
        self, meaning: Meaning, strength: Strength, code: str, at: int, *, open_: bool = False
    ) -> Iterator[FoundCause]:
        """Yield the cause with its certainty, if the words count at this place."""
        certainty = self._signs.certainty(strength, at)
        if certainty is Certainty.CERTAIN and open_:
            certainty = Certainty.POSSIBLE
        if certainty is not None:
            yield FoundCause(meaning.cause, code, certainty, at, meaning.kind)

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
        return causes or [found for each in self._known.words["open"] for found in self._said(each)]

    def _said(self, words: Words) -> list[FoundCause]:
        """Return the cause of the first of these words that count in the text, or nothing."""
        for match in words.pattern.finditer(self._text):
            around = self._text[max(match.start() - _NEAR, 0) : match.end() + _NEAR]
            alone = not words.near or not self._signs.at
            if alone or _named(words.near).search(around):
                code, at = match[0].strip(), match.start()
                if found := list(self._found(words.meaning, words.strength, code, at)):
                    return found
        return []

    def _first_of(self, group: str) -> list[FoundCause]:
        return next((said for each in self._known.words[group] if (said := self._said(each))), [])

    def _of_numbers(self) -> Iterator[FoundCause]:
        """Yield the cause of each error; a vague number counts only if no other one is known.

        Next to an error with its sentence, a number without any words is only an entry of a list.
        """
        known = [
            (each, meaning)
            for each in self._numbers
            if (meaning := meaning_of_number(each.number, each.sentence))
        ]
        vague, prompts = self._known.general["vague"], self._known.general["prompts"]
        for left_out in (vague | prompts, prompts):
            if rest := [pair for pair in known if pair[0].number not in left_out]:
                known = rest
                break
        explained = any(each.explained for each, _ in known)
        for each, meaning in known:
            strength = Strength.OWN if each.named else Strength.SHARED
            open_ = explained and not each.explained
            yield from self._found(meaning, strength, each.code, each.at, open_=open_)

    def _of_replies(self) -> list[FoundCause]:
        """Return the causes of the SMTP replies, and of known words without a code."""
        causes = [
            found
            for each in self._with_words()
            if (said := meaning_of_reply(each.status, each.words, each.code))
            for found in self._found(*said, each.shown, each.at, open_=_is_open(each, said[0]))
        ]
        causes += self._of_words(causes)
        if not _named("connect_address").search(self._text):
            return causes
        return [replace(each, cause=_AT_CONNECT.get(each.cause, each.cause)) for each in causes]

    def _with_words(self) -> list[SmtpToken]:
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

        If a reply has named a cause, only unmistakable words name another one.
        """
        known = {BY_A_RULE, *(each.cause for each in causes)}
        for each in self._known.words["reply"]:
            own, cause = each.strength.own, each.meaning.cause
            alone = own or cause not in _ONLY_WITH_A_CODE
            if (own and cause not in known) if causes else alone:
                yield from self._said(each)

    def _of_pages(self) -> list[FoundCause]:
        """Return the causes that sentences without a number name, as sign-in pages show them.

        A sentence within another one, which is more specific, is left out.
        """
        if _named("other_resource").search(self._text):
            return []
        causes: list[FoundCause] = []
        for words in self._known.words["page"]:
            for found in self._said(words):
                end = found.at + len(found.code)
                if not any(
                    found.at < each.at + len(each.code) and each.at < end for each in causes
                ):
                    causes.append(found)
        return causes if any(each.certain for each in causes) else causes[:2]

    def _of_oauth(self) -> Iterator[FoundCause]:
        """Yield the causes that OAuth's own words name; Google and others use the same words."""
        text = _named("refused_client").sub("invalid_client", self._text)
        for each in _named("oauth_word").finditer(text):
            strength = Strength.SHARED if each[0] in _CERTAIN_OAUTH else Strength.LOOSE
            yield from self._found(self._known.oauth[each[0]], strength, each[0], each.start())

    def _of_connect(self) -> list[FoundCause]:
        """Return the causes of Webex Connect's codes, and of its own descriptions without a code."""
        codes = patterns().codes["connect"]
        found = [
            (each.start(), each[0])
            for each in _named("connect_code").finditer(self._text)
            if each[0] in codes and self._counts(each.start())
        ]
        if self._signs.connect:
            found += [
                (each.start(), "7553" if "auth" in each[0].lower() else "7554")
                for each in _named("connect_described").finditer(self._text)
            ]
        return [
            FoundCause(codes[code].cause, code, Certainty.CERTAIN, at, codes[code].kind)
            for at, code in found
        ]

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
        named: list[EntraToken | FoundCause] = [*self._numbers, *connected]
        codes = [(each.at, each.code) for each in named]
        codes += [(each.at, each.shown) for each in self._replies]
        return tuple(dict.fromkeys(code for _, code in sorted(codes)))

    def _unknown(self, known: bool) -> tuple[UnknownCode, ...]:  # noqa: FBT001  private
        """Return the numbers that nobody described, and the replies if no cause is known."""
        found = [
            UnknownCode(each.code, self._line(each.code), f"{ENTRA_CODE_PAGE}{each.number}")
            for each in self._numbers
            if meaning_of_number(each.number, each.sentence) is None
        ]
        found += [
            UnknownCode(each.shown, self._line(each.code or each.status), NDR_PAGE)
            for each in self._replies
            if not known and each.status and self._signs.who(each.at) is Who.OURS
        ]
        return tuple({each.code: each for each in found}.values())

    def _line(self, code: str) -> str:
        """Return the line of the person's text that has the code, without quotes and markup."""
        lines = self._cleaned.lines
        return next((line for line in lines if code.lower() in line.lower()), "")


def _is_open(token: SmtpToken, meaning: Meaning) -> bool:
    """Return whether only the number says the meaning, and the number has several senses."""
    blocked = meaning.cause == Cause.SMTP_LOGIN_BLOCKED and token.code == _NOT_TOLD_APART
    return blocked and "criteria" not in token.words


def _ranked(causes: Iterable[FoundCause], text: str) -> tuple[FoundCause, ...]:
    """Return each cause once, certain ones first, and then the other causes that are possible.

    A cause that is only the consequence of another cause in the text is left out.
    """
    once = _once(_by_login(causes, text))
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


def _by_login(causes: Iterable[FoundCause], text: str) -> Iterator[FoundCause]:
    """Yield the causes; a refused password takes the place of a token if the text shows one."""
    password = _shows("password", text) and not _shows("token", text)
    for each in causes:
        refused = password and each.cause == Cause.SMTP_TOKEN_REFUSED
        yield replace(each, cause=Cause.SMTP_PASSWORD_LOGIN) if refused else each


def _shows(name: str, text: str) -> bool:
    """Return whether the login was made so. A server's list of the ways says nothing about it."""
    return _named(name).search(_named("offered").sub(" ", text)) is not None


def _follows(cause: str, certain: set[str]) -> bool:
    """Return whether the cause is only the consequence of another one in the text."""
    others = certain - {cause}
    if cause in _SYMPTOMS:
        return bool(others - _SYMPTOMS)
    return bool(patterns().follows.get(cause, frozenset()) & others)


def _rivals(each: FoundCause, text: str) -> tuple[str, ...]:
    """Return the other causes that may be behind an error with this cause."""
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
