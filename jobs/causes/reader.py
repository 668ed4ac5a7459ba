"""Reader of an error text: from any text, read anywhere, to the causes that it names.

The reader cleans the text, finds its codes and known words, and names the causes that these leave
open. Words come before numbers. Where the text was read, and the signs in it, say only how certain
a cause is.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import pairwise, zip_longest

from jobs.causes.cause import ENTRA_CODE_PAGE, Cause
from jobs.causes.cleaning import AS_DIGITS, CleanText, clean
from jobs.causes.meaning import Certainty, ErrorKind, FoundCause, Meaning, Reading, UnknownCode
from jobs.causes.patterns import Patterns, Strength, Words, patterns
from jobs.causes.patterns import meaning_of as _meaning
from jobs.causes.speaker import Place, Signs, Who, signs_in

_AADSTS = re.compile(r"AADST[S5][\s:#_-]{0,3}0*([1-9][0-9OoIl]{3,7})(?![a-z])", re.IGNORECASE)
_STATUS = r"(?<![\w.:/-])(?P<status>[45]\d\d)"
_CODE = r"#?(?P<code>[45]\.\d{1,3}\.\d{1,3})(?![\w]|\.\d)"
_AFTER_A_STATUS = (
    r"(?:\\d\\.\\d\\.x|SMTP|auth|client|must|service|server|temporar|too many|error|sorry|requested|"
    r"mailbox|relay|the |not |access|message)"
)
_REPLIES = tuple(
    re.compile(pattern, re.IGNORECASE)
    for pattern in (
        rf"{_STATUS}[\"']?(?:\W{{1,3}}|\W{{0,3}}b?['\"(])(?:smtp;\s?)?{_CODE}",
        rf"(?<![\w.])(?<!v)(?P<status>){_CODE}(?!-\d)",
        rf"{_STATUS}(?P<code>)(?=$|[ -]+{_AFTER_A_STATUS})",
    )
)
_VERSION = re.compile(
    r"(?:version|release|mysql|mariadb|php|wordpress|laravel|kernel|linux|server|thunderbird|"
    r"nodemailer|phpmailer|mailkit|roundcube|postfix|node|python|java|django|\bv|\bversion:|firmware|(?:up|down)grad\w+|updat\w+|\d\.\d+(?= (?:to|auf) ))"
    r"(?: (?:from|to|von|auf))?[\s:=@/v-]{0,3}$",
    re.IGNORECASE,
)
_STATUS_MOST, _REPLIES_MOST = 12, 500
_SENTENCE_MOST = 420
"""Maximum number of characters after an error number that belong to its sentence."""
_BEGINNING = 20
"""Number of characters after an error number within which its sentence begins."""
_END = re.compile(
    r"\b(?:Trace ID|Correlation ID|Timestamp|Request ID|trace_id|correlation_id)\b", re.IGNORECASE
)


@dataclass(frozen=True, slots=True)
class EntraToken:
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


@dataclass(frozen=True, slots=True)
class SmtpToken:
    """SMTP reply in a text; its status is empty if only the enhanced code is there."""

    status: str
    code: str
    at: int
    words: str

    @property
    def shown(self) -> str:
        return " ".join(filter(None, (self.status, self.code)))


def entra_tokens(text: str) -> list[EntraToken]:
    """Return the AADSTS numbers of a text, also those that only an error code field names."""
    found = [
        (each.start(), each.end(), int(each[1].translate(AS_DIGITS)), True)
        for each in _AADSTS.finditer(text)
    ]
    named = {number for _, _, number, _ in found}
    found += [
        (each.start(), each.end(), int(each[1]), False)
        for each in patterns().named["entra_field"].finditer(text)
        if int(each[1]) in patterns().numbers.keys() - named
    ]
    places = sorted(found)
    return [
        EntraToken(number, at, _END.split(text[end : min(after, end + _SENTENCE_MOST)])[0], known)
        for (at, end, number, known), (after, *_) in pairwise([*places, (len(text), 0, 0, False)])
    ]


def smtp_tokens(text: str) -> list[SmtpToken]:
    """Return the SMTP replies of a text, in order, each with the words up to the next."""
    found: dict[int, tuple[int, str, str]] = {}
    for pattern in _REPLIES:
        for each in pattern.finditer(text):
            at = each.start("code") if each["code"] else each.start()
            known = any(at + more in found for more in range(_STATUS_MOST))
            if not known and not _is_version(text, each):
                found[at] = (each.end(), each["status"], each["code"])
    ordered = sorted(found.items())[:_REPLIES_MOST]
    tokens = [
        SmtpToken(status, code, at, text[end : min(after, end + _SENTENCE_MOST)])
        for (at, (end, status, code)), (after, _) in pairwise([*ordered, (len(text), (0, "", ""))])
    ]
    return _own(tokens, text)


def _is_version(text: str, each: re.Match[str]) -> bool:
    """Return whether the number is a version of a program and not a code."""
    before = text[max(each.start() - 20, 0) : each.start()]
    return not each["status"] and _VERSION.search(before) is not None


def _own(tokens: list[SmtpToken], text: str) -> list[SmtpToken]:
    """Return the replies without those of another server that Exchange only quotes.

    An example is ``450 4.4.317 Cannot connect to remote server [Message=451 4.4.0 ...]``.
    """
    named = patterns().named
    return tokens[:1] + [
        each
        for before, each in pairwise(tokens)
        if not named["other_server"].match(before.code)
        or not named["quoted_reply"].search(text[max(each.at - _BEGINNING, 0) : each.at])
    ]


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
_TEMPORARY = frozenset({"421", "432", "451", "452", "454"})
_BY_STATUS = {"530": Cause.SMTP_NOT_AUTHENTICATED, "535": _UNTOLD}
"""Causes of a status whose code says nothing more."""
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
_CONNECT_CODE = re.compile(r"(?<![\w.:/-])7\d{3}(?!\w|[.:]\d|-\d)")
_NAMED = re.compile(
    r"(?:code|status|error|reason|fail|fehler)\w*[\"']?[\s:=#(\[\"',;|-]{0,5}$", re.IGNORECASE
)
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
    known = patterns().numbers.get(number)
    other = patterns().named["other_resource"].search(sentence)
    if number in _OF_OTHER_PROTOCOLS or other:
        return None
    said = [each.meaning for each in _pages(sentence)]
    if known is None:
        return next((each.meaning for each in _pages(sentence[:_OWN_MOST])), None)
    narrower = patterns().narrower.get(known.cause, frozenset())
    if special := next((each for each in said if each.cause in narrower), None):
        return special
    if known.cause in {each.cause for each in said} or not sentence.startswith(":"):
        return known
    return next((each.meaning for each in _pages(sentence[:_OWN_MOST])), known)


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
    by_words = next((each for each in patterns().words["reply"] if each.pattern.search(said)), None)
    if _NOT_TOLD_APART in said and (by_words is None or by_words.meaning.cause == _UNTOLD):
        return _meaning(Cause.SMTP_LOGIN_BLOCKED), Strength.OWN
    permanent = (status or code).startswith("5")
    for found in (
        by_words and (by_words.meaning, by_words.strength),
        _by_number(status, code, words),
    ):
        if found and not (permanent and found[0].kind is ErrorKind.TRANSIENT):
            return found
    return None


def _by_number(status: str, code: str, words: str) -> Said | None:
    if code == "5.7.3" and status.startswith("5"):
        return (_meaning(_UNTOLD), Strength.USUAL) if status == "535" else None
    return _by_code(status, code, words) or _by_status(status, code)


def _by_code(status: str, code: str, words: str) -> Said | None:
    codes, named = patterns().codes, patterns().named
    permanent = not status.startswith("4")
    if permanent or code.startswith("4"):
        if code in codes["smtp"]:
            of_mail = bool(status) or named["of_mail"].search(words[:_SHORT])
            meaning = codes["smtp"][code]._replace(kind=ErrorKind.REJECTED)
            return meaning, Strength.OWN if of_mail else Strength.SHARED
        if code in codes["smtp_shared"]:
            return codes["smtp_shared"][code], Strength.SHARED
    if status and named["other_server"].match(code):
        return _meaning(Cause.MAIL_NOT_DELIVERED), Strength.OWN
    expired = permanent and named["expired"].search(code)
    return (_meaning(Cause.MAIL_NOT_DELIVERED), Strength.SHARED) if expired else None


def _by_status(status: str, code: str) -> Said | None:
    if status == "530" or (status in _BY_STATUS and code in {"", "5.7.0"}):
        return _meaning(_BY_STATUS[status]), Strength.SHARED
    if status in _TEMPORARY and code[:3] in _PASSING:
        return _meaning(Cause.SMTP_BUSY), Strength.SHARED
    return None


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
        connected = list(self._of_connect())
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
            if alone or self._known.named[words.near].search(around):
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
            certain = each.named or self._signs.certainty(strength, each.at)
            if certain:
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
        if not self._known.named["connect_address"].search(self._text):
            return causes
        return [replace(each, cause=_AT_CONNECT.get(each.cause, each.cause)) for each in causes]

    def _with_words(self) -> list[SmtpToken]:
        """Return the replies without a code that is only repeated: ``#5.7.520 smtp;550 5.7.520 ...``.

        A report names the code once more in its heading. If the same code has known words
        elsewhere, the heading says nothing.
        """
        worded = {each.code for each in self._replies if each.code and self._has_words(each)}
        return [
            each
            for each, after in zip_longest(self._replies, self._replies[1:])
            if (each.code not in worded or self._has_words(each))
            and not (after and each.code == after.code and len(each.words) <= _REPEATED)
        ]

    def _has_words(self, token: SmtpToken) -> bool:
        said = f"{token.shown} {token.words}"
        return any(each.pattern.search(said) for each in self._known.words["reply"])

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
        if self._known.named["other_resource"].search(self._text):
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
        named, oauth = self._known.named, self._known.oauth
        text = named["refused_client"].sub("invalid_client", self._text)
        for each in named["oauth_word"].finditer(text):
            strength = Strength.SHARED if each[0] in _CERTAIN_OAUTH else Strength.LOOSE
            yield from self._found(oauth[each[0]], strength, each[0], each.start())

    def _of_connect(self) -> Iterator[FoundCause]:
        """Yield the causes of Webex Connect's codes, and of its own descriptions without a code."""
        codes, by_words = self._known.codes["connect"], self._known.named["connect_described"]
        for each in _CONNECT_CODE.finditer(self._text):
            if each[0] in codes and self._counts(each.start()):
                meaning = codes[each[0]]
                yield FoundCause(
                    meaning.cause, each[0], Certainty.CERTAIN, each.start(), meaning.kind
                )
        if self._signs.connect:
            for each in by_words.finditer(self._text):
                code = "7553" if "auth" in each[0].lower() else "7554"
                yield FoundCause(codes[code].cause, code, Certainty.CERTAIN, each.start())

    def _counts(self, at: int) -> bool:
        """Return whether the number at this place is a code of Webex Connect.

        If Webex Connect is known to speak, every such number counts. In another text, the number
        needs a word such as "code" before it as well as Webex Connect, or Webex Connect's own
        description next to it.
        """
        named, around = self._known.named, self._text[max(at - 60, 0) : at + 100]
        by_place = self._signs.place in {Place.FORM, Place.CONNECT}
        if (by_place and self._signs.connect) or named["connect_described"].search(around):
            return True
        told = _NAMED.search(self._text[max(at - 24, 0) : at]) or named["connect_words"].search(
            around
        )
        return bool(told and self._signs.connect) and self._signs.who(at) is not Who.STRANGER

    def _codes(self, connected: list[FoundCause]) -> tuple[str, ...]:
        codes = [
            *((each.at, each.code) for each in self._numbers),
            *((each.at, each.shown) for each in self._replies),
            *((each.at, each.code) for each in connected),
        ]
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
    beside = [
        replace(each, cause=rival, certainty=max(each.certainty, Certainty.POSSIBLE, key=_rank))
        for each in kept
        for rival in _rivals(each, text)
    ]
    return tuple(_once([*kept, *beside]))


