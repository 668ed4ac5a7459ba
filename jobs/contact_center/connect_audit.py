"""User audit log of Webex Connect: who changed what and when, without values.

Source: platforms/connect.md 2.3, which does not confirm the request: POST is tried first, then GET
with a body, and the header of the token is a setting.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from jobs.causes.cause import Cause
from jobs.clock import parse
from jobs.clouds.errors import CloudError, CloudReply, Transient
from jobs.clouds.http import Call
from jobs.clouds.json_values import as_dict
from jobs.contact_center.client import ask, rows_in, value
from jobs.model import ConnectChange
from jobs.redact import without_secrets
from jobs.settings import Settings

SERVICE = "connect-audit"
PAGE = 2000
"""Entries of a page: the service's default; the limit is 10,000."""
MOST_PAGES = 10
LONGEST_S = 15.0
"""Longest time for all pages, because a check waits for them."""
_OTHER_METHOD = frozenset({400, 404, 405})
_CHANGES = re.compile(
    r"(?:create|delete|discard|insert|reactivate|save|share|update)"
    r"(?:App|AuthorizationIntegration|(?:Service)?Credential|EmailDomainSettings|Flow"
    r"|OutBoundWebHook|Rule(?:Status)?|Service(?:LockStatus)?|TenantSettings|WfStatusOn\w+)",
    re.IGNORECASE,
)
"""Pattern of actions that may stop mail, of about 270; Cisco adds more."""
_NAMES = ("eventDescription", "eventCategory", "userAction", "user_action")
"""Fields that may hold the action's name. In Cisco's sample ``eventCategory`` holds ``ERROR``."""
_FAILED = re.compile(r"err|fail", re.IGNORECASE)
_LONGEST_TEXT = 200


@dataclass(frozen=True, slots=True)
class ConnectChanges:
    """Changes that may stop mail, newest first.

    ``whole`` is False if the log was longer than the bot reads. ``method`` is the HTTP method that
    the service accepted.
    """

    rows: tuple[ConnectChange, ...]
    whole: bool
    method: str


async def read_changes(settings: Settings, since: datetime, until: datetime) -> ConnectChanges:
    """Return the changes in Webex Connect between the two times."""
    log = _Log(settings, since, until)
    try:
        async with asyncio.timeout(LONGEST_S):
            rows, whole = await log.pages()
    except TimeoutError as late:
        words = f"no answer in {LONGEST_S:g} s"
        raise Transient(Cause.TIMED_OUT, CloudReply(SERVICE, message=words)) from late
    once = dict.fromkeys(filter(None, map(_change, rows)))  # two pages may have the same entry
    newest_first = sorted(once, key=lambda change: change.at, reverse=True)
    return ConnectChanges(tuple(newest_first), whole, log.method)


@dataclass(slots=True)
class _Log:
    """Reading of the audit log; ``method`` is empty until the service has accepted a method."""

    settings: Settings
    since: datetime
    until: datetime
    method: str = ""

    async def pages(self) -> tuple[list[dict[str, Any]], bool]:
        """Return the entries, and whether these are all; a page may be short of those asked for."""
        rows: list[dict[str, Any]] = []
        for _ in range(MOST_PAGES):
            page, total = await self._page(len(rows))
            rows += page
            if not page or (len(rows) >= total if total else len(page) < PAGE):
                return rows, True
        return rows, False

    async def _page(self, offset: int) -> tuple[list[dict[str, Any]], int]:
        body = {
            "range": "custom",
            "from": _stamp(self.since),
            "to": _stamp(self.until),
            "offset": offset,
            "max": PAGE,
            "eventCategories": "",
            "actorIds": "",
            "adminRoles": "",
        }
        answer = as_dict(await self._ask(body))
        total = value(answer, "totalRecords")
        return rows_in(answer, "auditLogs", SERVICE), int(total) if total.isdecimal() else 0

    async def _ask(self, body: Mapping[str, Any]) -> Any:
        if self.method:
            return await self._send(self.method, body)
        try:
            return await self._send("POST", body)
        except CloudError as first:
            if first.status not in _OTHER_METHOD:
                raise
            try:
                return await self._send("GET", body)
            except CloudError as second:  # that a method is not there says less than a refusal
                raise (first if second.status in {404, 405} else second) from None

    async def _send(self, method: str, body: Mapping[str, Any]) -> Any:
        url, headers = self.settings.connect_audit_url, token_header(self.settings)
        call = Call(SERVICE, method, url, {}, headers, body, repeatable=True)
        answer = await ask(self.settings, call)
        self.method = method
        return answer


def token_header(settings: Settings) -> dict[str, str]:
    name, token = settings.connect_audit_header, settings.connect_audit_token
    return {name: f"Bearer {token}" if name.lower() == "authorization" else token}


def _change(row: dict[str, Any]) -> ConnectChange | None:
    names = (value(row, name) for name in _NAMES)
    event = next((name for name in names if _CHANGES.fullmatch(name)), "")
    at = parse(value(row, "created"))
    if not event or at is None:
        return None
    return ConnectChange(
        at=at,
        by=value(row, "actorEmail"),
        event=event,
        told=without_secrets(value(row, "actionText"))[:_LONGEST_TEXT],
        failed=bool(_FAILED.search(value(row, "statusOfAction"))),
    )


def _stamp(at: datetime) -> str:
    return at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
