"""Webex Connect's messaging API: send one mail, and learn what became of it (facts/connect.md 1.6 and 2.2)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from jobs.clouds.errors import CloudError, KnownError
from jobs.clouds.http import Call
from jobs.clouds.json_values import as_dict, with_low_keys
from jobs.contact_center.client import ask, value
from jobs.settings import Settings

SUBMITTED = "7501"
_CAUSES = {
    "7553": "connect_login_failed",
    "7554": "connect_smtp_failed",
    "7001": "webex_key_refused",
    "7002": "webex_key_refused",
    "7007": "connect_service_inactive",
    "7010": "connect_address_not_allowed",
    "7020": "webex_busy",
    "7104": "connect_sender_unknown",
}
OF_THE_RECIPIENT = frozenset({"7241", "7523", "7524", "7535", "7536"})
"""Receipts about this one mail: unsubscribed, an address that is none, too large, its template (facts/connect.md 1.6)."""
_OTHERS = frozenset({"7000", "7003", "7004", "7005", "7006"})
"""Requests that Webex Connect does not take: their JSON, their parameters, expired, its own trouble (facts/connect.md 1.6)."""
_CODE = re.compile(r"(?<![\w.:/-])7\d{3}(?!\w|\.\d)")
"""A code in somebody's words, and no part of an id, of an address or of a number."""
_STATUS_CODES = {"submitted": SUBMITTED, "delivered": SUBMITTED, "failed": "failed"}
_NOT_FOR_US = frozenset({400, 401, 403, 404, 405})


@dataclass(frozen=True, slots=True)
class Receipt:
    """What became of a mail: Webex Connect's code (7501 is good), its words, and the transaction id that its debug console knows.

    ``refused`` is the cause where Webex Connect did not even take the mail from the bot.
    """

    code: str
    words: str
    transaction: str = ""
    refused: str = ""


@dataclass(frozen=True, slots=True)
class Mail:
    """One test mail. ``reference`` is the correlation id; ``notify`` is where its receipt is posted to."""

    sender: str
    recipient: str
    subject: str
    body: str
    reference: str
    notify: str


def cause_of(code: str, otherwise: str = "") -> str:
    """The cause behind a code of Webex Connect; a code that nobody described is shown whole."""
    return _CAUSES.get(code, otherwise or "connect_send_failed")


def explain(text: str) -> list[KnownError]:
    """Every code of Webex Connect in a pasted text that the documents name, each cause once."""
    once: dict[str, KnownError] = {}
    for match in _CODE.finditer(text):
        if match[0] in _CAUSES or match[0] in OF_THE_RECIPIENT | _OTHERS:
            once.setdefault(cause_of(match[0]), KnownError(cause_of(match[0]), match[0], match.start()))
    return list(once.values())


async def send(settings: Settings, mail: Mail) -> str:
    """Send it, once, and give its transaction id. Whether it left is told by a receipt, later.

    Raises:
        CloudError: Webex Connect does not take it; its code stands in the error.
    """
    body = {
        "channel": "email",
        "from": mail.sender,
        "to": [{"email": [mail.recipient], "correlationId": mail.reference}],
        "content": {"type": "text", "subject": mail.subject, "text": mail.body},
        "requestedReceipts": ["submitted", "failed"],
        "notifyUrl": mail.notify,
    }
    call = Call("connect", "POST", f"{settings.connect_url}/v2/messages", headers=_key(settings), body=body, repeatable=False)
    return value(await ask(settings, call), "messageId", "transid")


async def poll(settings: Settings, message: str) -> Receipt | None:
    """What Webex Connect says of the mail; None where it says nothing yet, or does not offer the question (it is in beta)."""
    url = f"{settings.connect_url}/v2/messages/{quote(message, safe='')}"
    try:
        return receipt_of(await ask(settings, Call("connect", "GET", url, headers=_key(settings))))
    except CloudError as error:
        if error.status in _NOT_FOR_US:
            return None
        raise


def receipt_of(body: object) -> Receipt | None:
    """A receipt as it is posted, or a polled status; None if it is neither, or the mail is still on its way."""
    outer = _inner(body, "deliveryInfoNotification")
    info = _inner(outer, "deliveryInfo")
    status = value(info, "deliveryStatus", "status")
    code = value(info, "code", "statusCode") or _STATUS_CODES.get(status.lower(), "")
    if not code:
        return None
    return Receipt(code, value(info, "Description", "deliveryStatus", "status"), value(outer, "transid", "messageId"))


def _inner(body: object, name: str) -> Mapping[str, Any]:
    """The object under a name, whatever the case of the name; the object itself where there is none."""
    return as_dict(with_low_keys(body).get(name.lower(), body))


def _key(settings: Settings) -> dict[str, str]:
    return {"key": settings.connect_key}
