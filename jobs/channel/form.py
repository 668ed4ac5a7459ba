"""Strict reading of the channel values that a person types.

Characters that look like others and labels that mix scripts are refused by the rules of UTS 39.
Python knows no character's script, so it is taken from the first word of the character's name,
which is the script's for every letter that a host's name may have.

Sign-ins of the email app go to the Call Back URL, so nothing in it may be read in two ways. Entra
compares it byte by byte (platforms/connect.md 1.4), so the bot never changes it.
"""

import re
import unicodedata
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import replace
from urllib.parse import SplitResult, unquote, urlsplit

import email_validator
import idna

from jobs.model import Channel, Profile, Text
from jobs.settings import is_loopback, parts_of

_STOPS = str.maketrans("\u3002\uff61\uff0e", "...")
"""Full stops of East Asia, which browsers read as dots (UTS 46, section 2.3)."""
_TOGETHER = (
    frozenset({"LATIN", "CJK", "HIRAGANA", "KATAKANA"}),
    frozenset({"LATIN", "CJK", "BOPOMOFO"}),
    frozenset({"LATIN", "CJK", "HANGUL"}),
)
"""Scripts that one label may mix ("highly restrictive" identifiers, UTS 39, section 5.2)."""
_NAMED = {"IDEOGRAPHIC": "CJK", "KATAKANA-HIRAGANA": "KATAKANA"}
"""First words of the names of letters that are not their script's name, with the script."""


def plain(text: str) -> str:
    """Return the text with what full-width letters, ligatures and the like represent (NFKC)."""
    return unicodedata.normalize("NFKC", text.translate(_STOPS))


def stand_ins(text: str) -> str:
    """Return the characters of the text that represent others, each once, without spaces."""
    whole = unicodedata.normalize("NFC", text)
    others = (sign for sign in whole if not sign.isspace() and plain(sign) != sign)
    return "".join(dict.fromkeys(others))


def mixed_label(text: str) -> str:
    """Return the first label whose letters mix scripts, or ""; Punycode counts as displayed."""
    for label in map(_displayed, re.split(r"[.@]", text)):
        scripts = frozenset(filter(None, map(_script, label)))
        if len(scripts) > 1 and not any(scripts <= allowed for allowed in _TOGETHER):
            return label
    return ""


def strange_letters(label: str) -> str:
    """Return the letters outside the label's most frequent script, with their Unicode numbers."""
    scripts = [_script(sign) for sign in label if unicodedata.category(sign).startswith("L")]
    usual = max(scripts, key=scripts.count, default="")
    return listed_signs(sign for sign in label if _script(sign) not in {usual, ""})


def listed_signs(signs: Iterable[str]) -> str:
    """Return each of the characters once, with its script or name and its number in Unicode."""
    named = ((s, (_script(s) or unicodedata.name(s, "?")).title()) for s in dict.fromkeys(signs))
    return ", ".join(f"{sign} ({name} U+{ord(sign):04X})" for sign, name in named)


def as_ascii(host: str) -> str:
    """Return the host with labels in Punycode (``xn--``), or as it is if that cannot be."""
    if host.isascii():
        return host
    try:
        return idna.encode(host, uts46=True).decode()
    except idna.IDNAError:
        return host


def as_displayed(host: str) -> str:
    return ".".join(map(_displayed, host.split(".")))


def _displayed(label: str) -> str:
    if not label.lower().startswith("xn--"):
        return label
    try:
        return idna.decode(label)
    except idna.IDNAError:
        return label


def _script(sign: str) -> str:
    if not unicodedata.category(sign).startswith("L"):
        return ""
    word = unicodedata.name(sign, "?").partition(" ")[0]
    return _NAMED.get(word, word)


LONGEST_URL = 200
_LABEL = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?")
_NUMBER = re.compile(r"\d+|0x[0-9a-f]*")
"""Last label of a host that browsers read as an IPv4 address (WHATWG URL, "ends in a number")."""
_PATH = re.compile(r"(?:[A-Za-z0-9._~!$&'()*+,;=:@/-]|%[0-9A-Fa-f]{2})*")
"""Characters that the path of a URL may contain (RFC 3986, section 3.3)."""


