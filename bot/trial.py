"""Command ``trial``: looks up, without a change, what the bot takes to be true of the real services.

The assumptions are in assumptions.toml. The report has a line for each; the file has the answers as
recordings that can be shown to everybody: shapes and codes only (:func:`shape`).
"""

from __future__ import annotations

import asyncio
import json
import re
import tomllib
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from enum import StrEnum
from functools import cache
from itertools import chain
from pathlib import Path
from typing import Any

import httpx
import jwt

from bot.settings import BotSettings
from jobs.access.app_access import app_token
from jobs.clock import now
from jobs.clouds.errors import CloudError
from jobs.clouds.http import client_of
from jobs.clouds.json_values import as_dict, parsed, with_low_keys
from jobs.contact_center.connect_audit import token_header
from jobs.mail.smtp_login import hello_probe
from jobs.microsoft.exchange import SYSTEM_MAILBOX
from jobs.microsoft.graph import instant
from jobs.microsoft.scopes import exchange_scope, graph_default
from jobs.microsoft.tokens import roles_in
from jobs.probes.dns_records import exchangers
from jobs.redact import GONE, Redactor
from jobs.settings import Settings

Json = dict[str, Any]
TABLE = Path(__file__).with_name("assumptions.toml")
SECONDS = 30.0
UNSEEN = frozenset({401, 403, 429})
"""Statuses that say nothing about an assumption, as those from 500 on."""


class Verdict(StrEnum):
    """What was seen of an assumption."""

    HOLDS = "holds"
    FAILS = "does not hold"
    UNSEEN = "could not be looked at"


@dataclass(frozen=True, slots=True)
class Assumption:
    """Row of the table, whose first lines say what each field means."""

    name: str
    section: str
    cloud: str
    expect: tuple[str, ...]
    path: str = ""
    method: str = "GET"
    body: Json | None = None
    cmdlet: str = ""
    parameters: Json = field(default_factory=dict)
    status: int = 200
    unseen: tuple[int, ...] = ()
    anonymous: bool = False

    @property
    def request(self) -> Json:
        """Return the request as the table has it, with names in place of the tenant's values."""
        path, _, query = self.path.partition("?")
        if self.cmdlet:
            body = {"CmdletInput": {"CmdletName": self.cmdlet, "Parameters": self.parameters}}
            path = "/adminapi/beta/{tenant}/InvokeCommand"
            return {"method": "POST", "path": path, "query": "", "body": body}
        return {"method": self.method, "path": path, "query": query, "body": self.body}


@cache
def assumptions() -> tuple[Assumption, ...]:
    rows = tomllib.loads(TABLE.read_text(encoding="utf-8"))["assumption"]
    return tuple(Assumption(**row) for row in rows)


class UnseenError(Exception):
    """Error because nothing can be said about an assumption; the text says why."""


@dataclass(frozen=True, slots=True)
class Seen:
    """What came of one assumption; ``document`` is empty without an answer."""

    assumption: Assumption
    verdict: Verdict
    told: str
    document: Json


