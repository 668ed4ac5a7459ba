"""Exchange Online cmdlets over the undocumented HTTP of the PowerShell module (microsoft.md 3)."""

import asyncio
import json
import re
from collections.abc import Awaitable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any
from urllib.parse import quote, urljoin

import httpx
from requests.structures import CaseInsensitiveDict

from jobs.causes.cause import Cause, ErrorKind, Meaning
from jobs.causes.patterns import answer_of, meaning_of
from jobs.clouds import errors
from jobs.clouds.http import EXCHANGE_READ_SECONDS, Call, Response, TokenSource, request
from jobs.clouds.json_values import as_dict, as_list, dicts_in, parsed, text_of, with_low_keys
from jobs.clouds.rate_limit import RateLimiter, SingleFlight, Throttle
from jobs.microsoft.graph import error_body

#: Microsoft publishes no limit, and no Retry-After was ever seen (microsoft.md 3.5). A run makes
#: six reads at once.
_AT_ONCE = 6

#: Anchor mailbox that Exchange uses to route app-only calls (microsoft.md 3.2).
SYSTEM_MAILBOX = "SystemMailbox{bb558c35-97f1-4cb9-8ff7-d53741dc928c}"

_OF_ONE_OBJECT = frozenset(
    {
        "get-casmailbox",
        "get-mailbox",
        "get-organizationconfig",
        "get-recipient",
        "get-transportconfig",
        "get-user",
    }
)
"""Cmdlets that ask for one object: by its identity, or because each organization has one.

If it does not exist, Exchange answers with ManagementObjectNotFoundException (microsoft.md 3.5).
"""


MOST_PAGES = 20
"""Number of pages after the first one that are read. A page has a thousand rows."""
_CUT = re.compile(r"more results|ResultSize|only the first \d+", re.IGNORECASE)
"""Words of Exchange's warning that rows are missing. Any other warning is not about the rows."""

Params = Mapping[str, Any]


class ExchangeRow(CaseInsensitiveDict[Any]):
    """Object that a cmdlet returned, without the annotations of its properties."""

    def __init__(self, properties: Mapping[str, Any]) -> None:
        super().__init__({name: value for name, value in properties.items() if "@" not in name})