def _faults(url: str) -> Iterator[Text]:
    if not url:
        yield Text("typed.callback_missing")
    if len(url) > LONGEST_URL:
        yield Text("typed.callback_long", {"most": str(LONGEST_URL)})
    if any(unicodedata.category(sign)[0] in "CZ" for sign in url):
        yield Text("typed.callback_spaces" if "://" in url else "typed.callback_no_url")
    if signs := stand_ins(url):
        yield Text("typed.callback_lookalike", {"signs": listed_signs(signs), "meant": plain(url)})
    try:
        parts = urlsplit(url)
    except ValueError:
        yield Text("typed.callback_ip" if "[" in url else "typed.callback_no_url")
    else:
        yield from _faults_of_host(parts)
        yield from _faults_after_host(parts, url)


def _faults_of_host(parts: SplitResult) -> Iterator[Text]:
    host = parts.hostname or ""
    schemes = {"https", "http"} if is_loopback(host) else {"https"}  # as Entra takes them
    if parts.scheme not in schemes:
        yield Text("typed.callback_https")
    if "@" in parts.netloc:
        yield Text("typed.callback_user")
    elif not host:
        yield Text("typed.callback_no_url")
    if "[" in parts.netloc or _NUMBER.fullmatch(host.rpartition(".")[2]):
        yield Text("typed.callback_ip")
    if mixed := mixed_label(host):
        yield Text("typed.callback_mixed", {"label": mixed, "letters": strange_letters(mixed)})
    labels = as_ascii(host).split(".")
    if not all(map(_LABEL.fullmatch, labels)) or (len(labels) == 1 and not is_loopback(host)):
        yield Text("typed.callback_host", {"host": host})


def _faults_after_host(parts: SplitResult, url: str) -> Iterator[Text]:
    if not parts_of(url).netloc or parts.netloc.endswith(":"):
        yield Text("typed.callback_port")
    if "?" in url:
        yield Text("typed.callback_query")
    if "#" in url:
        yield Text("typed.callback_fragment")
    if rest := _PATH.sub("", parts.path, count=1):
        yield Text("typed.callback_signs", {"sign": rest[0]})
    if {".", ".."} & set(re.split(r"[/\\]", unquote(parts.path))):
        yield Text("typed.callback_dots")
    if not parts.path.endswith("/callback"):
        yield Text("typed.callback_path")


LIFETIMES = ("6", "12", "24")
KEEP_COPY = {"yes": True, "no": False, "true": True, "false": False}
"""Answers for keeping a copy, as the card sends them and as a client's toggle would send them."""
_DEFAULTS = {"lifetime": "12", "profile": "article", "keep_copy": "yes", "check_login": ""}
_CHOICES: Mapping[str, Collection[str]] = {
    "lifetime": LIFETIMES,
    "profile": set(Profile),
    "keep_copy": KEEP_COPY,
    "check_login": ("", "no", "yes"),  # empty for a channel that is set up again
}
"""Allowed values of each choice field."""
LONGEST = 254
for _name in ("invalid", "local", "localhost", "test"):
    # the package's documented way to allow the names of closed networks
    email_validator.SPECIAL_USE_DOMAIN_NAMES.remove(_name)
_NAME = re.compile(r"^[^@<>]+<(?=[^<>]+>$)")
"""Name before an address in angle brackets, as mail programs copy it."""
_SLIPS = ((",", "."), ("(at)", "@"), ("[at]", "@"), (";", "."), ("..", "."))


class InvalidInputError(ValueError):
    """Error with the reason, and ``suggestion``, the nearest valid value or empty."""

    def __init__(self, reason: Text, suggestion: str = "") -> None:
        super().__init__(reason.key)
        self.reason, self.suggestion = reason, suggestion
        self.fault = reason.key.removeprefix("typed.")