@dataclass(slots=True)
class Trial:
    """Requests with the operator's own credentials, each sent once.

    ``domain`` is a mail domain of the tenant.
    """

    bot: BotSettings
    work: Settings
    domain: str
    http: httpx.Client
    _answers: dict[str, Json] = field(default_factory=dict)
    _tokens: dict[str, tuple[str, str]] = field(default_factory=dict)

    def look(self) -> Iterator[Seen]:
        """Look at every assumption, one after the other."""
        for each in assumptions():
            document: Json = {}
            try:
                document = self._answer(each)
                yield Seen(each, *judged(each, document), document)
            except UnseenError as error:
                yield Seen(each, Verdict.UNSEEN, str(error), document)

    def private(self) -> tuple[str, ...]:
        """Return what the file must not show, whatever the services answered."""
        bot, work = self.bot, self.work
        hosts = (httpx.URL(url).host for url in (bot.public_url, work.connect_audit_url))
        names = (self.domain, work.probe_from, work.contact_center_org, work.microsoft_client_id)
        held = (bot.webex_access_token, work.microsoft_client_secret, work.contact_center_token)
        tokens = (work.connect_audit_token, *(token for token, _ in self._tokens.values()))
        return (*hosts, *names, self._tenant(), *held, *tokens)

    def _answer(self, row: Assumption) -> Json:
        key = json.dumps([row.cloud, row.request, row.anonymous])
        if key not in self._answers:
            self._answers[key] = self._asked(row)
        return self._answers[key]

    def _asked(self, row: Assumption) -> Json:
        if row.cloud == "smtp":
            return _greeting(self.work.smtp_server)
        if row.cloud == "dns":
            hosts = asyncio.run(exchangers(self.domain))
            if hosts is None:
                raise UnseenError("no resolver answers")
            return {"status": 200, "body": {"mx": hosts}}
        if row.cloud == "token":
            claims = jwt.decode(self._token(row.path), options={"verify_signature": False})
            return {"status": 200, "body": claims}
        return self._sent(row)

    def _sent(self, row: Assumption) -> Json:
        base, headers = self._base(row.cloud), {} if row.anonymous else self._headers(row.cloud)
        request = self._filled(row.request)
        try:
            with self.http.stream(
                request["method"],
                base + request["path"],
                params=httpx.QueryParams(request["query"]) if request["query"] else None,
                headers=headers,
                json=request["body"],
            ) as answer:
                return {"status": answer.status_code, "body": parsed(_content(answer))}
        except httpx.HTTPError as error:
            raise UnseenError(f"no answer: {type(error).__name__}") from None

    def _base(self, cloud: str) -> str:
        base = {
            "webex": self.bot.webex_api_url,
            "status": self.work.status_url,
            "entra": self.work.login_url,
            "graph": self.work.graph_url,
            "exchange": self.work.exchange_url,
            "contact-center": self.work.contact_center_org and self.work.contact_center_url,
            "connect-audit": self.work.connect_audit_url,
        }[cloud]
        if base in {"", "off"}:
            raise UnseenError("not set up here")
        return base

    def _headers(self, cloud: str) -> dict[str, str]:
        if cloud == "connect-audit":
            return token_header(self.work)
        if cloud in {"graph", "exchange"}:
            anchor = f"APP:{SYSTEM_MAILBOX}@{self._tenant()}"
            return {"Authorization": f"Bearer {self._token(cloud)}", "X-AnchorMailbox": anchor}
        tokens = {
            "webex": self.bot.webex_access_token,
            "contact-center": self.work.contact_center_token,
        }
        return {"Authorization": f"Bearer {tokens[cloud]}"} if cloud in tokens else {}

    def _token(self, cloud: str) -> str:
        """Return the app-only token for Graph or Exchange, which is asked for once.

        Raises:
            UnseenError: there is none, or the tenant grants the app nothing.
        """
        if cloud not in self._tokens:
            self._tokens[cloud] = self._fetched(cloud)
        token, why = self._tokens[cloud]
        if why:
            raise UnseenError(why)
        return token

    def _fetched(self, cloud: str) -> tuple[str, str]:
        graph, exchange = graph_default(self.work.graph_url), exchange_scope(self.work.exchange_url)
        try:
            scope = graph if cloud == "graph" else exchange
            token = app_token(self.work, self._tenant(), scope)
        except CloudError as error:
            return "", f"no token: {error.cause} {told_codes(error.words)}".rstrip()
        return token, "" if roles_in(token) else "the tenant grants the bot's app nothing"

    def _tenant(self) -> str:
        """Return the tenant's id, or the domain if the login service does not say it."""
        row = next(each for each in assumptions() if each.cloud == "entra")
        try:
            issuer = as_dict(self._answer(row).get("body")).get("issuer")
        except UnseenError:
            return self.domain
        found = UUID.search(str(issuer))
        return found[0] if found else self.domain

    def _filled(self, request: Json) -> Json:
        """Return the request with the tenant's values in place of their names."""
        text, at = json.dumps(request), now()
        values = {
            "domain": self.domain,
            "tenant": self._tenant() if "{tenant}" in text else "",
            "client_id": self.work.microsoft_client_id,
            "org": self.work.contact_center_org,
        }
        for name, days in (("now", 0), ("day_ago", 1), ("month_ago", 30), ("year_ago", 365)):
            moment = at - timedelta(days=days)
            seconds = int(moment.timestamp())
            values |= {name: instant(moment), f"{name}_s": str(seconds)}
            values[f"{name}_ms"] = f"{seconds}000"
        for name, value in values.items():
            text = text.replace(f"{{{name}}}", value)
        filled: Json = json.loads(text)
        return filled


def _content(answer: httpx.Response) -> bytes:
    """Return the body, or nothing if it is not in the encoding that it claims (microsoft.md 3.5)."""
    try:
        return answer.read()
    except httpx.DecodingError:
        return b""