@dataclass(eq=False)
class InvokeCommand:
    """Exchange's cmdlets for one administrator; without ``anchor_upn`` the app is the caller."""

    http: httpx.AsyncClient
    token_source: TokenSource
    base_url: str
    tenant_id: str
    anchor_upn: str
    memo: SingleFlight = field(default_factory=SingleFlight)
    pace: RateLimiter = field(default_factory=RateLimiter)
    spacing: Throttle = field(default_factory=Throttle)
    at_once: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(_AT_ONCE))

    @property
    def url(self) -> str:
        return f"{self.base_url}/adminapi/beta/{quote(self.tenant_id, safe='')}/InvokeCommand"

    async def run(self, cmdlet: str, parameters: Params) -> list[ExchangeRow]:
        """Run a cmdlet and return its rows.

        An empty list is an empty result, not an error, and never the answer of a cmdlet that asks
        for one object. A parameter that is None clears a value. Only ``Get-``, ``Set-`` and
        ``Test-`` cmdlets are retried after a timeout, because they have the same effect twice.
        """
        if is_read(cmdlet):
            key = json.dumps([cmdlet, dict(parameters)], default=str)
            return await self.memo.read(key, lambda: self._sent(cmdlet, parameters))
        async with self.memo.writing():
            return await self._sent(cmdlet, parameters)

    async def _sent(self, cmdlet: str, parameters: Params) -> list[ExchangeRow]:
        upn, app = self.anchor_upn, f"APP:{SYSTEM_MAILBOX}@{self.tenant_id}"
        call = Call(
            "exchange",
            "POST",
            self.url,
            headers={
                "X-AnchorMailbox": f"UPN:{upn}" if upn else app,
                "X-CmdletName": cmdlet,
                "Prefer": "odata.maxpagesize=1000",
            },
            body={"CmdletInput": {"CmdletName": cmdlet, "Parameters": dict(parameters)}},
            repeatable=cmdlet.lower().startswith(("get-", "set-", "test-")),
            read_seconds=EXCHANGE_READ_SECONDS,
        )
        async with self.at_once, self.pace.slot(cmdlet):
            answer = await self._ask(call)
            rows = _rows(cmdlet, answer)
            # of so few rows as were asked for, none is missing
            whole = not is_read(cmdlet) or "ResultSize" in parameters
            return rows if whole else await self._with_pages(cmdlet, call, answer, rows)

    def _ask(self, call: Call) -> Awaitable[Response]:
        source, reported, turn = self.token_source, judge_reported_errors, self.spacing.slot
        return request(self.http, call, judge_exchange, source=source, reported=reported, turn=turn)

    async def _with_pages(
        self, cmdlet: str, call: Call, answer: Response, rows: list[ExchangeRow]
    ) -> list[ExchangeRow]:
        """Return the rows of the answer and of all pages after it: the same request elsewhere.

        Exchange gives the page to one caller and refuses it to another (microsoft.md 3.4).

        Raises:
            MalformedAnswer: ``exchange_answer_cut``, when rows are missing and cannot be requested.
        """
        seen: set[str] = set()
        cmdlets = urljoin(self.url, "/adminapi/").lower()  # the token goes nowhere else
        while link := text_of(as_dict(answer.data), "@odata.nextLink"):
            if link in seen or len(seen) == MOST_PAGES or not link.lower().startswith(cmdlets):
                raise cut_short(answer, link)
            seen.add(link)
            try:
                answer = await self._ask(replace(call, url=link))
            except errors.REFUSALS as refused:
                raise cut_short(answer, refused.words or refused.cause) from refused
            rows = [*rows, *_rows(cmdlet, answer)]
        warnings = map(str, as_list(as_dict(answer.data).get("@adminapi.warnings")))
        if missing := next(filter(_CUT.search, warnings), ""):
            raise cut_short(answer, missing)
        return rows


def is_read(cmdlet: str) -> bool:
    return cmdlet.lower().startswith("get-")


def _rows(cmdlet: str, answer: Response) -> list[ExchangeRow]:
    """Return the rows of an answer. Set- cmdlets answer with an empty list or no body.

    Raises:
        MalformedAnswer: the answer is no list of objects, or has nothing that was read and does not
            say that nothing exists.
    """
    value = _value(answer.data)
    are_objects = isinstance(value, list) and all(isinstance(each, dict) for each in value)
    says_none = cmdlet.lower() not in _OF_ONE_OBJECT and as_dict(answer.data).get("value") == []
    if not are_objects or (is_read(cmdlet) and not any(value) and not says_none):
        why = "an answer without a list of objects"
        raise errors.unreadable("exchange", why, answer.status, ids=answer.ids)
    return [ExchangeRow(each) for each in value]


def _value(data: Any) -> Any:
    """Return the list in an answer; a single object, in ``value`` or instead of it, becomes one."""
    if data is None or isinstance(data, list):
        return data or []
    if not isinstance(data, dict):
        return None
    alone = {name: each for name, each in data.items() if "@" not in name}
    found = alone.get("value", [alone] if alone else [])
    return [found] if isinstance(found, dict) else found or []


_BY_STATUS = {
    401: Meaning(Cause.EXCHANGE_CONSENT_MISSING, ErrorKind.SIGN_IN_NEEDED),
    403: Meaning(Cause.EXCHANGE_ROLE_MISSING, ErrorKind.FORBIDDEN),
}
"""Meaning at Exchange: no grant is 401, a grant without a role is 403 (microsoft.md 3.3, live)."""
_EXCEPTION = re.compile(r"^(?:Ex[0-9A-F]+)?\|(?P<type>[\w.]+)\|", re.IGNORECASE)
_PLAIN_TEXT = re.compile(r"[^\x00<{][^\x00]*")
"""Pattern of a body that is plain text: no JSON, no HTML page, and no NUL bytes."""