def _rank(certainty: Certainty) -> int:
    return list(Certainty).index(certainty)


def _once(causes: Iterable[FoundCause]) -> list[FoundCause]:
    kept: dict[str, FoundCause] = {}
    for each in sorted(causes, key=lambda each: (_rank(each.certainty), each.at)):
        kept.setdefault(each.cause, each)
    return list(kept.values())


def _by_login(causes: Iterable[FoundCause], text: str) -> Iterator[FoundCause]:
    """Yield the causes; a refused password takes the place of a token if the text shows one."""
    said = patterns().named["offered"].sub(" ", text)
    named = patterns().named
    password = named["password"].search(said) and not named["token"].search(said)
    for each in causes:
        refused = password and each.cause == Cause.SMTP_TOKEN_REFUSED
        yield replace(each, cause=Cause.SMTP_PASSWORD_LOGIN) if refused else each


def _follows(cause: str, certain: set[str]) -> bool:
    """Return whether the cause is only the consequence of another one in the text."""
    others = certain - {cause}
    if cause in _SYMPTOMS:
        return bool(others - _SYMPTOMS)
    return bool(patterns().follows.get(cause, frozenset()) & others)


def _rivals(each: FoundCause, text: str) -> tuple[str, ...]:
    """Return the other causes that may be behind an error with this cause."""
    rivals = patterns().beside.get(each.cause, ())
    named = patterns().named
    if each.cause == Cause.SMTP_TOKEN_REFUSED:
        if named["shared_mailbox"].search(text):
            return (Cause.FORM_USERNAME_SHARED, *rivals[1:])
        token = named["token"].search(named["offered"].sub(" ", text))
        return rivals if token else (*rivals, *_BARE)
    if each.cause == Cause.SMTP_PASSWORD_LOGIN and "5.7.3" not in each.code.split():
        return ()
    if each.cause == Cause.SMTP_LOGIN_BLOCKED and each.certainty is Certainty.POSSIBLE:
        return (Cause.SMTP_AUTH_OFF_FOR_TENANT, *rivals, Cause.SMTP_PASSWORD_LOGIN)
    return rivals