def _greeting(server: str) -> Json:
    probe = asyncio.run(hello_probe(server))
    if probe.failed_phase == "connect":
        raise UnseenError("no connection")
    return {"status": 200, "text": "\n".join(probe.transcript)}


def judged(row: Assumption, document: Json) -> tuple[Verdict, str]:
    """Return what an answer shows of an assumption, and what came instead.

    Raises:
        UnseenError: the answer says nothing about it.
    """
    status, body = document["status"], document.get("body")
    if status != row.status:
        told = f"{status} {told_codes(json.dumps(body))}".rstrip()
        if status in UNSEEN or status in row.unseen or status >= httpx.codes.INTERNAL_SERVER_ERROR:
            raise UnseenError(told)
        return Verdict.FAILS, f"{told}, not {row.status}"
    empty, wrong = "", list[str]()
    for each in row.expect:
        place, operator, wanted = each.split(" ", maxsplit=2)
        found = values_at(document, place)
        if not found and operator != "has":
            empty = place
        wrong += [f"{place} {told}" for told in sorted(_against(operator, wanted, found))]
    if empty and not wrong:
        raise UnseenError(f"nothing is in {empty}")
    return (Verdict.FAILS, "; ".join(wrong)) if wrong else (Verdict.HOLDS, "")


ABSENT = ...
"""Value of a place that an answer does not have."""
KINDS = {"NoneType": "null", "bool": "boolean", "str": "string"}
KINDS |= {"dict": "object", "list": "array", "ellipsis": "absent"}


def kind_of(value: Any) -> str:
    return KINDS.get(type(value).__name__, "number")


def values_at(document: Any, place: str) -> list[Any]:
    """Return the values at a place, whatever the case of the keys."""
    values = [document]
    for part in place.split("."):
        name = part.removesuffix("[]").lower()
        values = [with_low_keys(each).get(name, ABSENT) for each in values]
        if part.endswith("[]"):
            values = [
                item for each in values for item in (each if isinstance(each, list) else [ABSENT])
            ]
    return values


def _against(operator: str, wanted: str, found: list[Any]) -> set[str]:
    """Return what speaks against an expectation, without a value of the tenant."""
    if operator == "has":
        return set() if wanted in found else {f"lacks {wanted}"}
    return {_otherwise(operator, wanted, value) for value in found} - {""}


def _otherwise(operator: str, wanted: str, value: Any) -> str:
    kind = kind_of(value)
    if operator == "is":
        return "" if _is(wanted, value) else f"is {kind}"
    if not isinstance(value, str):
        return "" if operator.endswith("?") and kind in {"null", "absent"} else f"is {kind}"
    if operator == "in":
        return "" if value in wanted.split("|") else "is another word"
    return "" if re.search(wanted, value) else "is another text"


def _is(wanted: str, value: Any) -> bool:
    if wanted == "empty":
        return isinstance(value, list) and not value
    kinds = {wanted.removesuffix("?")} | ({"null", "absent"} if wanted.endswith("?") else set())
    return kind_of(value) in kinds