def read_address(text: str) -> str:
    """Return the one email address in the text, in lower case and in a single spelling.

    The domain is in ASCII, so no other spelling of the address can become another channel.

    Raises:
        InvalidInputError: there is none or more than one, or it has strange characters.
    """
    typed = _NAME.sub("", text.strip().rstrip(",;")).removeprefix("mailto:").strip("<>").strip()
    if not typed:
        raise InvalidInputError(Text("typed.no_address"))
    if len(typed) > LONGEST:
        raise InvalidInputError(Text("typed.too_long"))
    if signs := stand_ins(typed):
        lookalike = Text("typed.lookalike", {"signs": listed_signs(signs)})
        raise InvalidInputError(lookalike, _meant(plain(typed)))
    address = _valid(typed)
    if not address:
        raise InvalidInputError(_why(typed), _meant(typed))
    if mixed := mixed_label(address):
        letters = {"label": mixed, "letters": strange_letters(mixed)}
        raise InvalidInputError(Text("typed.mixed_scripts", letters))
    return address


def read_details(
    channel: Channel, values: Mapping[str, str]
) -> tuple[Channel | None, dict[str, Text]]:
    """Return the channel of the first card's inputs, or None and the reason for each wrong field."""
    errors: dict[str, Text] = {}

    def read(field: str, reader: Callable[[str], str] = read_address) -> str:
        try:
            return reader(values.get(field, ""))
        except InvalidInputError as wrong:
            errors[field] = wrong.reason
            return ""

    mailbox = channel.mailbox or read("mailbox")
    callback, forwarding = read("callback_url", read_callback), read("forwarding_address")
    if mailbox and forwarding == mailbox:
        errors["forwarding_address"] = Text("typed.forwarding_is_mailbox")
    chosen = {**_DEFAULTS, **values}
    wrong = (field for field, choices in _CHOICES.items() if chosen[field] not in choices)
    errors |= {field: Text(f"typed.{field}") for field in wrong}
    delegate = read("delegate") if values.get("delegate", "").strip() else ""
    if errors:
        return None, errors
    asked = replace(
        channel,
        mailbox=mailbox,
        callback_url=callback,
        forwarding_address=forwarding,
        delegate=delegate,
        keep_copy=KEEP_COPY[chosen["keep_copy"]],
        lifetime_months=int(chosen["lifetime"]),
        profile=Profile(chosen["profile"]),
    )
    return asked, {}


def read_callback(text: str) -> str:
    """Return the Call Back URL as typed, or raise InvalidInputError."""
    typed = text.strip()
    for fault in _faults(typed):
        raise InvalidInputError(fault)
    return typed


def _valid(typed: str) -> str:
    try:
        found = email_validator.validate_email(typed, check_deliverability=False)
    except email_validator.EmailNotValidError:
        return ""
    local = unicodedata.normalize("NFC", found.local_part.lower())
    return f"{local}@{found.ascii_domain.lower()}"


def _why(typed: str) -> Text:
    if typed.count("@") > 1:
        return Text("typed.two_addresses")
    if "@" not in typed:
        return Text("typed.no_at")
    commas = {",", ";"} & set(typed.rpartition("@")[2])
    return Text("typed.comma_in_domain" if commas else "typed.malformed")


def _meant(typed: str) -> str:
    """Return the only address in the text as typed, corrected, or without blanks; else ''."""
    right = typed
    for slip, better in _SLIPS:
        right = right.replace(slip, better)
    for text in (typed, right, re.sub(r"\s*([@.])\s*", r"\1", right)):
        words = (word.strip("<>,;").rstrip(".") for word in text.split())
        valid = list(dict.fromkeys(filter(None, map(_readable, words))))
        if len(valid) == 1:
            return valid[0]
    return ""


def _readable(word: str) -> str:
    address = "" if stand_ins(word) else _valid(word)
    return "" if mixed_label(address) else address