def judge_exchange(response: httpx.Response, ids: errors.RequestIds) -> errors.CloudError:
    """Return the error for an error answer of InvokeCommand.

    Its ``message`` is always generic; the useful text is in ``internalexception`` or ``details``. A
    cmdlet's own exception takes precedence over the status, because "not found" was captured under
    a 500's code. A 403 has a body of NUL bytes, both for a missing role and for an unknown cmdlet.
    Some answers are plain text, and the header ``X-ExceptionType`` names the exception.
    """
    error = error_body(response)
    kind, message = _exchange_words(error)
    kind = kind or response.headers.get("x-exceptiontype", "")
    if not message and not error:
        told = parsed(response.content)  # plain text, or a JSON string
        text = told if isinstance(told, str) else response.text.strip()
        message = text if _PLAIN_TEXT.fullmatch(text) else ""
    status = response.status_code
    told = status != httpx.codes.TOO_MANY_REQUESTS and answer_of("exchange", kind, message)
    meaning = told or _BY_STATUS.get(status) or errors.by_status(status, gateway=not error)
    code = kind.rpartition(".")[2] or text_of(error, "code")
    return errors.error_for(meaning, "exchange", response.status_code, code, message, ids)


def judge_reported_errors(answer: Response) -> errors.CloudError | None:
    """Return the error of a cmdlet that failed in an answer with a 2xx status, or None.

    Microsoft's own module takes each of the answer's ``@adminapi.errors``, which is a list of
    texts, as a failure of the cmdlet.
    """
    listed = filter(None, as_list(as_dict(answer.data).get("@adminapi.errors")))
    plain = (each if isinstance(each, str) else json.dumps(each) for each in listed)
    texts = [_split(_unwrapped(each)) for each in plain]
    if not texts:
        return None
    kind, _ = texts[0]
    message = "; ".join(words for _, words in texts)
    meaning = answer_of("exchange", kind, message) or meaning_of(Cause.REQUEST_REJECTED)
    code = kind.rpartition(".")[2]
    return errors.error_for(meaning, "exchange", answer.status, code, message, answer.ids)


def _exchange_words(error: dict[str, Any]) -> tuple[str, str]:
    internal = as_dict(as_dict(error.get("innererror")).get("internalexception"))
    if internal.get("message"):
        return text_of(internal, "type"), str(internal["message"])
    detail = next(iter(dicts_in(error.get("details"))), {})
    kind, message = _split(_unwrapped(text_of(detail, "message")))
    return kind, message or text_of(error, "message")


def _unwrapped(text: str) -> str:
    inner = with_low_keys(parsed(text)) if text.startswith("{") else {}
    return text_of(inner, "message") or text


def _split(text: str) -> tuple[str, str]:
    found = _EXCEPTION.match(text)
    return (found["type"] if found else ""), _EXCEPTION.sub("", text)


def cut_short(answer: Response, words: str) -> errors.MalformedAnswer:
    return errors.MalformedAnswer(
        Cause.EXCHANGE_ANSWER_CUT, "exchange", answer.status, message=words, ids=answer.ids
    )


_PLAIN = re.compile(r"[\w.][\w.:+@-]*")
_QUOTES = re.compile("['\u2018\u2019\u201a\u201b]")
"""Characters that end a single-quoted string in PowerShell. Doubling one escapes it."""


def command_text(cmdlet: str, parameters: Mapping[str, object]) -> str:
    """Return a command as a person may paste it, without the parameter that answers a question."""
    given = "".join(
        f"{'' if name == 'Identity' else f' -{name}'} {_text(value)}"
        for name, value in parameters.items()
    )
    return f"{cmdlet}{given}".removesuffix(" -Confirm $false")


def _text(value: object) -> str:
    if value is None or isinstance(value, bool):
        return {None: "$null", True: "$true", False: "$false"}[value]
    values = value if isinstance(value, list) else [value]
    return ", ".join(quoted(str(each)) for each in values)


def quoted(value: str) -> str:
    """Return the value unchanged if PowerShell reads it literally, otherwise in single quotes."""
    if _PLAIN.fullmatch(value):
        return value
    return f"'{_QUOTES.sub(lambda found: found.group() * 2, value)}'"