UUID = re.compile(r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
CODE = re.compile(
    r"\bAADSTS\d{4,7}\b"
    r"|\b(?:Request|Authorization|Authentication|Directory|Service)_[A-Z][A-Za-z]+"
    r"|\b(?:invalid|unauthorized|unsupported|access|interaction|consent|temporarily)_[a-z_]+"
    r"|\b(?:[A-Z][A-Za-z]+)?(?:Exception|Denied|NotFound|BadRequest|Unauthorized|Forbidden)\b"
    r"|(?<![\w.])[245]\.\d{1,3}\.\d{1,3}(?![\w.])"
)
"""Pattern of the codes that may be shown to everybody."""
KEY = re.compile(
    r"[A-Za-z]{0,20}[a-z]\d?[A-Z][A-Za-z]{1,40}(?:@odata\.type)?|@(?:odata|adminapi)\.[A-Za-z]+"
)
"""Pattern of a field's name in two words, which no tenant chooses."""
KINDS_OF_TEXT = (
    ("id", UUID),
    ("time", re.compile(r"\d{4}-\d\d-\d\dT")),
    ("address", re.compile(r"@")),
    ("web address", re.compile(r"://")),
    ("text", re.compile(r"")),
)
SMTP = re.compile(
    "AUTH|LOGIN|PLAIN|XOAUTH2|OAUTHBEARER|STARTTLS|SIZE|PIPELINING|DSN|ENHANCEDSTATUSCODES"
    "|8BITMIME|BINARYMIME|CHUNKING|SMTPUTF8|EHLO|QUIT"
)


@cache
def words() -> frozenset[str]:
    """Return the words that the table expects; as the only values of answers they may be shown."""
    rows = (each.split(" ", maxsplit=2) for row in assumptions() for each in row.expect)
    return frozenset(
        word
        for _, operator, wanted in rows
        if operator in {"in", "has"}
        for word in wanted.split("|")
    )


@cache
def names() -> frozenset[str]:
    """Return the names of fields that the table mentions."""
    places = (each.partition(" ")[0] for row in assumptions() for each in row.expect)
    return frozenset(part for place in places for part in re.findall(r"\w+", place))


def told_codes(text: str) -> str:
    return " ".join(dict.fromkeys(CODE.findall(text)))


def shape(value: Any) -> Any:
    """Return an answer's JSON with its keys and types, but only with words that anybody may read."""
    if isinstance(value, dict):
        kept = (key for key in value if key in names() or KEY.fullmatch(key))
        return {key: shape(value[key]) for key in kept}
    if isinstance(value, list):
        shapes = {json.dumps(each): each for each in map(shape, value[:100])}
        return list(shapes.values())[:3]
    if isinstance(value, str) and value and value not in words():
        kind = next(name for name, pattern in KINDS_OF_TEXT if pattern.search(value))
        return f"({kind} {codes})" if (codes := told_codes(value)) else f"({kind})"
    return value if value is None or isinstance(value, bool | str) else 0


def _line(line: str) -> list[str]:
    """Return who sent a line of SMTP, and the line with its codes and keywords."""
    who, _, said = line.partition(": ")
    code = re.match(r"\d{3}(?:[ -]|$)", said)
    rest = said[code.end() :] if code else said
    kept = (word if SMTP.fullmatch(word) else told_codes(word) or "(text)" for word in rest.split())
    return [who, (code[0] if code else "") + " ".join(dict.fromkeys(kept))]


def recording(seen: Seen) -> Json:
    """Return the answer in the form of recorded traffic, with what was seen of the assumption."""
    row, document = seen.assumption, seen.document
    entry: Json = {
        "id": re.sub(r"\W+", "-", row.name.lower()),
        "source": "webex-email-bot trial",
        "recorded": f"{now():%Y-%m-%d}",
        "section": row.section,
        "verdict": seen.verdict,
        "told": seen.told,
    }
    if not document:
        return entry | {"claim": row.name}
    if "text" in document:
        lines = (line for line in document["text"].split("\n") if line[:3] in {"S: ", "C: "})
        return entry | {"lines": list(map(_line, lines))}
    answer = {"status": document["status"], "headers": {}, "body": shape(document["body"])}
    return entry | {"request": row.request, "response": answer}


def as_text(seen: Sequence[Seen], private: Sequence[str]) -> str:
    """Return the file: a JSON list with one line for each assumption.

    ``private`` are texts that are removed wherever they still are.
    """
    data = Redactor(private).data(list(map(recording, seen)))
    text = "[\n" + ",\n".join(json.dumps(each) for each in data) + "\n]\n"
    for each in filter(None, private):
        text = re.sub(re.escape(each), GONE, text, flags=re.IGNORECASE)
    return text


def main(trial: Trial, file: Path, say: Callable[[str], None], more: Iterable[Seen] = ()) -> int:
    """Report every assumption, write the file, and return 1 if one does not hold, else 0.

    ``more`` is what the setup and undo of a test mailbox have shown.
    """
    seen = []
    for each in chain(trial.look(), more):
        seen.append(each)
        told = f" ({each.told})" if each.told else ""
        say(f"{each.verdict}: {each.assumption.name} [{each.assumption.section}]{told}")
    file.write_text(as_text(seen, trial.private()), encoding="utf-8")
    count = Counter(each.verdict for each in seen)
    say(", ".join(f"{verdict}: {count[verdict]}" for verdict in Verdict))
    say(f"{file} has shapes and codes only. Read it, then paste it into an issue.")
    return 1 if count[Verdict.FAILS] else 0


@contextmanager
def opened(bot: BotSettings, work: Settings, domain: str) -> Iterator[Trial]:
    """Open a trial at the tenant of the domain, or of the first of ALLOWED_EMAIL_DOMAINS."""
    webex = httpx.URL(bot.webex_api_url).host.lower()
    with client_of(work.hosts | {webex}, SECONDS) as http:
        yield Trial(bot, work, domain or bot.allowed_email_domains[0], http)
